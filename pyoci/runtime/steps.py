"""Taking steps: a list of names becomes a list of functions before the fork, and is run after it.

A step is named by the path of its section and a verb: ``linux.sysctl.write`` is ``write`` in
``pyoci/config/linux/sysctl.py``. A section that config.json does not have is not even imported.
"""

from __future__ import annotations

import sys

from pyoci import log
from pyoci.errors import PyociError, StepError
from pyoci.record import Record, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from pyoci.container.init import Init

    Step = tuple[str, Callable[[Init], None]]


def find(names: tuple[str | Step, ...], init: Init) -> list[Step]:
    """The steps of *names* that *init* has sections for, prepared. A step that is no section's comes as it is."""
    steps = []
    for name in names:
        if isinstance(name, tuple):
            steps.append(name)
            continue
        path, _, verb = name.rpartition(".")
        if is_present(path, init):
            module = section(path)
            _prepare(module, path, init)
            steps.append((name, getattr(module, verb)))
    return steps


def section(path: str) -> ModuleType:
    """The module of the section at *path*, imported."""
    full = f"pyoci.config.{path}"
    __import__(full)
    return sys.modules[full]


def is_present(path: str, init: Init) -> bool:
    """Whether config.json has something for the section at *path*; what is no section is always present."""
    first, *rest = path.split(".")
    record: object = init.process if first == "process" else init.config
    for name in rest if first == "process" else (first, *rest):
        assert isinstance(record, Record)
        if name not in declared(type(record)):
            return True
        if name not in record or getattr(record, name) is False:
            return False
        record = getattr(record, name)
    return True


def _prepare(module: ModuleType, path: str, init: Init) -> None:
    prepare = getattr(module, "prepare", None)
    if prepare and path not in init.prepared:
        init.prepared[path] = None
        take([(f"{path}.prepare", prepare)], init)


def take(steps: list[Step], init: Init) -> None:
    """Run *steps* in order. Raises StepError that names the one that failed."""
    for name, step in steps:
        log.debug(name, does=(step.__doc__ or "").partition("\n")[0])
        try:
            step(init)
        except OSError as error:
            raise explain(name, error) from error
        except PyociError as error:
            error.details.setdefault("step", name)
            raise


def explain(name: str, error: OSError, hint: str | None = None) -> StepError:
    """What the kernel refused, in which step, at which call, on which file."""
    calls = getattr(error, "__notes__", [])
    files = " → ".join(f'"{file}"' for file in (error.filename, error.filename2) if file is not None)
    parts = [name, *calls, files, (error.strerror or str(error)).lower()]
    message = ": ".join([part for part in parts if part])
    call = calls[0] if calls else None
    return StepError(message, step=name or None, errno=error.errno, file=error.filename, call=call, hint=hint)


class Refuse:
    """An import finder for inside the container: nothing may be loaded from a file system nobody has vetted."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Refuse."""
        raise ImportError(f"{name} would be imported inside the container")


def forbid_imports() -> None:
    """Refuse every import from here on."""
    sys.meta_path[:] = [Refuse]
