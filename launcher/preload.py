"""What an image of the interpreter holds: run once, by the interpreter that becomes the image (python.c, image.py).

All modules of ours are imported here, and those of others that they import when a command needs them: afterwards there
is no place to look for one. So nothing that is done when a module is imported may depend on the process, the
environment or the host, or load a C module, which lies elsewhere in each process.
"""

from __future__ import annotations

import _thread
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

    modules: dict[str, CodeType]
    late: list[str]
    """What they import of others when they need it."""
    places: list[str]
    """Where the libraries pyoci stands on are, while the image is made."""

    modules, late, places = marshal.loads(os.read(0, os.fstat(0).st_size))  # noqa: S302 (our own)

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


# What functions of those import, in turn.
INDIRECT = ("encodings.ascii", "encodings.idna", "encodings.latin_1", "locale", "shutil")


def resume(arguments: list[bytes], variables: list[bytes]) -> NoReturn:
    """Go on as a process of its own: run the command that *arguments* are."""
    sys.argv[:] = [os.fsdecode(argument) for argument in arguments]
    posix.environ.clear()  # which os.environ shows
    for variable in variables:
        name, equals, value = variable.partition(b"=")
        if equals:
            posix.environ.setdefault(name, value)
    cli.main()


del _thread.get_native_id  # which threading would remember
# What threading and random would do in each process is for nobody: there are no threads, and no dice.
register, os.register_at_fork = os.register_at_fork, lambda **_: None
sys.meta_path.insert(0, Compiled)
sys.path[:0] = Compiled.places
for name in (*Compiled.late, *INDIRECT, *Compiled.modules):  # ours last, so that they lie together
    __import__(name)
os.register_at_fork = register

from pyoci import cli, record  # noqa: E402 (there they are)
from pyoci.config import schema  # noqa: E402 (as above)

for document in ("config", "features", "state"):
    schema.load(document)  # remembers it
kinds = [record.Record]
for kind in kinds:  # which grows
    record.fields(kind)  # remembers them
    kinds += kind.__subclasses__()

sys.meta_path.remove(Compiled)
sys.path.clear()
sys.path_importer_cache.clear()
Compiled.modules.clear()
gc.disable()
gc.collect()
gc.freeze()
