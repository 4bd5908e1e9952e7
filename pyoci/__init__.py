"""pyoci: an OCI runtime for Linux, as a library.

Names are looked up when they are first used, so that importing pyoci costs next to nothing::

    import pyoci

    pyoci.create("/run/pyoci", "web", "/bundles/web")
    pyoci.start("/run/pyoci", "web")

The operations of the specification are functions of the root directory and the container's id; what goes wrong
raises an exception of ``pyoci.errors``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config import Config as Config
    from pyoci.container.container import Container as Container
    from pyoci.container.store import Store as Store
    from pyoci.errors import BundleError as BundleError
    from pyoci.errors import ConfigError as ConfigError
    from pyoci.errors import ContainerError as ContainerError
    from pyoci.errors import ContainerExists as ContainerExists
    from pyoci.errors import ContainerNotFound as ContainerNotFound
    from pyoci.errors import HookError as HookError
    from pyoci.errors import InvalidId as InvalidId
    from pyoci.errors import PyociError as PyociError
    from pyoci.errors import StepError as StepError
    from pyoci.errors import Unsupported as Unsupported
    from pyoci.errors import WrongStatus as WrongStatus
    from pyoci.runtime.create import create as create
    from pyoci.runtime.delete import delete as delete
    from pyoci.runtime.events import events as events
    from pyoci.runtime.events import statistics as statistics
    from pyoci.runtime.exec import execute as execute
    from pyoci.runtime.kill import kill as kill
    from pyoci.runtime.list import containers as containers
    from pyoci.runtime.pause import pause as pause
    from pyoci.runtime.ps import pids as pids
    from pyoci.runtime.resume import resume as resume
    from pyoci.runtime.run import run as run
    from pyoci.runtime.start import start as start
    from pyoci.runtime.state import state as state
    from pyoci.runtime.update import update as update

__version__ = "0.1.0"
__commit__ = ""  # whoever packages a commit that is no release writes it here; ``--version`` prints it

_HOMES = {
    "pyoci.config": ("Config",),
    "pyoci.container.container": ("Container",),
    "pyoci.container.store": ("Store",),
    "pyoci.errors": (
        "BundleError",
        "ConfigError",
        "ContainerError",
        "ContainerExists",
        "ContainerNotFound",
        "HookError",
        "InvalidId",
        "PyociError",
        "StepError",
        "Unsupported",
        "WrongStatus",
    ),
    "pyoci.runtime.create": ("create",),
    "pyoci.runtime.delete": ("delete",),
    "pyoci.runtime.events": ("events", "statistics"),
    "pyoci.runtime.exec": ("execute",),
    "pyoci.runtime.kill": ("kill",),
    "pyoci.runtime.list": ("containers",),
    "pyoci.runtime.pause": ("pause",),
    "pyoci.runtime.ps": ("pids",),
    "pyoci.runtime.resume": ("resume",),
    "pyoci.runtime.run": ("run",),
    "pyoci.runtime.start": ("start",),
    "pyoci.runtime.state": ("state",),
    "pyoci.runtime.update": ("update",),
}
_PUBLIC = {name: home for home, names in _HOMES.items() for name in names}
__all__ = ["__commit__", "__version__", *_PUBLIC]  # noqa: PLE0604 (strings, all of them)


def __getattr__(name: str) -> object:
    """Import the public *name* from where it lives."""
    home = _PUBLIC.get(name)
    if home is None:
        raise AttributeError(f"module 'pyoci' has no attribute {name!r}")
    value: object = getattr(__import__(home, fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Everything public, looked up already or not."""
    return sorted({*globals(), *_PUBLIC})
