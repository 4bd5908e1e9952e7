"""process.rlimits: resource limits of the process (config.md#posix-process)."""

from __future__ import annotations

import errno
import resource

from pyoci.errors import ConfigError, StepError
from pyoci.record import Record, uint64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

# getrlimit(2); the numbers are the same on every architecture pyoci runs on.
TYPES = {
    name: number
    for number, name in enumerate(
        ("RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
         "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
         "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME")
    )
}
INFINITY = 2**64 - 1
_WRAP = 2**64


class Rlimit(Record):
    """One limit: *soft* is enforced, *hard* is how far it may be raised."""

    type: str
    soft: uint64
    hard: uint64

    def check(self) -> None:
        """Refuse an unknown type, and a soft limit above the hard one."""
        if self.type not in TYPES:
            raise ConfigError(f"wrong rlimit value: {self.type}", "type")
        if self.soft > self.hard:
            raise ConfigError(f"{self.soft} is above the hard limit {self.hard}", "soft")


def raise_hard(init: Init) -> None:
    """Raise the hard limits that are too low, before a user namespace is entered: there nobody may any more."""
    for rlimit in init.process.rlimits if "user" in init.private else ():
        soft, hard = resource.getrlimit(TYPES[rlimit.type])
        if hard % _WRAP < rlimit.hard:
            _set(rlimit.type, soft % _WRAP, rlimit.hard)


def set_all(init: Init) -> None:
    """Set every limit, before the user changes: raising a hard limit needs CAP_SYS_RESOURCE."""
    for rlimit in init.process.rlimits:
        _set(rlimit.type, rlimit.soft, rlimit.hard)


def _set(kind: str, soft: int, hard: int) -> None:
    """setrlimit(2); the module takes signed numbers, and says ValueError for the EPERM of a raised hard limit."""
    try:
        resource.setrlimit(TYPES[kind], (_signed(soft), _signed(hard)))
    except (ValueError, PermissionError):
        raise StepError(f"error setting rlimit {kind} to {soft}:{hard}: operation not permitted", errno=errno.EPERM,
                        field="process.rlimits", call="setrlimit(2)",
                        hint="raising a hard limit takes CAP_SYS_RESOURCE") from None


def _signed(value: int) -> int:
    return value - _WRAP if value >= _WRAP // 2 else value
