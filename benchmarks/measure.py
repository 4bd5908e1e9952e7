"""Running commands and noting what they took."""

from __future__ import annotations

import os
import statistics
import time
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_NOTHING = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)]


class Cost(NamedTuple):
    """What one command took: seconds on the clock, and of processor time with its children."""

    wall: float
    cpu: float
    status: int


class Series:
    """What the same command of several runtimes took, each in turn."""

    def __init__(self, name: str, unit: str = "ms") -> None:
        self.name = name
        self.unit = unit
        self.values: dict[str, list[float]] = {}

    def add(self, runtime: str, value: float) -> None:
        """Note one value."""
        self.values.setdefault(runtime, []).append(value)

    def median(self, runtime: str) -> float:
        """The median of what *runtime* took."""
        return statistics.median(self.values[runtime])

    def spread(self, runtime: str) -> tuple[float, float]:
        """The quartiles of what *runtime* took."""
        values = self.values[runtime]
        if len(values) < 2:
            return values[0], values[0]
        first, _, third = statistics.quantiles(values, n=4)
        return first, third

    def ratio(self, runtime: str, other: str) -> float | None:
        """The median of the ratios pair by pair; None without the other."""
        pairs = list(zip(self.values.get(runtime, ()), self.values.get(other, ()), strict=False))
        return statistics.median([one / two for one, two in pairs if two]) if pairs else None


def run(command: list[str], *, check: bool = True) -> Cost:
    """Run *command*, with nothing to read and nobody to read it. Raises RuntimeError when it fails, if asked to."""
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=_NOTHING)
    _, status, used = os.wait4(pid, 0)
    cost = Cost(time.perf_counter() - begin, used.ru_utime + used.ru_stime, status)
    if status and check:
        raise RuntimeError(f"{' '.join(command)}: wait status {status}")
    return cost


def at_once(commands: Sequence[list[str]]) -> float:
    """Start all *commands* and wait for all; seconds. Raises RuntimeError when one fails."""
    begin = time.perf_counter()
    pids = [os.posix_spawnp(words[0], words, os.environ, file_actions=_NOTHING) for words in commands]
    failed = [pid for pid in pids if os.waitpid(pid, 0)[1]]
    lasted = time.perf_counter() - begin
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(pids)} commands failed: {' '.join(commands[0])}")
    return lasted


def in_turn(items: Sequence[str], number: int) -> list[str]:
    """*items* in the order of round *number*: a slow moment of the machine meets all of them."""
    start = number % len(items)
    return [*items[start:], *items[:start]]
