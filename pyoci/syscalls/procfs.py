"""procfs as the kernel means it, whatever has been mounted on /proc.

A container may have bound files over /proc (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881): a write meant for
/proc/self/attr/exec must not land in a tmpfs, nor one for a sysctl in /proc/sysrq-trigger.
"""

from __future__ import annotations

import errno
import os

from pyoci import log
from pyoci.errors import Ignoring
from pyoci.syscalls import files, mount
from pyoci.syscalls.fd import Fd

_PROC_ROOT_INO = 1  # include/linux/proc_fs.h
_ATTRIBUTES = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC


def open_private() -> int:
    """A directory descriptor of procfs for our pid namespace; the caller closes it.

    It is a mount nobody else can reach; or where we may not make one (in a user namespace whose /proc is masked)
    a copy of the mount on /proc without what lies on it; or at last /proc itself, which ``open`` still guards.
    """
    for attempt in (_new, _copy, _plain):
        try:
            return _verified(attempt())
        except PermissionError:
            continue
        except OSError as failure:
            if failure.errno not in (errno.EINVAL, errno.ENOSYS):  # EINVAL: the copy would bare a locked mount
                raise
    raise OSError(errno.ENOENT, "there is no procfs", "/proc")


def _new() -> int:
    return mount.new_filesystem("proc", "proc", attributes=_ATTRIBUTES)


def _copy() -> int:
    return mount.clone(mount.AT_FDCWD, "/proc")


def _plain() -> int:
    log.debug("procfs: we get none of our own, so /proc is used, and looked at with each file")
    return os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _verified(fd: int) -> int:
    """*fd*, once it is certain that it is the root of a procfs. Closes it otherwise."""
    try:
        if files.filesystem(fd) != files.PROC_SUPER_MAGIC or os.fstat(fd).st_ino != _PROC_ROOT_INO:
            raise PermissionError(errno.EPERM, "is not procfs", "/proc")
    except OSError:
        os.close(fd)
        raise
    return fd


def open(proc_fd: int, path: str, flags: int = os.O_RDONLY) -> int:  # noqa: A001 (procfs.open)
    """Open *path*, such as ``sys/kernel/domainname`` or ``self/attr/exec``, below *proc_fd*.

    Raises OSError(EXDEV) when something is mounted over it, ELOOP when it is a magic link.

    AppArmor denies access to what is mounted nowhere (in LXC, with Proxmox); /proc itself is tried then.
    """
    try:
        return _open(proc_fd, path, flags)
    except PermissionError:
        with Ignoring(OSError), Fd(_verified(_plain())) as plain:
            return _open(plain.fileno(), path, flags)
        raise


def _open(proc_fd: int, path: str, flags: int) -> int:
    resolve = files.RESOLVE_BENEATH | files.RESOLVE_NO_XDEV | files.RESOLVE_NO_MAGICLINKS
    fd = files.openat2(proc_fd, path, flags, resolve=resolve)
    if files.filesystem(fd) != files.PROC_SUPER_MAGIC:
        os.close(fd)
        raise OSError(errno.EXDEV, "is not procfs", path)
    return fd


def write(proc_fd: int, path: str, text: str) -> None:
    """Give *path* the value *text*, in a single write(2) as these files demand."""
    fd = open(proc_fd, path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    except OSError as failure:
        failure.filename = path
        raise
    finally:
        os.close(fd)


def read(proc_fd: int, path: str) -> str:
    """The whole text of *path*."""
    fd = open(proc_fd, path)
    pieces = []
    try:
        while piece := os.read(fd, 65536):
            pieces.append(piece)
    finally:
        os.close(fd)
    return b"".join(pieces).decode(errors="surrogateescape")
