"""linux.timeOffsets: clocks of a new time namespace (config-linux.md#offset-for-time-namespace)."""

from __future__ import annotations

import errno

from pyoci.errors import ConfigError, StepError
from pyoci.record import Record, int64, uint32
from pyoci.syscalls import procfs
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

CLOCKS = ("monotonic", "boottime")
_FILE = "self/timens_offsets"
_SECOND = 10**9
_HINTS = {
    errno.ERANGE: "with its offset a clock may neither be negative nor beyond 146 years",
    errno.EACCES: "a process is in the namespace already, which fixes its clocks",
}


class TimeOffset(Record):
    """How far a clock is ahead of the host's: *secs*, which may be negative, and *nanosecs*."""

    secs: int64 = 0
    nanosecs: uint32 = 0

    def check(self) -> None:
        """Nanoseconds make less than a second."""
        if self.nanosecs >= _SECOND:
            raise ConfigError(f"{self.nanosecs} is a second or more", "nanosecs")


def check(offsets: dict[str, TimeOffset]) -> None:
    """Raise ConfigError for clocks a time namespace does not have."""
    for clock in offsets:
        if clock not in CLOCKS:
            raise ConfigError(f"is not one of {', '.join(CLOCKS)}", clock)


def text(offsets: dict[str, TimeOffset]) -> str:
    """What timens_offsets is given (time_namespaces(7))."""
    return "".join([f"{clock} {offset.secs} {offset.nanosecs}\n" for clock, offset in offsets.items()])


def write(init: Init) -> None:
    """Set the clocks after the namespace is made and before the first process enters it, which fixes them."""
    offsets = init.config.linux.time_offsets
    try:
        with Fd(procfs.open_private()) as proc:  # in a mount namespace given by path, /proc is another container's
            procfs.write(proc.fileno(), _FILE, text(offsets))
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StepError(
            f"cannot set the clocks of the time namespace to {text(offsets).strip()!r}: {reason}",
            field="linux.timeOffsets", file=f"/proc/{_FILE}", errno=error.errno, hint=_HINTS.get(error.errno or 0),
        ) from error
