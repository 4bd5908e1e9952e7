"""events ID: print what a container uses, and when it runs out of memory.

A line of JSON is printed at each interval, and when the kernel kills a process of the container for want of memory,
until the container stops.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "ID"
OPTIONS = (
    Option("--interval", value="DURATION", help="time between two lines, such as 500ms or 1m30s (default: 5s)"),
    Option("--stats", help="print what the container uses now, and end"),
)

_SIGINT = 2
# Go's units of a duration, in seconds.
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def run(arguments: Arguments) -> int:
    """Print the events."""
    from pyoci import json_text
    from pyoci.cli.output import say
    from pyoci.runtime.events import events, statistics

    interval = duration(arguments.text("interval", "5s"))
    if interval <= 0:
        raise UsageError("duration interval must be greater than 0")
    if arguments.flag("stats"):
        data = statistics(arguments.root, arguments.id)
        say(json_text.dumps({"type": "stats", "id": arguments.id, "data": data}) + "\n")
        return 0
    stream = events(arguments.root, arguments.id, interval)
    _let_interrupts_kill()
    for event in stream:
        say(json_text.dumps(event) + "\n")
    return 0


def _let_interrupts_kill() -> None:
    """Die of SIGINT, at once: an exception would wait for the next event when it comes just before poll(2)."""
    import _signal

    if _signal.getsignal(_SIGINT) != _signal.SIG_IGN:
        _signal.signal(_SIGINT, _signal.SIG_DFL)


def duration(text: str) -> float:
    """The seconds that *text* is, as Go writes a duration: ``1m30s``, ``1.5h``, ``0``. Raises UsageError."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    seconds = 0.0
    while True:
        number, unit, rest = _first(rest, text)
        seconds += float(number) * _UNITS[unit]
        if not rest:
            return sign * seconds


def _first(rest: str, text: str) -> tuple[str, str, str]:
    """The number *rest* begins with, its unit, and what comes behind. Raises UsageError that names *text*."""
    number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
    rest = rest[len(number) :]
    unit = next((unit for unit in ("ms", *_UNITS) if rest.startswith(unit)), "")  # before m
    if not unit or number.count(".") > 1 or not number.strip("."):
        raise UsageError(f'invalid value "{text}" for flag --interval: it is a duration such as 5s, 100ms or 1m30s')
    return number, unit, rest[len(unit) :]
