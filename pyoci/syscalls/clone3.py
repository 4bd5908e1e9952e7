"""clone3(2) as a fork, within one Python interpreter."""

from __future__ import annotations

import ctypes
import struct

from pyoci.syscalls.libc import NUMBERS, error
from pyoci.syscalls.process import CLONE_INTO_CGROUP, CLONE_PARENT

_SIGCHLD = 17

# PyDLL keeps the interpreter lock over the call: the child is born holding it, as after os.fork.
_syscall = ctypes.PyDLL(None, use_errno=True).syscall
_syscall.argtypes = (ctypes.c_long, ctypes.c_char_p, ctypes.c_size_t)
_syscall.restype = ctypes.c_long


def fork(flags: int, cgroup_fd: int) -> int:
    """See ``process.clone``."""
    arguments = _arguments(flags, cgroup_fd)
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    pid = int(_syscall(NUMBERS["clone3"], arguments, len(arguments)))
    number = ctypes.get_errno()
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise error("clone3", number)
    return pid


def _arguments(flags: int, cgroup_fd: int) -> bytes:
    """The struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack (2), tls, set_tid (2), cgroup.

    A sibling (CLONE_PARENT) inherits the exit signal of its brother, and clone3 refuses another.
    """
    exit_signal = 0 if flags & CLONE_PARENT else _SIGCHLD
    if cgroup_fd >= 0:
        flags |= CLONE_INTO_CGROUP
    return struct.pack("=11Q", flags, 0, 0, 0, exit_signal, 0, 0, 0, 0, 0, max(cgroup_fd, 0))
