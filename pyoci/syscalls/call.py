"""System calls by name: where errno is turned into OSError, once for every call.

They are made by number, around the C library: it lacks many (the mount API before glibc 2.36), and looking functions up
in it takes ctypes. From 424 on the numbers are the same on every architecture, the older ones are in ``NUMBERS``.
"""

from __future__ import annotations

import errno
import os

try:
    from _pyoci import address, fork
    from _pyoci import syscall as _syscall

    BUILT_IN = True
    """Whether the interpreter is the installed command's own."""
except ImportError:
    from pyoci.syscalls.ffi import address, fork
    from pyoci.syscalls.ffi import syscall as _syscall

    BUILT_IN = False

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.syscalls.ffi import Word

# include/uapi/asm-generic/unistd.h, which every architecture since aarch64 shares.
_GENERIC = {
    "ioprio_set": 30, "umount2": 39, "mount": 40, "pivot_root": 41, "fstatfs": 44, "capset": 91, "personality": 92,
    "unshare": 97, "rt_sigaction": 134, "setdomainname": 162, "prctl": 167, "keyctl": 219, "set_mempolicy": 237,
    "prlimit64": 261, "setns": 268, "sched_setattr": 274, "seccomp": 277, "bpf": 280,
}  # fmt: skip
_BY_MACHINE = {
    "x86_64": {
        "ioprio_set": 251, "umount2": 166, "mount": 165, "pivot_root": 155, "fstatfs": 138, "capset": 126,
        "personality": 135, "unshare": 272, "rt_sigaction": 13, "setdomainname": 171, "prctl": 157, "keyctl": 250,
        "set_mempolicy": 238, "prlimit64": 302, "setns": 308, "sched_setattr": 314, "seccomp": 317, "bpf": 321,
    },
    "aarch64": _GENERIC,
    "loongarch64": _GENERIC,
    "riscv64": _GENERIC,
}  # fmt: skip
NUMBERS = _BY_MACHINE.get(os.uname().machine, {}) | {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "clone3": 435,
    "close_range": 436, "openat2": 437, "pidfd_getfd": 438, "mount_setattr": 442,
}  # fmt: skip


def error(name: str, number: int, path: str | None = None, reason: str = "") -> OSError:
    """The OSError for errno *number* of the call *name*; *reason* is what is known besides."""
    text = os.strerror(number) + (f": {reason}" if reason else "")
    raised = OSError(number, text, path) if path is not None else OSError(number, text)
    raised.add_note(f"{name}(2)")
    return raised


def syscall(name: str, *words: Word, path: str | None = None) -> int:
    """The system call *name*: integers are passed as machine words, bytes, bytearrays and None as pointers.

    What the kernel refuses raises OSError, which names *path*; EINTR is tried again (as PEP 475 does). Raises
    OSError(ENOSYS) where the call's number is not known.
    """
    if (number := NUMBERS.get(name)) is None:
        raise error(name, errno.ENOSYS, path, f"no number known on {os.uname().machine}")
    while (result := _syscall(number, *words)) < 0:
        if result != -errno.EINTR:
            raise error(name, -result, path)
    return result


__all__ = ["BUILT_IN", "NUMBERS", "address", "error", "fork", "syscall"]
