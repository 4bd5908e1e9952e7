"""An image of the interpreter: the program, with the memory of a process that has imported everything in its variables.

The program lies at a fixed address, and so do its variables, among them the region that memory.c took all memory from.
So the memory of one process is right in the next: the segment of the variables gets it for its content. The variables
of the C library stay as they were, for it starts anew.
"""

from __future__ import annotations

import dis
import marshal
import struct
import subprocess
import sys
from pathlib import Path
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parent
PRACTICE = _HERE / "practice.py"
LEFT_OUT = {
    "pyoci.__main__": "runs the command",
    "pyoci.importer": "imports bytecode",
    "pyoci.own_executable": "is for the script",
    "pyoci.syscalls.ffi": "loads _ctypes",
}
BUILT_IN = {
    "_json": "json.c reads",
    "ctypes": "needed for libseccomp alone",
    "pyseccomp": "seccomp.c has what is needed of it",
}
"""Modules of others that ours import where the launcher is not there."""
# elf(5)
_HEADER = struct.Struct("=16sHHIQQQIHHHHHH")
_SEGMENTS, _SECTIONS, _SEGMENT_COUNT, _SECTION_COUNT, _SECTION_NAMES = 5, 6, 10, 12, 13
_SEGMENT = struct.Struct("=IIQQQQQQ")  # type, flags, offset, vaddr, paddr, filesz, memsz, align
_PIECE = struct.Struct("=QQ")  # of memory: its address and size; its content follows
_LOAD, _WRITABLE = 1, 2
_SECONDS = 120  # where it takes 3


def make(program: Path, target: Path, directory: Path) -> None:
    """Run *program*, python.c linked, and write it with its memory to *target*.

    Intermediate files go into *directory*. Raises CalledProcessError, and ValueError for an unknown kind of program.
    """
    memory, modules, noted = directory / "memory", directory / "modules", directory / "noted"
    code = compiled()
    modules.write_bytes(marshal.dumps((code, imported_late(code.values()), places())))
    command = [program.resolve(), _HERE / "preload.py"]
    try:
        run([*command, "-", PRACTICE], modules, noted)
        run([*command, noted.resolve()], modules, memory)
    except subprocess.SubprocessError as error:
        sys.stderr.write(f"What the image writes to lies anywhere in it: {error}\n")
        run(command, modules, memory)
    target.write_bytes(with_memory(program.read_bytes(), memory.read_bytes()))
    target.chmod(0o755)


def run(command: Sequence[str | Path], given: Path, result: Path) -> None:
    """Run *command* in the same surroundings each time: what differs would take memory."""
    with given.open("rb") as stdin, result.open("wb") as stdout:
        done = subprocess.run(command, env={}, cwd=_TOP, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                              text=True, timeout=_SECONDS, check=False)
    sys.stderr.write(done.stderr)
    done.check_returncode()


def imported_late(modules: Iterable[CodeType]) -> list[str]:
    """What the functions in *modules* import of others."""
    found = set()
    codes = [function for module in modules for function in _functions(module)]
    for code in codes:  # which grows
        codes += _functions(code)
        found |= {step.argval for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"}
    return sorted(name for name in found if name.partition(".")[0] not in {"pyoci", *BUILT_IN})


def _functions(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def places() -> list[str]:
    """Where Python finds the libraries pyoci stands on, behind what stands in for those of them that are in C."""
    return [str(_HERE / "stand_ins"), *(path for path in sys.path if path.endswith("-packages"))]


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
    """The executable *program* with the pieces of *memory* as the content of its variables, in its last segment."""
    place, (kind, flags, offset, address, _, size, in_memory, align) = _variables(program)
    content = bytearray(program[offset : offset + size].ljust(in_memory, b"\0"))
    for start, piece in pieces(memory):
        content[start - address : start - address + len(piece)] = piece
    content = content.rstrip(b"\0").ljust(size, b"\0")
    image = bytearray(program[:offset] + content)  # behind it lay the sections, which only linkers read
    _SEGMENT.pack_into(image, place, kind, flags, offset, address, address, len(content), in_memory, align)
    header = list(_HEADER.unpack_from(image))
    header[_SECTIONS] = header[_SECTION_COUNT] = header[_SECTION_NAMES] = 0
    _HEADER.pack_into(image, 0, *header)
    return bytes(image)


def pieces(memory: bytes) -> Iterator[tuple[int, bytes]]:
    """The address and content of each piece of *memory*, as memory.c writes them."""
    place = 0
    while place < len(memory):
        address, size = _PIECE.unpack_from(memory, place)
        place += _PIECE.size + size
        yield address, memory[place - size : place]


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
