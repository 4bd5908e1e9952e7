"""Importing pyoci's own modules without asking the file system where they are.

Python's finder lists directories, looks at several names and builds a loader for each module. Of the 80 modules of
``run`` it is known where they lie, so this one opens the bytecode at once. That spares an eighth of what the whole
command executes. Its rules are Python's: bytecode that is missing, of another Python or older than its
source is left to the ordinary importer.

``bin/pyoci`` installs it; whoever imports pyoci as a library never notices.
"""

from __future__ import annotations

import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

_PREFIX = __package__ + "."
_ABOVE = __file__[: -len("pyoci/importer.py")]
_TAG = f".{sys.implementation.cache_tag}.pyc"
# PEP 552: the magic number, flags (0: checked by time), the source's time and size.
_HEADER = 16
_TIMED = MAGIC_NUMBER + bytes(4)


class Importer:
    """A finder and loader for the modules of this package."""

    @classmethod
    def find_spec(cls, name: str, *_others: object) -> ModuleSpec | None:
        """Where *name* is and what it holds, or None for a module that is not ours or not compiled."""
        if not name.startswith(_PREFIX):
            return None
        path = _ABOVE + name.replace(".", "/")
        directory, _slash, module = path.rpartition("/")
        code = _read(f"{path}.py", f"{directory}/__pycache__/{module}{_TAG}")
        if code is not None:
            return _spec(cls, name, f"{path}.py", code)
        code = _read(f"{path}/__init__.py", f"{path}/__pycache__/__init__{_TAG}")
        if code is None:
            return None
        spec = _spec(cls, name, f"{path}/__init__.py", code)
        spec.submodule_search_locations = [path]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Execute the module."""
        code: CodeType = module.__spec__.loader_state  # type: ignore[union-attr]  # as _spec made it
        exec(code, vars(module))  # noqa: S102 (this is what a loader does)


def _spec(loader: type[Importer], name: str, path: str, code: CodeType) -> ModuleSpec:
    spec = ModuleSpec(name, loader, origin=path, loader_state=code)  # type: ignore[arg-type]  # PEP 451 asks no base
    spec.has_location = True
    return spec


def _read(source: str, compiled: str) -> CodeType | None:
    """The code in *compiled*, if that is what Python would make of *source*."""
    try:
        found = posix.stat(source)
        with open(compiled, "rb", buffering=0) as file:
            data = file.readall()
    except OSError:
        return None
    made_of = int(found.st_mtime).to_bytes(4, "little") + (found.st_size & 0xFFFF_FFFF).to_bytes(4, "little")
    if data[:_HEADER] != _TIMED + made_of:
        return None
    code: CodeType = marshal.loads(memoryview(data)[_HEADER:])  # noqa: S302 (as Python itself reads it)
    return code


def install() -> None:
    """Ask this importer first."""
    sys.meta_path.insert(0, Importer)
