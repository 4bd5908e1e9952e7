"""Importing pyoci's own modules without asking the file system where they are.

Python's finder lists directories, looks at several names and builds a loader for each module. Of the 80 modules of
``run`` it is known where they lie. This importer opens the bytecode at once, by Python's rules: bytecode that is
missing, of another Python or older than its source is left to the ordinary importer.

The script bin/pyoci uses it; whoever imports pyoci as a library never notices.
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
_SELF = "pyoci/importer.py"
_ABOVE = __file__[: -len(_SELF)]
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
        found = _compiled(name)
        if found is None:
            return None
        path, code = found
        spec = ModuleSpec(name, cls, origin=path, loader_state=code)  # type: ignore[arg-type]  # PEP 451 asks no base
        if path.endswith("/__init__.py"):
            spec.submodule_search_locations = [path[: -len("/__init__.py")]]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Execute the module."""
        module.__file__ = module.__spec__.origin  # type: ignore[union-attr]  # as find_spec made it
        code: CodeType = module.__spec__.loader_state  # type: ignore[union-attr]  # the same
        exec(code, vars(module))  # noqa: S102 (this is what a loader does)


def _compiled(name: str) -> tuple[str, CodeType] | None:
    """The source and the code of the module *name*, if its bytecode is there."""
    path = _ABOVE + name.replace(".", "/")
    directory, _slash, module = path.rpartition("/")
    for source, compiled in (
        (f"{path}.py", f"{directory}/__pycache__/{module}{_TAG}"),
        (f"{path}/__init__.py", f"{path}/__pycache__/__init__{_TAG}"),
    ):
        code = _read(source, compiled)
        if code is not None:
            return source, code
    return None


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
