"""linux.maskedPaths: paths the container cannot read (config-linux.md#masked-paths).

Inside the root and by descriptor only. What covers a file has to be beyond the container's reach: a /dev/null
swapped for a symlink once put the host's /proc/sys/kernel/core_pattern there, writable (CVE-2025-31133).
"""

from __future__ import annotations

import errno
import os
import stat

from pyoci.config import mounts
from pyoci.config.linux import mount_label
from pyoci.syscalls import files, mount
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_NULL = os.makedev(1, 3)
_INERT = mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC


def prepare(init: Init) -> None:
    """Find out on the host whether the filesystem that covers directories needs a label."""
    init.prepared["linux.masked_paths"] = mount_label.option(init.config.linux.mount_label, "tmpfs")


def hide(init: Init) -> None:
    """Cover files with /dev/null and directories with one empty, read-only filesystem; pass over what is missing."""
    label = init.prepared.get("linux.masked_paths")
    options = [label] if isinstance(label, tuple) else []
    empty = -1
    for path in init.config.linux.masked_paths:
        try:
            with Fd(mounts.open_inside(init, path)) as target:
                empty = _cover(init.root, target.fileno(), empty, options)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            error.filename = path
            raise
    if empty >= 0:
        os.close(empty)


def _cover(root: int, target: int, empty: int, options: list[tuple[str, str | None]]) -> int:
    """Cover *target*; the empty filesystem, mounted, for the next one.

    Before Linux 6.15 only what is mounted can be cloned, so the first mount of it serves as the original.
    """
    if not stat.S_ISDIR(os.fstat(target).st_mode):
        with Fd(_null(root)) as null:
            mount.attach(null.fileno(), target)
        return empty
    if empty < 0:
        empty = mount.new_filesystem("tmpfs", "tmpfs", [("mode", "755"), ("ro", None), *options], _INERT)
        mount.attach(empty, target)
    else:
        with Fd(mount.clone(empty, "")) as copy:
            mount.attach(copy.fileno(), target)
    return empty


def _null(root: int) -> int:
    """A detached mount of /dev/null; of an empty file of our own where the container has no true one."""
    try:
        with Fd(files.open_in_root(root, "/dev/null", os.O_PATH | os.O_NOFOLLOW)) as node:
            found = os.fstat(node.fileno())
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == _NULL:
                return mount.clone(node.fileno(), "")
    except (FileNotFoundError, NotADirectoryError):
        pass
    return _empty_file(root)


def _empty_file(root: int) -> int:
    """A detached, read-only mount of an empty file."""
    with Fd(mount.new_filesystem("tmpfs", "tmpfs")) as place:
        os.mknod("masked", stat.S_IFREG, dir_fd=place.fileno())
        try:
            file = mount.clone(place.fileno(), "masked")
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            file = _clone_attached(root, place.fileno())
    mount.mount_setattr(file, "", mount.AT_EMPTY_PATH, attr_set=_INERT)
    return file


def _clone_attached(root: int, place: int) -> int:
    """A detached mount of the file in *place*, which lies over the root meanwhile: see _cover."""
    mount.attach(place, root)
    with Fd(os.open(".", os.O_PATH)) as here:
        os.fchdir(place)
        try:
            return mount.clone(place, "masked")
        finally:
            mount.umount2(".", mount.MNT_DETACH)
            os.fchdir(here.fileno())
