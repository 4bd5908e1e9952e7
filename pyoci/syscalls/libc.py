"""The C library: where errno is turned into OSError, once for every call.

A call the library may lack (glibc wraps the mount API since 2.36 only) goes through syscall(2) by number.
From 424 on the numbers are the same on every architecture, the older ones are in ``NUMBERS``.
"""

from __future__ import annotations

import errno
import os

from pyoci.syscalls.ffi import c_int, c_long, c_ulong, function, get_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_syscall = function("syscall")
_syscall.argtypes = (c_long,)
_syscall.restype = c_long

# include/uapi/asm-generic/unistd.h, which every architecture since aarch64 shares.
_GENERIC = {
    "pivot_root": 41, "ioprio_set": 30, "rt_sigaction": 134, "keyctl": 219, "set_mempolicy": 237, "sched_setattr": 274,
    "seccomp": 277, "bpf": 280,
}  # fmt: skip
_BY_MACHINE = {
    "x86_64": {
        "pivot_root": 155, "ioprio_set": 251, "rt_sigaction": 13, "keyctl": 250, "set_mempolicy": 238,
        "sched_setattr": 314, "seccomp": 317, "bpf": 321,
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


def bind(name: str, *argtypes: Any, restype: Any = c_int) -> Callable[..., int]:
    """The library's function *name*, checked: −1 raises OSError, EINTR is tried again (as PEP 475 does).

    It is looked up when first called: a module declares many and a command calls few.
    """
    found = None

    def call(*arguments: object, path: str | None = None) -> int:
        nonlocal found
        if found is None:
            found = function(name)
            found.argtypes, found.restype = argtypes, restype
        while (result := found(*arguments)) == -1:
            if (number := get_errno()) != errno.EINTR:
                raise error(name, number, path)
        return int(result)

    return call


def syscall(name: str, *arguments: object, path: str | None = None) -> int:
    """The system call *name*, checked like ``bind``; integers are passed as longs, bytes as pointers.

    Raises OSError(ENOSYS) where its number is not known.
    """
    if (call := NUMBERS.get(name)) is None:
        raise error(name, errno.ENOSYS, path, f"no number known on {os.uname().machine}")
    words = [c_ulong(word) if isinstance(word, int) else word for word in arguments]
    while (result := _syscall(call, *words)) == -1:
        if (number := get_errno()) != errno.EINTR:
            raise error(name, number, path)
    return int(result)
