"""linux.rootfsPropagation: how mounts travel between the root filesystem and the host (config-linux.md).

The plain words mean the root mount alone, those with an ``r`` also every mount below it, as for runc: a mount's own
propagation option would be lost otherwise.
"""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.syscalls import mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

VALUES = {
    "shared": mount.MS_SHARED,
    "slave": mount.MS_SLAVE,
    "private": mount.MS_PRIVATE,
    "unbindable": mount.MS_UNBINDABLE,
    "rshared": mount.MS_SHARED | mount.MS_REC,
    "rslave": mount.MS_SLAVE | mount.MS_REC,
    "rprivate": mount.MS_PRIVATE | mount.MS_REC,
    "runbindable": mount.MS_UNBINDABLE | mount.MS_REC,
}


def check(value: str) -> None:
    """Raise ConfigError for an unknown value."""
    if value and value not in VALUES:
        raise ConfigError(f'"{value}" is not supported: it is one of {", ".join(VALUES)}')


def isolation(value: str) -> int:
    """How to change the mounts of the new mount namespace (MS_*) before anything is mounted there.

    Nothing may travel back to the host unless ``shared`` asks for it. Unbindable comes later, in ``apply``: the root
    filesystem still has to be bound.
    """
    if not value:
        return mount.MS_SLAVE | mount.MS_REC
    kind = VALUES[value] & ~mount.MS_REC
    return (mount.MS_PRIVATE if kind == mount.MS_UNBINDABLE else kind) | mount.MS_REC


def apply(init: Init) -> None:
    """Give the root mount its propagation, after the pivot and when all mounts are made."""
    value = VALUES[init.config.linux.rootfs_propagation]
    flags = mount.AT_EMPTY_PATH | (mount.AT_RECURSIVE if value & mount.MS_REC else 0)
    mount.mount_setattr(init.root, "", flags, propagation=value & ~mount.MS_REC)
