"""linux.readonlyPaths: paths the container cannot write to (config-linux.md#readonly-paths)."""

from __future__ import annotations

from pyoci.config import mounts
from pyoci.syscalls import mount
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


def remount(init: Init) -> None:
    """Mount each path over itself read-only, by descriptor; what is missing needs nothing.

    Other mounts below it are taken along as they are: whoever listed one there as writable meant it, as for runc.
    A flag is added and none taken away, so that locked ones stay.
    """
    for path in init.config.linux.readonly_paths:
        try:
            with Fd(mounts.open_inside(init, path)) as target:
                _remount(target.fileno())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            error.filename = path
            raise


def _remount(target: int) -> None:
    with Fd(mount.clone(target, "", recursive=True)) as tree:
        mount.mount_setattr(tree.fileno(), "", mount.AT_EMPTY_PATH, attr_set=mount.MOUNT_ATTR_RDONLY)
        mount.attach(tree.fileno(), target)
