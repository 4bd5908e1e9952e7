"""seccomp(2): loading a filter, and asking the kernel what it knows."""

from __future__ import annotations

import errno
import struct

from pyoci.syscalls.call import address, error, syscall

FILTER_FLAG_TSYNC = 1
FILTER_FLAG_LOG = 2
FILTER_FLAG_SPEC_ALLOW = 4
FILTER_FLAG_NEW_LISTENER = 8
FILTER_FLAG_TSYNC_ESRCH = 16
FILTER_FLAG_WAIT_KILLABLE_RECV = 32

_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_INSTRUCTION = 8  # sizeof(struct sock_filter)


def set_mode_filter(program: bytes, flags: int = 0) -> int:
    """Load *program*, an array of struct sock_filter; the notify descriptor with FILTER_FLAG_NEW_LISTENER, else 0.

    Needs no_new_privs or CAP_SYS_ADMIN (EACCES otherwise). FILTER_FLAG_TSYNC raises OSError(ESRCH) for a thread
    that cannot follow, rather than returning its id, which could be taken for a descriptor.
    """
    if len(program) % _INSTRUCTION:
        raise error("seccomp", errno.EINVAL, reason=f"{len(program)} bytes are no whole instructions")
    if flags & FILTER_FLAG_TSYNC:
        flags |= FILTER_FLAG_TSYNC_ESRCH
    instructions = bytearray(program or b"\0")
    fprog = struct.pack("@HP", len(program) // _INSTRUCTION, address(instructions))  # struct sock_fprog
    return syscall("seccomp", _SET_MODE_FILTER, flags, fprog)


def action_available(action: int) -> bool:
    """Whether the kernel knows the return value *action* (SECCOMP_RET_*)."""
    try:
        syscall("seccomp", _GET_ACTION_AVAIL, 0, struct.pack("=I", action))
    except OSError as failure:
        if failure.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):  # EINVAL: before 4.14
            return False
        raise
    return True


def flag_available(flag: int) -> bool:
    """Whether the kernel knows *flag* (FILTER_FLAG_*): it looks at the flags before the missing program."""
    if flag == FILTER_FLAG_WAIT_KILLABLE_RECV:  # refused without its companion
        flag |= FILTER_FLAG_NEW_LISTENER
    try:
        syscall("seccomp", _SET_MODE_FILTER, flag, None)
    except OSError as failure:
        return failure.errno == errno.EFAULT
    raise AssertionError
