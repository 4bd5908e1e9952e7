"""linux.resources.cpu: how much processor time, and on which processors (config-linux.md#cpu)."""

from __future__ import annotations

import math

from pyoci.errors import ConfigError
from pyoci.record import Record, int64, uint64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings

_DEFAULT_PERIOD = 100_000  # µs, the kernel's
_LEAST_SHARES, _MOST_SHARES = 2, 262_144
_LEAST_WEIGHT, _MOST_WEIGHT = 1, 10_000


class Cpu(Record):
    """Times are in microseconds; 0 of a number leaves it as it is, a negative quota is none."""

    shares: uint64 = 0
    quota: int64 = 0
    burst: uint64 | None = None
    period: uint64 = 0
    realtime_runtime: int64 = 0
    realtime_period: uint64 = 0
    cpus: str = ""
    mems: str = ""
    idle: int64 | None = None

    def check(self) -> None:
        """Refuse a burst above the quota, and an unknown scheduling of idle groups."""
        if self.burst is not None and 0 < self.quota < self.burst:
            raise ConfigError(f"{self.burst} is above the quota {self.quota}", "burst")
        if self.idle not in {None, 0, 1}:
            raise ConfigError(f"{self.idle} is neither 0 nor 1", "idle")


def legacy(cpu: Cpu) -> Settings:
    """cpu.shares, cpu.cfs_*, cpu.idle, cpu.rt_*, cpuset.*."""
    if cpu.shares and cpu.idle != 1:  # the kernel has its own, least weight for idle groups
        yield "cpu.shares", str(_checked_shares(cpu.shares))
    if cpu.period:
        yield "cpu.cfs_period_us", str(cpu.period)
    if cpu.quota:
        yield "cpu.cfs_quota_us", str(max(cpu.quota, -1))
    if cpu.burst is not None:
        yield "cpu.cfs_burst_us", str(cpu.burst)
    if cpu.idle is not None:
        yield "cpu.idle", str(cpu.idle)
    if cpu.realtime_period:
        yield "cpu.rt_period_us", str(cpu.realtime_period)
    if cpu.realtime_runtime:
        yield "cpu.rt_runtime_us", str(cpu.realtime_runtime)
    yield from _cpuset(cpu)


def unified(cpu: Cpu) -> Settings:
    """cpu.weight, cpu.max, cpu.max.burst, cpu.idle, cpuset.*."""
    if cpu.realtime_runtime or cpu.realtime_period:
        name = "realtimeRuntime" if cpu.realtime_runtime else "realtimePeriod"
        raise ConfigError("cgroup v2 has no limit of real-time scheduling", name)
    if cpu.shares and cpu.idle != 1:  # the kernel has its own, least weight for idle groups
        yield "cpu.weight", str(weight_from_shares(cpu.shares))
    if cpu.quota or cpu.period:
        yield "cpu.max", f"{cpu.quota if cpu.quota > 0 else 'max'} {cpu.period or _DEFAULT_PERIOD}"
    if cpu.burst is not None:
        yield "cpu.max.burst", str(cpu.burst)
    if cpu.idle is not None:
        yield "cpu.idle", str(cpu.idle)
    yield from _cpuset(cpu)


def _cpuset(cpu: Cpu) -> Settings:
    if cpu.cpus:
        yield "cpuset.cpus", cpu.cpus
    if cpu.mems:
        yield "cpuset.mems", cpu.mems


def _checked_shares(shares: int) -> int:
    """*shares*. Raises ConfigError, in runc's words, for what the kernel would quietly replace by another number."""
    if shares < _LEAST_SHARES:
        raise ConfigError(f"the minimum allowed cpu-shares is {_LEAST_SHARES}", "shares")
    if shares > _MOST_SHARES:
        raise ConfigError(f"the maximum allowed cpu-shares is {_MOST_SHARES}", "shares")
    return shares


def weight_from_shares(shares: int) -> int:
    """The weight 1..10000 for *shares*, on the curve through (2, 1), (1024, 100) and (262144, 10000) that runc uses.

    Both defaults meet, and doubling one about doubles the other.
    """
    if shares <= _LEAST_SHARES:
        return _LEAST_WEIGHT
    if shares >= _MOST_SHARES:
        return _MOST_WEIGHT
    log = math.log2(shares)
    return math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))
