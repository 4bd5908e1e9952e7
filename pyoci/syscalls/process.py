"""Processes: clone3(2), /proc/PID/stat, close_range(2), pidfd_getfd(2), prlimit(2).

The functions that need ctypes import it when called: *state*, *kill* and *delete* only ask who is alive.
"""

from __future__ import annotations

import os
import struct

CLONE_PARENT = 0x0000_8000
CLONE_INTO_CGROUP = 0x2_0000_0000
CLOSE_RANGE_CLOEXEC = 4

_PF_EXITING = 4  # of the flags in /proc/PID/stat
_SIGACTION = 32  # sizeof(struct sigaction) in the kernel at most: all zero means SIG_DFL
_SIGSET = 8
_RLIMIT = 16  # sizeof(struct rlimit64): soft and hard


def clone(flags: int = 0, *, cgroup_fd: int = -1) -> int:
    """Fork: 0 in the child, its pid in the parent. Raises OSError (EAGAIN, ENOSPC, EPERM, EBUSY …).

    *flags* are clone(2)'s, CLONE_PARENT and CLONE_NEW* above all. With *cgroup_fd*, a directory of cgroup v2,
    the child starts in that cgroup, which spares the RCU grace period a later move waits for.

    With either argument it goes around the C library's own fork and its atfork handlers: the caller has to be
    the only thread. Python's (the import lock, ``os.register_at_fork``) run as for ``os.fork``.
    """
    if not flags and cgroup_fd < 0:
        return os.fork()
    from pyoci.syscalls import clone3  # late: loads ctypes

    return clone3.fork(flags, cgroup_fd)


def start_time(pid: int) -> int | None:
    """When *pid* started, in clock ticks since boot; None when there is no such process."""
    fields = stat(pid)
    return int(fields[19]) if fields else None


def is_alive(pid: int, start_time: int, *, ending: bool = True) -> bool:
    """Whether *pid* still is the process that started at *start_time*; a zombie is dead.

    *ending*: whether one that is about to become a zombie counts, which may have closed its descriptors.
    """
    fields = stat(pid)
    if fields is None or fields[0] in (b"Z", b"X") or int(fields[19]) != start_time:
        return False
    return ending or not int(fields[6]) & _PF_EXITING


def stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the third, the state, on.

    The second is the command in parentheses and may itself hold spaces and parentheses.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(fd, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:  # it was reaped after the open
        return None
    finally:
        os.close(fd)


def close_range(first: int, last: int = 2**32 - 1, flags: int = 0) -> None:
    """Close the descriptors from *first* to *last*; with CLOSE_RANGE_CLOEXEC, mark them instead."""
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    syscall("close_range", first, last, flags)


def pidfd_getfd(pidfd: int, fd: int) -> int:
    """A duplicate of descriptor *fd* of the process *pidfd*."""
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    return syscall("pidfd_getfd", pidfd, fd, 0)


def default_signal(number: int) -> None:
    """Give signal *number* its default action; unlike sigaction(3) also one that the C library keeps for itself."""
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    syscall("rt_sigaction", number, bytes(_SIGACTION), None, _SIGSET)


def rlimit(number: int) -> tuple[int, int]:
    """Our limit *number*, soft and hard; 2**64 - 1 is none."""
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    found = bytearray(_RLIMIT)
    syscall("prlimit64", 0, number, None, found)
    soft, hard = struct.unpack("=QQ", found)
    return soft, hard


def set_rlimit(number: int, soft: int, hard: int) -> None:
    """Set our limit *number*. Raises OSError(EPERM) where the hard one is raised without CAP_SYS_RESOURCE."""
    from pyoci.syscalls.call import syscall  # late: loads ctypes

    syscall("prlimit64", 0, number, struct.pack("=QQ", soft, hard), None)
