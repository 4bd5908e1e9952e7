"""Why execve(2) refuses a file: what it would say if it could say more than ENOENT, EACCES and ENOEXEC.

A script without its interpreter, a first line that ends in CRLF, a program for another machine and one without
its loader all come back as "no such file or directory" or "exec format error". These functions look at the bytes
and say which it is. They are pure: the file is a function that reads, the file system one that knows what exists.

Formats: execve(2), "Interpreter scripts"; elf(5).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    Order = Literal["little", "big"]
    Read = Callable[[int, int], bytes]  # (offset, size), short at the end of the file
    Exists = Callable[[str], bool]

_LINE = 256  # BINPRM_BUF_SIZE: how much of the first line the kernel reads
_LONGEST_PATH = 4096
_PT_INTERP = 3
_MOST_HEADERS = 128

# e_machine → the names uname(2) has for machines that run it
_MACHINES: dict[int, tuple[str, ...]] = {
    3: ("i386", "i486", "i586", "i686", "x86_64"),
    8: ("mips", "mips64"),
    20: ("ppc", "ppc64", "ppc64le"),
    21: ("ppc64", "ppc64le"),
    22: ("s390x", "s390"),
    40: ("armv6l", "armv7l", "armv8l", "aarch64"),
    62: ("x86_64",),
    183: ("aarch64",),
    243: ("riscv64", "riscv32"),
    258: ("loongarch64",),
}


def explain(read: Read, machine: str, exists: Exists) -> str:
    """What keeps this file from running on *machine*; nothing when no reason is seen."""
    head = read(0, _LINE)
    if not head:
        return "the file is empty"
    if head.startswith(b"#!"):
        return of_script(head, exists)
    if head.startswith(b"\x7fELF"):
        return of_program(read, machine, exists)
    return "it is neither an ELF program nor a script with #! in its first line"


def of_script(head: bytes, exists: Exists) -> str:
    """What is wrong with the first line of a script."""
    line = head[2:_LINE].partition(b"\n")[0].replace(b"\t", b" ").strip(b" ")
    interpreter = line.partition(b" ")[0].decode(errors="surrogateescape")
    if not interpreter.rstrip("\r"):
        return "its first line names no interpreter"
    if exists(interpreter):
        return ""
    if interpreter.endswith("\r"):
        return f'its first line ends in CRLF: the kernel looks for "{_shown(interpreter)}"'
    return f'its interpreter "{_shown(interpreter)}" does not exist in the container'


def of_program(read: Read, machine: str, exists: Exists) -> str:
    """What is wrong with an ELF program."""
    header = read(0, 64)
    if len(header) < 52 or header[4] not in (1, 2) or header[5] not in (1, 2):
        return "its ELF header is cut short or damaged"
    order: Order = "little" if header[5] == 1 else "big"
    number = int.from_bytes(header[18:20], order)
    if number in _MACHINES and machine not in _MACHINES[number]:
        return f"it is built for {_MACHINES[number][0]}, this machine is {machine}"
    loader = _loader(read, header, order)
    if loader and not exists(loader):
        return f'its loader "{_shown(loader)}" does not exist in the container: is it linked for another C library?'
    return ""


def _loader(read: Read, header: bytes, order: Order) -> str:
    """The path in the PT_INTERP segment; nothing for a static program."""
    wide = header[4] == 2
    start = _field(header, order, (0x20, 8) if wide else (0x1C, 4))
    size = _field(header, order, (0x36, 2) if wide else (0x2A, 2))
    count = min(_field(header, order, (0x38, 2) if wide else (0x2C, 2)), _MOST_HEADERS)
    table = read(start, size * count)
    for at in range(0, len(table) - size + 1, size or 1):
        entry = table[at : at + size]
        if _field(entry, order, (0, 4)) == _PT_INTERP:
            offset = _field(entry, order, (8, 8) if wide else (4, 4))
            length = min(_field(entry, order, (0x20, 8) if wide else (0x10, 4)), _LONGEST_PATH)
            return read(offset, length).partition(b"\0")[0].decode(errors="surrogateescape")
    return ""


def _field(data: bytes, order: Order, place: tuple[int, int]) -> int:
    """The unsigned integer at *place*, an offset and a size."""
    offset, size = place
    return int.from_bytes(data[offset : offset + size], order)


def _shown(path: str) -> str:
    """*path* with control characters spelled out; by repr, as codecs are imported when first used."""
    return repr(path)[1:-1]

