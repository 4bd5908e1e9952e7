"""The processes of a container."""

from __future__ import annotations

from pyoci.container.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.container import Container


def pids(root: str, container_id: str) -> list[int]:
    """The process ids of everything that runs in the container, as the runtime sees them, sorted.

    Raises ContainerNotFound.
    """
    container = Store(root).load(container_id)
    return sorted(_in_cgroup(container)) or ([container.pid] if container.is_alive() else [])


def _in_cgroup(container: Container) -> list[int]:
    """What its cgroup holds; nothing when cgroups are disabled."""
    cgroup = container.record["cgroup"]
    if not cgroup:
        return []
    from pyoci import cgroups

    assert isinstance(cgroup, dict)
    return cgroups.load(cgroup).pids()
