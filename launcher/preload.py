"""What an image of the interpreter holds: run once, by the interpreter that becomes the image (python.c, image.py).

All modules of ours are imported here. So nothing that is done when a module is imported may depend on the process, the
environment or the host, or load a C module of others, which lies elsewhere in each process.
"""

from __future__ import annotations

import gc
import marshal
import os
import posix
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import NoReturn


class Compiled:
    """Imports from what image.py has compiled: the code of each module, which names the path that is shown."""

    modules: dict[str, CodeType] = marshal.loads(os.read(0, os.fstat(0).st_size))  # noqa: S302 (our own)

    @classmethod
    def find_spec(cls, name: str, *_others: object) -> ModuleSpec | None:
        """What *name* is, or None for a module that is not here."""
        if name not in cls.modules:
            return None
        shown = cls.modules[name].co_filename
        spec = ModuleSpec(name, cls, origin=shown)  # type: ignore[arg-type]  # PEP 451 asks no base
        if shown.endswith("/__init__.py"):
            spec.submodule_search_locations = [shown.removesuffix("/__init__.py")]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    @classmethod
    def exec_module(cls, module: ModuleType) -> None:
        """Execute the module."""
        exec(cls.modules[module.__name__], vars(module))  # noqa: S102 (this is what a loader does)


def resume(library: str, arguments: list[bytes], variables: list[bytes]) -> NoReturn:
    """Go on as a process of its own: run the command that *arguments* are, with *library* as the place of modules."""
    sys.argv[:] = [os.fsdecode(argument) for argument in arguments]
    sys.path.append(library)
    for package in packages:
        package.__path__[0] = f"{library}/{package.__path__[0]}"
    posix.environ.clear()  # which os.environ shows
    for variable in variables:
        name, equals, value = variable.partition(b"=")
        if equals:
            posix.environ.setdefault(name, value)
    cli.main()


sys.meta_path.insert(0, Compiled)
for name in Compiled.modules:
    __import__(name)
sys.meta_path.remove(Compiled)
packages = [module for name, module in sys.modules.items() if name in Compiled.modules and hasattr(module, "__path__")]

from pyoci import cli, record  # noqa: E402 (there they are)

kinds = [record.Record]
for kind in kinds:  # which grows
    record.fields(kind)  # remembers them
    kinds += kind.__subclasses__()

Compiled.modules.clear()
gc.disable()
gc.collect()
gc.freeze()
