"""What pyoci needs of ctypes, on the C module that ctypes itself stands on.

The package defines some fifty types at import, at a tenth of what a whole command costs; here are the five used.
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
    from ctypes import Array, c_char, c_char_p, c_int, c_long, c_ulong
    from typing import Any
else:

    class c_char(_SimpleCData):  # noqa: N801 (C's names, here and below)
        """A byte."""

        _type_ = "c"

    class c_int(_SimpleCData):  # noqa: N801
        """A signed integer of 32 bits."""

        _type_ = "i"

    class c_long(_SimpleCData):  # noqa: N801
        """A signed machine word."""

        _type_ = "l"

    class c_ulong(_SimpleCData):  # noqa: N801
        """An unsigned machine word, as wide as size_t."""

        _type_ = "L"

    class c_char_p(_SimpleCData):  # noqa: N801
        """A pointer to bytes; bytes, a buffer or None as an argument."""

        _type_ = "z"


class _Process:
    """The libraries this process has loaded, in the form CFuncPtr looks for."""

    _handle = dlopen(None, 0)  # type: ignore[arg-type]  # None: this program


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = c_int


class _InterpreterFunction(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO | FUNCFLAG_PYTHONAPI
    _restype_ = c_int


def function(name: str) -> Any:
    """The C library's function *name*, which sets the errno that ``get_errno`` returns. Raises AttributeError."""
    return _Function((name, _Process))  # type: ignore[arg-type]  # its _handle is all that counts


def interpreter_function(name: str) -> Any:
    """A function called with the interpreter's lock held: one of Python's own, or one that forks."""
    return _InterpreterFunction((name, _Process))  # type: ignore[arg-type]  # as above


def buffer(content: bytes | int) -> Array[c_char]:
    """Memory the kernel may write to: a copy of *content*, or as many zero bytes."""
    if isinstance(content, int):
        return (c_char * content)()
    made = (c_char * len(content))()
    made.raw = content
    return made


__all__ = [
    "addressof", "buffer", "c_char", "c_char_p", "c_int", "c_long", "c_ulong", "function", "get_errno",
    "interpreter_function",
]  # fmt: skip
