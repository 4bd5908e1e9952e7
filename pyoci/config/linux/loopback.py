"""The loopback interface of a new network namespace (runtime: "lo" is up in every container, as for all peers)."""

from __future__ import annotations

from pyoci.syscalls import network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config import Config
    from pyoci.container.init import Init


def bring_up(init: Init) -> None:
    """Bring ``lo`` up, unless the network namespace was given: then it is somebody else's affair."""
    if is_wanted(init.config):
        network.bring_up("lo")


def is_wanted(config: Config) -> bool:
    """Whether the network namespace is new."""
    return any(entry.type == "network" and not entry.path for entry in config.linux.namespaces)
