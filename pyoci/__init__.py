"""pyoci: an OCI runtime for Linux, as a library.

Names are looked up when they are first used, so that importing pyoci costs next to nothing::

    import pyoci

    root = pyoci.default_root()
    pyoci.create(root, "web", "/bundles/web")
    pyoci.start(root, "web")
    pyoci.execute(root, "web", pyoci.new_process(root, "web", ["ls", "/"]))
    pyoci.kill(root, "web", signal.SIGTERM)
    status = pyoci.wait(root, "web")
    pyoci.delete(root, "web")

Operations are functions of the root directory and the container's id; what goes wrong raises an exception of
``pyoci.errors``. All that the command line does is here.
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
    from pyoci.errors import SystemdError as SystemdError
    from pyoci.errors import Unsupported as Unsupported
    from pyoci.errors import UsageError as UsageError
    from pyoci.errors import WrongStatus as WrongStatus
    from pyoci.runtime.checkpoint import checkpoint as checkpoint
    from pyoci.runtime.create import create as create
    from pyoci.runtime.delete import delete as delete
    from pyoci.runtime.events import events as events
    from pyoci.runtime.events import statistics as statistics
    from pyoci.runtime.exec import execute as execute
    from pyoci.runtime.features import features as features
    from pyoci.runtime.kill import kill as kill
    from pyoci.runtime.list import containers as containers
    from pyoci.runtime.matching import matching as matching
    from pyoci.runtime.new_process import new_process as new_process
    from pyoci.runtime.pause import pause as pause
    from pyoci.runtime.ps import pids as pids
    from pyoci.runtime.ps import table as table
    from pyoci.runtime.restore import restore as restore
    from pyoci.runtime.resume import resume as resume
    from pyoci.runtime.root import default_root as default_root
    from pyoci.runtime.run import run as run
    from pyoci.runtime.spec import template as template
    from pyoci.runtime.spec import write_template as write_template
    from pyoci.runtime.start import start as start
    from pyoci.runtime.state import state as state
    from pyoci.runtime.update import update as update
    from pyoci.runtime.wait import wait as wait

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
        "SystemdError",
        "Unsupported",
        "UsageError",
        "WrongStatus",
    ),
    "pyoci.runtime.checkpoint": ("checkpoint",),
    "pyoci.runtime.create": ("create",),
    "pyoci.runtime.delete": ("delete",),
    "pyoci.runtime.events": ("events", "statistics"),
    "pyoci.runtime.exec": ("execute",),
    "pyoci.runtime.features": ("features",),
    "pyoci.runtime.kill": ("kill",),
    "pyoci.runtime.list": ("containers",),
    "pyoci.runtime.matching": ("matching",),
    "pyoci.runtime.new_process": ("new_process",),
    "pyoci.runtime.pause": ("pause",),
    "pyoci.runtime.ps": ("pids", "table"),
    "pyoci.runtime.restore": ("restore",),
    "pyoci.runtime.resume": ("resume",),
    "pyoci.runtime.root": ("default_root",),
    "pyoci.runtime.run": ("run",),
    "pyoci.runtime.spec": ("template", "write_template"),
    "pyoci.runtime.start": ("start",),
    "pyoci.runtime.state": ("state",),
    "pyoci.runtime.update": ("update",),
    "pyoci.runtime.wait": ("wait",),
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
