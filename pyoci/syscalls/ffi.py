"""System calls through ``_ctypes``, where the interpreter has no functions of ours for that.

The installed command's interpreter has them built in (launcher/calls.c); these do the same. They stand on the C module
that ctypes itself stands on: the package defines some fifty types at import, here are the three needed.
"""

from __future__ import annotations

from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_PYTHONAPI,
    FUNCFLAG_USE_ERRNO,
    CFuncPtr,
    _SimpleCData,
    addressof,
    dlopen,
    get_errno,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import c_char, c_long, c_ulong

    Word = int | bytes | bytearray | None
else:

    class c_char(_SimpleCData):  # noqa: N801 (C's names, here and below)
        """A byte."""

        _type_ = "c"

    class c_long(_SimpleCData):  # noqa: N801
        """A signed machine word."""

        _type_ = "l"

    class c_ulong(_SimpleCData):  # noqa: N801
        """An unsigned machine word."""

        _type_ = "L"


class _Process:
    """The libraries this process has loaded, in the form CFuncPtr looks for."""

    _handle = dlopen(None, 0)  # type: ignore[arg-type]  # None: this program


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = c_long


class _InterpreterFunction(CFuncPtr):
    """One that is called with the interpreter's lock held: one of Python's own, or one that forks."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO | FUNCFLAG_PYTHONAPI
    _restype_ = c_long


_syscall = _Function(("syscall", _Process))  # type: ignore[arg-type]  # its _handle is all that counts
_syscall_locked, _before, _in_child, _in_parent = [
    _InterpreterFunction((name, _Process))  # type: ignore[arg-type]  # as above
    for name in ("syscall", "PyOS_BeforeFork", "PyOS_AfterFork_Child", "PyOS_AfterFork_Parent")
]


def syscall(number: int, *words: Word) -> int:
    """The system call *number*: what it returns, or minus the errno. Bytes and None are passed as pointers."""
    result = _syscall(c_long(number), *[_argument(word) for word in words])
    return -get_errno() if result == -1 else int(result)


def _argument(word: Word) -> object:
    if isinstance(word, int):
        return c_ulong(word)
    return (c_char * len(word)).from_buffer(word) if isinstance(word, bytearray) else word


def address(memory: bytearray) -> int:
    """Where *memory* is, which has to stay and keep its size while the kernel uses it."""
    return addressof((c_char * len(memory)).from_buffer(memory))


def fork(number: int, arguments: bytes) -> int:
    """Fork by the system call *number*, clone3, with its *arguments*: 0 in the child, its pid or minus the errno.

    The interpreter's lock is kept over the call: the child is born holding it, as after os.fork.
    """
    _before()
    result = _syscall_locked(c_long(number), arguments, c_ulong(len(arguments)))
    errno = get_errno()
    if result == 0:
        _in_child()
        return 0
    _in_parent()
    return -errno if result == -1 else int(result)
