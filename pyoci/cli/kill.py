"""kill ID [SIGNAL]: send a signal to a container's init process (runtime.md#kill).

SIGNAL is a number or a name, with or without SIG, also RTMIN+n and RTMAX-n; TERM if it is not given.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option, whole_number
from pyoci.cli.options import REGEX
from pyoci.errors import PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "ID [SIGNAL]"
OPTIONS = (Option("--all", "-a", help="send it to every process of the container"), REGEX)

# signal(7), as numbered on every architecture but alpha, mips, parisc and sparc. Python's module builds enums: 4 ms.
_NAMES = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG "
    "XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
)
NUMBERS = {
    **{name: number for number, name in enumerate(_NAMES.split(), 1)},
    "IOT": 6,
    "CLD": 17,
    "POLL": 29,
    "RTMIN": 34,
    "RTMAX": 64,
}


def run(arguments: Arguments) -> int:
    """Send the signal."""
    from pyoci.runtime.kill import kill

    signal = signal_number(arguments.operands[1] if len(arguments.operands) > 1 else "TERM")
    arguments.for_each(lambda name: kill(arguments.root, name, signal, all=arguments.flag("all")))
    return 0


def signal_number(text: str) -> int:
    """The number of the signal *text* names: ``9``, ``KILL``, ``sigkill``, ``SIGRTMIN+3``. Raises PyociError."""
    number = whole_number(text, NUMBERS["RTMAX"])
    if number is None:
        number = _named(text.upper().removeprefix("SIG"))
    if number is None:
        raise PyociError(f'unknown signal "{text}"')
    return number


def _named(name: str) -> int | None:
    for start, sign in (("RTMIN+", 1), ("RTMAX-", -1)):
        if name.startswith(start):
            distance = whole_number(name.removeprefix(start), NUMBERS["RTMAX"] - NUMBERS["RTMIN"])
            return None if distance is None else NUMBERS[start[:-1]] + sign * distance
    return NUMBERS.get(name)
