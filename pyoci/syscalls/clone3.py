"""clone3(2) as a fork, within one Python interpreter."""

from __future__ import annotations

import struct

from pyoci.syscalls.ffi import c_char_p, c_long, c_ulong, get_errno, interpreter_function
from pyoci.syscalls.libc import NUMBERS, error
from pyoci.syscalls.process import CLONE_INTO_CGROUP, CLONE_PARENT

_SIGCHLD = 17

# The interpreter's lock is kept over the call: the child is born holding it, as after os.fork.
_syscall = interpreter_function("syscall")
_syscall.argtypes = (c_long, c_char_p, c_ulong)
_syscall.restype = c_long
_before, _in_child, _in_parent = [
    interpreter_function(f"PyOS_{name}") for name in ("BeforeFork", "AfterFork_Child", "AfterFork_Parent")
]


def fork(flags: int, cgroup_fd: int) -> int:
    """See ``process.clone``."""
    arguments = _arguments(flags, cgroup_fd)
    _before()
    pid = int(_syscall(NUMBERS["clone3"], arguments, len(arguments)))
    number = get_errno()
    if pid == 0:
        _in_child()
        return 0
    _in_parent()
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
