"""mounts[].options ``tmpcopyup``: fill a tmpfs with what it covers (config.md#linux-mount-options).

Everything goes by directory descriptor and nothing follows a symlink: the files are the image's.
"""

from __future__ import annotations

import errno
import os
import stat

from pyoci.errors import Ignoring
from pyoci.syscalls.fd import Fd

_CHUNK = 1 << 20


def directory(source: int, target: int) -> None:
    """Copy what is in the directory *source* into the directory *target*, then its mode and owner."""
    for name in os.listdir(source):
        _entry(source, target, name)
    _attributes(os.fstat(source), target)


def _entry(source: int, target: int, name: str) -> None:
    found = os.lstat(name, dir_fd=source)
    if stat.S_ISDIR(found.st_mode):
        os.mkdir(name, 0o700, dir_fd=target)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        inner, outer = os.open(name, flags, dir_fd=source), os.open(name, flags, dir_fd=target)
        directory(inner, outer)
        os.close(inner)
        os.close(outer)
    elif stat.S_ISREG(found.st_mode):
        _file(source, target, name)
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
    else:
        with Ignoring(PermissionError):  # device nodes in a user namespace
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)


def _file(source: int, target: int, name: str) -> None:
    with Fd(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)) as found:
        if not stat.S_ISREG(os.fstat(found.fileno()).st_mode):
            raise FileExistsError(errno.EEXIST, "it is no file any more", name)  # to open a device may do harm
        inner = os.open(f"/proc/self/fd/{found.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    outer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
    while os.sendfile(outer, inner, None, _CHUNK):
        pass
    _attributes(os.fstat(inner), outer)
    os.close(inner)
    os.close(outer)


def _attributes(found: os.stat_result, fd: int) -> None:
    os.fchown(fd, found.st_uid, found.st_gid)
    os.fchmod(fd, stat.S_IMODE(found.st_mode))
    os.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))
