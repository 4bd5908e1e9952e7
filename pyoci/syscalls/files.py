"""Files by descriptor, never by a path that somebody else can bend: openat2(2) and what is built on it.

``root`` is always an O_PATH descriptor of a directory that a hostile container may be writing to at the same
time. Paths are resolved inside it as the container would see them: absolute symlinks and ``..`` stop at the root.
ctypes is loaded when first needed: *state* and *start* only use ``replace``.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

PROC_SUPER_MAGIC = 0x9FA0
SYSFS_MAGIC = 0x6265_6572
CGROUP_SUPER_MAGIC = 0x27_E0EB
CGROUP2_SUPER_MAGIC = 0x6367_7270
TMPFS_MAGIC = 0x0102_1994
DEVPTS_SUPER_MAGIC = 0x1CD1

_ATTEMPTS = 128  # against a process that keeps renaming: give up some time rather than never
_STATFS, _WORD = 256, 8  # struct statfs has 120 bytes and starts with the type, a machine word
_MAX_LINKS = 40  # as in the kernel's namei.c


def openat2(dirfd: int, path: str, flags: int, *, resolve: int, mode: int = 0) -> int:
    """Open *path* below *dirfd* as *resolve* (RESOLVE_*) allows; close-on-exec always.

    EAGAIN, by which the kernel says that it lost a race against a rename or mount, is tried again.
    """
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    fields = (flags | os.O_CLOEXEC, mode, resolve)
    how = b"".join([field.to_bytes(8, sys.byteorder) for field in fields])  # struct open_how
    for attempt in range(_ATTEMPTS):
        try:
            return syscall("openat2", dirfd, os.fsencode(path), how, len(how), path=path)
        except BlockingIOError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def open_in_root(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open *path* inside *root*, through symlinks as the container sees them, never through magic links."""
    return openat2(root, path, flags, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, mode=mode)


def make_directory(root: int, path: str, mode: int = 0o755) -> int:
    """An O_PATH descriptor of the directory *path* inside *root*, made together with its parents where missing.

    Raises OSError(ENOTDIR) when something else is there.
    """
    try:
        return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        return _walk(root, path, os.mkdir, mode, mode)


def make_file(root: int, path: str, mode: int = 0o644, parents: int = 0o755) -> int:
    """An O_PATH descriptor of the file *path* inside *root*, made empty, with its *parents*, where missing.

    What is there already is taken as it is, a device or a directory too.
    """
    try:
        return open_in_root(root, path, os.O_PATH)
    except FileNotFoundError:
        return _walk(root, path, os.mknod, mode, parents)


def parent(root: int, path: str, mode: int = 0o755) -> tuple[int, str]:
    """The directory of *path* inside *root*, made where missing, and the last name, for calls with ``dir_fd``.

    The name is not resolved: it may be missing, or a symlink. Raises OSError(EINVAL) where *path* ends in none.
    """
    directory, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise OSError(errno.EINVAL, "does not end in a name", path)
    return make_directory(root, directory or ".", mode), name


def _walk(root: int, path: str, make: Callable[..., None], mode: int, parents: int) -> int:
    """Resolve *path* by hand and create what is missing, its last component by *make*.

    mkdirat(2) takes no RESOLVE_IN_ROOT, so a path is never given to it: each name is opened, or made and then
    opened, relative to the descriptor before it, and a symlink is read and followed here. Whatever is swapped
    meanwhile (CVE-2024-45310), every descriptor was reached from *root* without leaving it, and ``..`` goes
    back to the descriptor we came from.
    """
    places = [os.dup(root)]
    names = _names(path)
    links = 0
    try:
        while names:
            name = names.pop()
            if name == "..":
                if len(places) > 1:
                    os.close(places.pop())
                continue
            fd = _open_or_make(places[-1], name, *((os.mkdir, parents) if names else (make, mode)))
            if (target := _link_target(fd)) is None:
                places.append(fd)
                continue
            os.close(fd)
            if (links := links + 1) > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            while target.startswith("/") and len(places) > 1:
                os.close(places.pop())
            names += _names(target)
        return places.pop()
    finally:
        for fd in places:
            os.close(fd)


def _names(path: str) -> list[str]:
    """The components of *path*, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _open_or_make(dirfd: int, name: str, make: Callable[..., None], mode: int) -> int:
    """An O_PATH descriptor of *name* itself, symlink or not, which *make* creates when it is missing."""
    for _ in range(_ATTEMPTS):
        try:
            return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dirfd)
        except FileNotFoundError:
            try:
                make(name, mode, dir_fd=dirfd)
            except FileExistsError:  # somebody else was faster: look what it is
                continue
    raise OSError(errno.EAGAIN, "somebody keeps removing it", name)


def _link_target(fd: int) -> str | None:
    """Where the symlink *fd* is open on points to, None for anything else."""
    return os.readlink("", dir_fd=fd) if stat.S_ISLNK(os.fstat(fd).st_mode) else None


def filesystem(fd: int) -> int:
    """The magic number of the filesystem *fd* is on (fstatfs(2))."""
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    found = bytearray(_STATFS)
    syscall("fstatfs", fd, found)
    return int.from_bytes(found[:_WORD], sys.byteorder)


def replace(path: str, data: bytes, mode: int = 0o644) -> None:
    """Make *data* the content of *path* in one step: readers see the old content or the new one, whole.

    Without fsync: it is for files that need not outlive a crash of the host.
    """
    temporary = f"{path}.{os.getpid()}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        try:
            _fill(fd, data, mode)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def publish(path: str, data: bytes, mode: int = 0o644) -> None:
    """As ``replace``, in a directory nobody tidies up for us: who is killed meanwhile leaves no file of another name.

    That takes a file system with O_TMPFILE, and that there is no such file yet.
    """
    try:
        fd = os.open(os.path.dirname(path) or ".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode)
        try:
            _fill(fd, data, mode)
            os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd)  # so that it is linkat(2), which follows the link
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.EOPNOTSUPP, errno.EISDIR}:
            raise
        replace(path, data, mode)


def _fill(fd: int, data: bytes, mode: int) -> None:
    os.fchmod(fd, mode)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
