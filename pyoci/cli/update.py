"""update ID: change the limits of a container.

Only what is given changes. FILE has an object as config.json's linux.resources; with it, the options for single limits
are ignored. SIZE is in bytes or has a unit (512k, 64M, 1.5g); -1 is no limit.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.errors import PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.cli.arguments import Arguments

OPERANDS = "ID"

# The option, what its value is, and where it belongs in linux.resources.
_LIMITS = (
    ("blkio-weight", "number", "blockIO.weight", "share of block devices, from 10 to 1000"),
    ("cpu-period", "number", "cpu.period", "length of the period the quota is for, in microseconds"),
    ("cpu-quota", "number", "cpu.quota", "processor time in a period, in microseconds"),
    ("cpu-burst", "number", "cpu.burst", "processor time that may be saved up for later periods, in microseconds"),
    ("cpu-share", "number", "cpu.shares", "share of the processors, from 2 to 262144"),
    ("cpu-rt-period", "number", "cpu.realtimePeriod", "period of real-time scheduling, in microseconds (v1)"),
    ("cpu-rt-runtime", "number", "cpu.realtimeRuntime", "real-time processor time in that period (v1)"),
    ("cpu-idle", "number", "cpu.idle", "1: run only when nothing else does; 0: normally"),
    ("cpuset-cpus", "text", "cpu.cpus", "list of processors"),
    ("cpuset-mems", "text", "cpu.mems", "list of memory nodes"),
    ("memory", "size", "memory.limit", "most memory"),
    ("memory-reservation", "size", "memory.reservation", "memory the kernel leaves alone when it is short of it"),
    ("memory-swap", "size", "memory.swap", "most memory and swap space together"),
    ("kernel-memory", "size", "memory.kernel", "most memory of the kernel (v1)"),
    ("kernel-memory-tcp", "size", "memory.kernelTCP", "most memory of TCP buffers (v1)"),
    ("pids-limit", "number", "pids.limit", "most processes and threads"),
)
_METAVARS = {"number": "N", "text": "LIST", "size": "SIZE"}

OPTIONS = (
    Option("--resources", "-r", value="FILE", help="read the limits from this file, or from standard input (-)"),
    *(Option(f"--{name}", value=_METAVARS[kind], help=text) for name, kind, _, text in _LIMITS),
    Option("--l3-cache-schema", value="SCHEMA", help="share of the L3 cache (Intel RDT), such as L3:0=f"),
    Option("--mem-bw-schema", value="SCHEMA", help="share of the memory's bandwidth (Intel RDT), such as MB:0=50"),
)

_STDIN = 0
_UNITS = "kmgtp"


def run(arguments: Arguments) -> int:
    """Change the limits."""
    from pyoci.runtime.update import update

    file = arguments.text("resources")
    update(
        arguments.root,
        arguments.id,
        _from_file(file) if file else _from_options(arguments),
        l3_cache_schema=arguments.text("l3_cache_schema"),
        mem_bw_schema=arguments.text("mem_bw_schema"),
    )
    return 0


def _from_file(path: str) -> dict[str, object]:
    """The object in the file *path*. Raises PyociError."""
    from pyoci import json_text

    shown = "standard input" if path == "-" else path
    try:
        with open(_STDIN if path == "-" else path, "rb", buffering=0, closefd=path != "-") as file:
            value = json_text.loads(file.readall())
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise PyociError(f"open {shown}: {reason}", file=path, errno=error.errno) from error
    except ValueError as error:
        raise PyociError(f"{shown} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise PyociError(f"{shown}: expected an object as linux.resources")
    return value


def _from_options(arguments: Arguments) -> dict[str, object]:
    """The object the options for single limits describe. Raises PyociError."""
    readers: dict[str, Callable[[str], object]] = {"number": whole, "size": size, "text": str}
    resources: dict[str, dict[str, object]] = {}
    for name, kind, place, _ in _LIMITS:
        text = arguments.text(name.replace("-", "_"))
        if text:
            section, _, key = place.partition(".")
            try:
                resources.setdefault(section, {})[key] = readers[kind](text)
            except ValueError as error:
                raise PyociError(f"invalid value for {name}: {error}") from None
    return {**resources}


def whole(text: str) -> int:
    """The number that *text* is in decimal digits, with a sign or not. Raises ValueError."""
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise ValueError(f'"{text}" is no whole number')
    return int(text)


def size(text: str) -> int:
    """The bytes that *text* is, with a unit (in powers of 1024) or not; -1 is no limit. Raises ValueError."""
    if text == "-1":
        return -1
    number = text.lower().removesuffix("b").removesuffix("i")
    exponent = _UNITS.find(number[-1:]) + 1 if number else 0
    before, point, after = (number[:-1] if exponent else number).removesuffix(" ").partition(".")
    if not (text.isascii() and before.isdecimal() and (after.isdecimal() or not point)):
        raise ValueError(f"invalid size: '{text}'")
    return (int(before + after) << 10 * exponent) // int("1" + "0" * len(after))
