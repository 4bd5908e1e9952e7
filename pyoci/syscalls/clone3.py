"""clone3(2) as a fork, within one Python interpreter."""

from __future__ import annotations

import struct

from pyoci.syscalls import call
from pyoci.syscalls.process import CLONE_INTO_CGROUP, CLONE_PARENT

_SIGCHLD = 17


def fork(flags: int, cgroup_fd: int) -> int:
    """See ``process.clone``."""
    pid = call.fork(call.NUMBERS["clone3"], _arguments(flags, cgroup_fd))
    if pid < 0:
        raise call.error("clone3", -pid)
    return pid


def _arguments(flags: int, cgroup_fd: int) -> bytes:
    """The struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack (2), tls, set_tid (2), cgroup.

    A sibling (CLONE_PARENT) inherits the exit signal of its brother, and clone3 refuses another.
    """
    exit_signal = 0 if flags & CLONE_PARENT else _SIGCHLD
    if cgroup_fd >= 0:
        flags |= CLONE_INTO_CGROUP
    return struct.pack("=11Q", flags, 0, 0, 0, exit_signal, 0, 0, 0, 0, 0, max(cgroup_fd, 0))
