"""process.ioPriority: whose requests the block layer serves first (config.md#linux-process, ioprio_set(2))."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, int64
from pyoci.syscalls import sched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

# include/uapi/linux/ioprio.h
CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
_IOPRIO_CLASS_SHIFT = 13
_IOPRIO_WHO_PROCESS = 1
_LEVELS = range(8)


class IoPriority(Record):
    """A class, and a priority within it: 0 is the highest, 7 the lowest."""

    class_: str
    priority: int64

    def check(self) -> None:
        """Refuse an unknown class and a priority out of range."""
        if self.class_ not in CLASSES:
            raise ConfigError(f"invalid ioPriority.Class: {self.class_}", "class")
        if self.priority not in _LEVELS:
            raise ConfigError(f"invalid ioPriority.Priority: {self.priority}", "priority")


def set(init: Init) -> None:  # noqa: A001 (io_priority.set)
    """Set the priority of the process; it is the only one so far, and what it forks inherits it."""
    wanted = init.process.io_priority
    sched.ioprio_set(_IOPRIO_WHO_PROCESS, 0, CLASSES[wanted.class_] << _IOPRIO_CLASS_SHIFT | wanted.priority)
