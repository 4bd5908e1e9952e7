"""process.scheduler: scheduling policy and its parameters (config.md#linux-process, sched_setattr(2))."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, int32, uint64
from pyoci.syscalls import sched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

# include/uapi/linux/sched.h. No kernel has SCHED_ISO, which is reserved: it answers EINVAL.
POLICIES = {"SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
            "SCHED_DEADLINE": 6}
FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
_REALTIME = ("SCHED_FIFO", "SCHED_RR")
_FAIR = ("SCHED_OTHER", "SCHED_BATCH")
_PRIORITIES = range(1, 100)
_NICE = range(-20, 20)


class Scheduler(Record):
    """A policy; *runtime*, *deadline* and *period* are nanoseconds of SCHED_DEADLINE."""

    policy: str
    nice: int32 = 0
    priority: int32 = 0
    flags: tuple[str, ...] = ()
    runtime: uint64 = 0
    deadline: uint64 = 0
    period: uint64 = 0

    def check(self) -> None:
        """Refuse what is unknown, and parameters that do not belong to the policy."""
        if self.policy not in POLICIES:
            raise ConfigError(f'"{self.policy}" is no scheduling policy', "policy")
        for place, flag in enumerate(self.flags):
            if flag not in FLAGS:
                raise ConfigError(f'"{flag}" is no scheduler flag', f"flags[{place}]")
        if self.policy in _FAIR and self.nice not in _NICE:
            raise ConfigError(f"invalid scheduler.nice: {self.nice}", "nice")
        self._check_priority()
        self._check_deadline()

    def _check_priority(self) -> None:
        if self.policy in _REALTIME:
            if self.priority not in _PRIORITIES:
                raise ConfigError(f"{self.priority} is not between 1 and 99, as {self.policy} wants", "priority")
        elif self.priority:
            raise ConfigError("scheduler.priority can only be specified for SchedFIFO or SchedRR policy", "priority")

    def _check_deadline(self) -> None:
        if self.policy != "SCHED_DEADLINE":
            if self.runtime or self.deadline or self.period:
                raise ConfigError("scheduler runtime/deadline/period can only be specified for SchedDeadline policy")
        elif not 0 < self.runtime <= self.deadline <= (self.period or self.deadline):
            raise ConfigError(f"SCHED_DEADLINE wants 0 < runtime <= deadline <= period, "
                              f"not {self.runtime}, {self.deadline}, {self.period}")


def set(init: Init) -> None:  # noqa: A001 (scheduler.set)
    """Set policy and parameters, while CAP_SYS_NICE is still there."""
    scheduler = init.process.scheduler
    flags = 0
    for flag in scheduler.flags:
        flags |= FLAGS[flag]
    sched.sched_setattr(0, POLICIES[scheduler.policy], flags, scheduler.nice, scheduler.priority, scheduler.runtime,
                        scheduler.deadline, scheduler.period)
