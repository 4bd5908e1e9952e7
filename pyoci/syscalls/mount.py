"""mount(2) and the mount API by file descriptors: open_tree, move_mount, fsopen, fsmount, mount_setattr."""

from __future__ import annotations

import os
import struct

from pyoci.syscalls.call import error, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

MS_RDONLY = 1 << 0
MS_NOSUID = 1 << 1
MS_NODEV = 1 << 2
MS_NOEXEC = 1 << 3
MS_SYNCHRONOUS = 1 << 4
MS_REMOUNT = 1 << 5
MS_MANDLOCK = 1 << 6
MS_DIRSYNC = 1 << 7
MS_NOSYMFOLLOW = 1 << 8
MS_NOATIME = 1 << 10
MS_NODIRATIME = 1 << 11
MS_BIND = 1 << 12
MS_MOVE = 1 << 13
MS_REC = 1 << 14
MS_SILENT = 1 << 15
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_I_VERSION = 1 << 23
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25

MNT_FORCE = 1
MNT_DETACH = 2
MNT_EXPIRE = 4
UMOUNT_NOFOLLOW = 8

OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC

MOVE_MOUNT_F_SYMLINKS = 0x01
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_SYMLINKS = 0x10
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MOVE_MOUNT_SET_GROUP = 0x100
MOVE_MOUNT_BENEATH = 0x200

FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_SET_BINARY = 2
FSCONFIG_SET_PATH = 3
FSCONFIG_SET_PATH_EMPTY = 4
FSCONFIG_SET_FD = 5
FSCONFIG_CMD_CREATE = 6
FSCONFIG_CMD_RECONFIGURE = 7

MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x00
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x0010_0000
MOUNT_ATTR_NOSYMFOLLOW = 0x0020_0000


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def flag_names(flags: int, prefix: str = "MS_") -> str:
    """*flags* as the headers write them: ``MS_BIND|MS_REC``; *prefix* ``MOUNT_ATTR_`` for those."""
    names = [name for name, value in globals().items() if name.startswith(prefix) and value and flags & value == value]
    return "|".join(names) or "0"


def mount(source: str | None, target: str, fstype: str | None, flags: int = 0, data: str | None = None) -> None:
    """Mount, bind, remount, move or change the propagation of *target*, as *flags* (MS_*) say."""
    try:
        syscall("mount", _bytes(source), os.fsencode(target), _bytes(fstype), flags, _bytes(data), path=target)
    except OSError as failure:
        words = [f"type {fstype}"] if fstype else []
        words += [f"source {source}"] if source else []
        words += [f"flags {flag_names(flags)}"] if flags else []
        words += [f"data {data}"] if data else []
        raise error("mount", failure.errno or 0, target, ", ".join(words)) from None


def umount2(target: str, flags: int = 0) -> None:
    """Unmount *target*; MNT_DETACH lets go at once of what is still in use."""
    syscall("umount2", os.fsencode(target), flags, path=target)


def pivot_root(new: str, old: str) -> None:
    """Make *new* the root mount and attach the former one at *old*; both may be ``.``."""
    syscall("pivot_root", os.fsencode(new), os.fsencode(old), path=new)


def open_tree(dirfd: int, path: str, flags: int) -> int:
    """A descriptor of the mount at *path*, or with OPEN_TREE_CLONE of a detached copy of it."""
    return syscall("open_tree", dirfd, os.fsencode(path), flags, path=path)


def move_mount(from_fd: int, from_path: str, to_fd: int, to_path: str, flags: int) -> None:
    """Attach a detached mount, or move an attached one."""
    path = to_path or from_path or None
    syscall("move_mount", from_fd, os.fsencode(from_path), to_fd, os.fsencode(to_path), flags, path=path)


def fsopen(fstype: str, flags: int = FSOPEN_CLOEXEC) -> int:
    """A descriptor to describe a new filesystem of *fstype* to."""
    return syscall("fsopen", os.fsencode(fstype), flags, path=fstype)


def fsconfig(fd: int, command: int, key: str | None = None, value: str | bytes | None = None, aux: int = 0) -> None:
    """Give the filesystem context *fd* one parameter or, with FSCONFIG_CMD_*, an order.

    The kernel takes strings of up to 255 bytes (EINVAL beyond); a longer one only fits through mount(2).
    """
    data = os.fsencode(value) if isinstance(value, str) else value
    syscall("fsconfig", fd, command, _bytes(key), data, aux, path=key)


def fsmount(fd: int, flags: int = FSMOUNT_CLOEXEC, attributes: int = 0) -> int:
    """A detached mount, with *attributes* (MOUNT_ATTR_*), of the filesystem created in context *fd*."""
    return syscall("fsmount", fd, flags, attributes)


def mount_setattr(
    fd: int, path: str, flags: int, *, attr_set: int = 0, attr_clr: int = 0, propagation: int = 0, userns_fd: int = 0
) -> None:
    """Change the mount at *path* (*flags* AT_EMPTY_PATH: *fd* itself), with AT_RECURSIVE all mounts below too."""
    attributes = struct.pack("=QQQQ", attr_set, attr_clr, propagation, userns_fd)  # struct mount_attr
    syscall("mount_setattr", fd, os.fsencode(path), flags, attributes, len(attributes), path=path or None)


def new_filesystem(
    fstype: str, source: str | None, options: Iterable[tuple[str, str | None]] = (), attributes: int = 0
) -> int:
    """A detached mount of a new filesystem; an option of value None is a flag (``ro``).

    The text of the OSError carries what the kernel says itself, such as ``tmpfs: Unknown parameter 'x'``.
    """
    context = fsopen(fstype)
    try:
        if source is not None:
            fsconfig(context, FSCONFIG_SET_STRING, "source", source)
        for key, value in options:
            fsconfig(context, FSCONFIG_SET_FLAG if value is None else FSCONFIG_SET_STRING, key, value)
        fsconfig(context, FSCONFIG_CMD_CREATE)
        return fsmount(context, FSMOUNT_CLOEXEC, attributes)
    except OSError as failure:
        call = failure.__notes__[0].removesuffix("(2)")
        reason = f"{fstype}: option {failure.filename}" if failure.filename else fstype
        raise error(call, failure.errno or 0, None, "; ".join(_complaints(context)) or reason) from None
    finally:
        os.close(context)


def _complaints(context: int) -> list[str]:
    """The errors the kernel has queued in a filesystem context, without their ``e ``."""
    messages = []
    try:
        while message := os.read(context, 4096):
            messages.append(message.decode(errors="replace").strip())
    except OSError:  # ENODATA: that was all
        pass
    return [message[2:] for message in messages if message.startswith("e ")]


def clone(dirfd: int, path: str, *, recursive: bool = False) -> int:
    """A detached copy of the mount at *path*, or of *dirfd* itself when empty; *recursive*: with those below it."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
    if recursive:
        flags |= AT_RECURSIVE
    if not path:
        flags |= AT_EMPTY_PATH
    return open_tree(dirfd, path, flags)


def attach(mount_fd: int, target_fd: int) -> None:
    """Mount the detached *mount_fd* on what *target_fd* is open on; no path is looked up."""
    move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
