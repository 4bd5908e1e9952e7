"""process.rlimits: resource limits of the process (config.md#posix-process)."""

from __future__ import annotations

from pyoci.errors import ConfigError, StepError
from pyoci.record import Record, uint64
from pyoci.syscalls import process

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
    for limit in init.process.rlimits if "user" in init.private else ():
        soft, hard = process.rlimit(TYPES[limit.type])
        if hard < limit.hard:
            _set(limit.type, soft, limit.hard)


def set_all(init: Init) -> None:
    """Set every limit, before the user changes: raising a hard limit needs CAP_SYS_RESOURCE."""
    for limit in init.process.rlimits:
        _set(limit.type, limit.soft, limit.hard)


def _set(kind: str, soft: int, hard: int) -> None:
    try:
        process.set_rlimit(TYPES[kind], soft, hard)
    except PermissionError as error:
        raise StepError(f"error setting rlimit {kind} to {soft}:{hard}: operation not permitted", errno=error.errno,
                        field="process.rlimits", call="prlimit(2)",
                        hint="raising a hard limit takes CAP_SYS_RESOURCE") from None
