"""Process descriptors, pidfd_open(2): waiting for the end of a process that need not be a child, and how it ended.

A child's exit status is its parent's to collect. Anybody else may read it in two places: in /proc/PID/stat while
nobody has collected it yet, and after that, since Linux 6.15, from a pidfd that was open before.
"""

from __future__ import annotations

import fcntl
import os
import select

from pyoci.errors import Ignoring
from pyoci.syscalls import process

# linux/pidfd.h: struct pidfd_info begins with the mask, and its first version ends with the wait status.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO_EXIT = 1 << 3
_SIZE, _MASK, _EXIT_CODE = 64, slice(0, 8), slice(60, 64)
_ENDED = (b"Z", b"X")


def wait(pidfd: int, seconds: float | None = None) -> bool:
    """Wait until the process has ended, for *seconds* at most: whether it has."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def wait_for_status(pidfd: int, pid: int, start_time: int) -> int | None:
    """Wait until the process *pid* has ended: its exit status, or minus its signal; None where it cannot be known.

    That of a child is collected, as by waitpid(2).
    """
    with Ignoring(ChildProcessError):
        ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
        assert ended
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    wait(pidfd)
    status = _of_uncollected(pid, start_time)
    status = _of_collected(pidfd) if status is None else status
    return None if status is None else os.waitstatus_to_exitcode(status)


def _of_uncollected(pid: int, start_time: int) -> int | None:
    """The wait status that /proc shows of a process nobody has collected yet."""
    fields = process.stat(pid)
    if fields is None or fields[0] not in _ENDED or int(fields[19]) != start_time or not _may_trace(pid):
        return None
    return int(fields[49])


def _may_trace(pid: int) -> bool:
    """Whether proc(5) tells us what is for tracers only: to others the status is shown as 0."""
    try:
        os.stat(f"/proc/{pid}/ns/user")  # of the namespaces of a process, it keeps this one to the last
    except OSError:
        return False
    return True


def _of_collected(pidfd: int) -> int | None:
    """The wait status that the kernel remembers for those who had a pidfd."""
    info = bytearray(_SIZE)
    info[_MASK] = _PIDFD_INFO_EXIT.to_bytes(8, "little")
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:  # ENOTTY before Linux 6.13, ESRCH before 6.15
        return None
    known = int.from_bytes(info[_MASK], "little") & _PIDFD_INFO_EXIT
    return int.from_bytes(info[_EXIT_CODE], "little", signed=True) if known else None
