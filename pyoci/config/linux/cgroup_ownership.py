"""Cgroup ownership: who a container's cgroup belongs to (config-linux.md#cgroup-ownership).

No section of its own: it follows from the namespaces and the mounts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config import Config


def owner(config: Config) -> int | None:
    """The uid on the host that shall own the cgroup, or None: it stays the runtime's.

    It is that of the process's user, and only where the container has a cgroup namespace of its own and mounts
    its cgroups writable; a container that cannot see them has no use for them.
    """
    private = any(entry.type == "cgroup" and not entry.path for entry in config.linux.namespaces)
    shown = any(entry.source == "cgroup" and entry.destination == "/sys/fs/cgroup" and "ro" not in entry.options
                for entry in config.mounts)
    if not private or not shown or "process" not in config:
        return None
    uid = config.process.user.uid
    for entry in config.linux.uid_mappings:
        if entry.container_id <= uid < entry.container_id + entry.size:
            return entry.host_id + uid - entry.container_id
    return uid if not config.linux.uid_mappings else None
