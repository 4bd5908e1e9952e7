"""An image of the interpreter: the program, with the memory of a process that has imported everything in its variables.

The program lies at a fixed address, and so do its variables, among them the region that memory.c took all memory from.
So the memory of one process is right in the next: the segment of the variables gets it for its content. What the loader
filled in, addresses in the C library, it fills in again.
"""

from __future__ import annotations

import marshal
import struct
import subprocess
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parent
LEFT_OUT = {
    "pyoci.__main__": "runs the command",
    "pyoci.importer": "imports bytecode",
    "pyoci.own_executable": "is for the script",
    "pyoci.syscalls.ffi": "loads _ctypes",
    "pyoci.cgroups.bus": "loads jeepney",
}
# elf(5)
_HEADER = struct.Struct("=16sHHIQQQIHHHHHH")
_SEGMENTS, _SECTIONS, _SEGMENT_COUNT, _SECTION_COUNT, _SECTION_NAMES = 5, 6, 10, 12, 13
_SEGMENT = struct.Struct("=IIQQQQQQ")  # type, flags, offset, vaddr, paddr, filesz, memsz, align
_LOAD, _WRITABLE = 1, 2


def make(program: Path, target: Path, directory: Path) -> None:
    """Run *program*, python.c linked, and write it with its memory to *target*.

    Intermediate files go into *directory*. Raises CalledProcessError, and ValueError for an unknown kind of program.
    """
    directory = directory.resolve()
    memory, modules = directory / "memory", directory / "modules"
    modules.write_bytes(marshal.dumps(compiled()))
    with modules.open("rb") as given:
        subprocess.run([program.resolve(), _HERE / "preload.py", memory], check=True, env={}, cwd="/", stdin=given)
    target.write_bytes(with_memory(program.read_bytes(), memory.read_bytes()))
    target.chmod(0o755)


def compiled() -> dict[str, CodeType]:
    """The code of every module that an image can hold."""
    modules = {}
    for path in sorted(_TOP.glob("pyoci/**/*.py")):
        shown = path.relative_to(_TOP)
        name = ".".join(shown.with_suffix("").parts).removesuffix(".__init__")
        if name not in LEFT_OUT:
            modules[name] = compile(path.read_bytes(), str(shown), "exec", dont_inherit=True)
    return modules


def with_memory(program: bytes, memory: bytes) -> bytes:
    """The executable *program* with *memory* as the content of its variables, which are the end of its last segment."""
    place, (kind, flags, offset, address, _, size, in_memory, align) = _variables(program)
    protected = in_memory - len(memory)  # what lies before the variables, for the loader to fill in
    content = (program[offset : offset + protected] + memory).rstrip(b"\0").ljust(size, b"\0")
    image = bytearray(program[:offset] + content)  # behind it lay the sections, which only linkers read
    _SEGMENT.pack_into(image, place, kind, flags, offset, address, address, len(content), in_memory, align)
    header = list(_HEADER.unpack_from(image))
    header[_SECTIONS] = header[_SECTION_COUNT] = header[_SECTION_NAMES] = 0
    _HEADER.pack_into(image, 0, *header)
    return bytes(image)


def _variables(program: bytes) -> tuple[int, tuple[int, ...]]:
    """The writable segment, and the place of its entry. Raises ValueError unless there is one."""
    writable = [(place, segment) for place, segment in _segments(program)
                if segment[0] == _LOAD and segment[1] & _WRITABLE]
    if len(writable) != 1:
        raise ValueError(f"one writable segment was expected, not {len(writable)}")
    return writable[0]


def _segments(program: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    header = _HEADER.unpack_from(program)
    first, count = header[_SEGMENTS], header[_SEGMENT_COUNT]
    for number in range(count):
        place = first + number * _SEGMENT.size
        yield place, _SEGMENT.unpack_from(program, place)
