"""linux.personality: the execution domain (config-linux.md#personality, personality(2))."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record
from pyoci.syscalls import sched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

# include/uapi/linux/personality.h
DOMAINS = {"LINUX": 0x0000, "LINUX32": 0x0008}


class Personality(Record):
    """A domain; the specification has no flags yet."""

    domain: str
    flags: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse an unknown domain, and any flag."""
        if self.domain not in DOMAINS:
            raise ConfigError(f'"{self.domain}" is neither LINUX nor LINUX32', "domain")
        if self.flags:
            raise ConfigError(f'"{self.flags[0]}" is no flag: the specification has none', "flags[0]")


def set(init: Init) -> None:  # noqa: A001 (personality.set)
    """Set the domain."""
    sched.personality(DOMAINS[init.config.linux.personality.domain])
