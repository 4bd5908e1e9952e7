"""Tiny ELF programs, right and wrong ones (elf(5))."""

from __future__ import annotations

import struct

X86_64, AARCH64 = 62, 183
_BASE = 0x400000
_LOAD, _INTERPRETER = 1, 3
_HEADER, _SEGMENT = 64, 56

# mkdir("/made", 0755) and exit with what it returned, negated, by the call gate for 32-bit programs
MKDIR_BY_INT_80 = (
    b"\xb8\x27\x00\x00\x00"  # mov eax, 39
    b"\xbb%s"  # mov ebx, path
    b"\xb9\xed\x01\x00\x00"  # mov ecx, 0755
    b"\xcd\x80"  # int 0x80
    b"\x89\xc3\xf7\xdb"  # mov ebx, eax; neg ebx
    b"\xb8\x01\x00\x00\x00"  # mov eax, 1
    b"\xcd\x80"  # int 0x80
)


def program(code: bytes = b"", machine: int = X86_64, loader: str = "") -> bytes:
    """A program that executes *code*; with *loader* one that asks for this dynamic loader."""
    interpreter = loader.encode() + b"\0" if loader else b""
    count = 2 if loader else 1
    start = _HEADER + _SEGMENT * count
    size = start + len(interpreter) + len(code)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH",
        2,
        machine,
        1,
        _BASE + start + len(interpreter),
        _HEADER,
        0,
        0,
        _HEADER,
        _SEGMENT,
        count,
        0,
        0,
        0,
    )
    segments = struct.pack("<IIQQQQQQ", _LOAD, 5, 0, _BASE, _BASE, size, size, 0x1000)
    if loader:
        place = (start, _BASE + start, _BASE + start, len(interpreter), len(interpreter), 1)
        segments = struct.pack("<IIQQQQQQ", _INTERPRETER, 4, *place) + segments
    return header + segments + interpreter + code


def mkdir_by_int_80() -> bytes:
    """A program that makes the directory /made as a 32-bit program would; its status is the errno."""
    path = struct.pack("<I", _BASE + _HEADER + _SEGMENT + len(MKDIR_BY_INT_80) + 2)  # behind the code; %s is 2 bytes
    return program(MKDIR_BY_INT_80.replace(b"%s", path) + b"/made\0")
