"""The interpreter that runs pyoci, out of the reach of containers (CVE-2019-5736).

A process on its way into a container still is the interpreter, and the container's root may reach its file by
/proc/PID/exe, or as a program called /proc/self/exe: to change it, and so what the host's root will run. The launcher
sees to that before the interpreter starts (launcher/protect.c); this is for the script bin/pyoci, which can only start
it once more. Whoever imports pyoci as a library runs an interpreter of their own, see SECURITY.md.
"""

from __future__ import annotations

import fcntl
import os
import sys

_SELF = "/proc/self/exe"
_BIRTHS = frozenset(("create", "run", "exec", "restore"))
_CHUNK = 1 << 30
_MFD_EXEC = 0x10  # where vm.memfd_noexec is set, or else nobody may execute it


def protect() -> None:
    """Start the interpreter again where a container will be entered and could write to it; and have it called pyoci."""
    with open("/proc/self/comm", "wb", buffering=0) as file:
        file.write(b"pyoci")
    if _BIRTHS.isdisjoint(sys.argv) or not os.access(_SELF, os.W_OK) or _is_sealed():
        return
    os.execve(_read_only() or _sealed_copy(), sys.orig_argv, os.environ)  # noqa: S606 (no shell is meant)


def _is_sealed() -> bool:
    """Whether this is the copy already."""
    fd = os.open(_SELF, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)
    except OSError:  # EINVAL: an ordinary file
        return False
    finally:
        os.close(fd)


def _read_only() -> int:
    """A descriptor of the interpreter on a read-only mount of its own; 0 where that is not allowed."""
    from pyoci.syscalls import mount

    try:
        fd = mount.clone(mount.AT_FDCWD, _SELF)
        mount.mount_setattr(fd, "", mount.AT_EMPTY_PATH, attr_set=mount.MOUNT_ATTR_RDONLY)
    except OSError:
        return 0
    return fd


def _sealed_copy() -> int:
    """A descriptor of a copy of the interpreter in memory that nobody can change."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        copy = os.memfd_create("pyoci", flags | _MFD_EXEC)
    except OSError:  # EINVAL: before Linux 6.3 every one may be executed
        copy = os.memfd_create("pyoci", flags)
    source = os.open(_SELF, os.O_RDONLY | os.O_CLOEXEC)
    while os.sendfile(copy, source, None, _CHUNK):
        pass
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(copy, fcntl.F_ADD_SEALS, seals)
    return copy
