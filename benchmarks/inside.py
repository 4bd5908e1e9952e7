"""What a container costs the work inside it: the same program outside, and in a container of each runtime."""

from __future__ import annotations

import re
import subprocess

from benchmarks.measure import Series, in_turn
from benchmarks.runtimes import new_name, podmans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.runtimes import Runtime

# About a second each: it is timed inside, in hundredths, so that a container's start does not count.
WORK = {
    "CPU": "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done",
    "system calls": "busybox dd if=/dev/zero of=/dev/null bs=1 count=1500000",
    "files": "for n in 1 2 3; do busybox dd if=/dev/zero of=/tmp/f bs=64k count=6000; busybox rm /tmp/f; done",
    "pipe": "busybox dd if=/dev/zero bs=1 count=300000 | busybox dd bs=1 of=/dev/null",
}
OUTSIDE = "outside"


def measured(runtimes: Mapping[str, Runtime], place: Path, rounds: int) -> Iterator[Series]:
    """Every kind of work; system calls also without podman's seccomp profile."""
    for kind, script in WORK.items():
        yield _of(kind, script, runtimes, place, max(5, rounds // 4), seccomp=True)
    yield _of("system calls", WORK["system calls"], runtimes, place, max(5, rounds // 4), seccomp=False)


def _of(
    kind: str, script: str, runtimes: Mapping[str, Runtime], place: Path, rounds: int, *, seccomp: bool
) -> Series:
    series = Series(f"inside: {kind}" + ("" if seccomp else ", no seccomp profile"))
    timed = ["busybox", "time", "-p", "busybox", "sh", "-c", script]
    bundle = podmans(place / f"inside-{kind.replace(' ', '-')}-{seccomp}", *timed, seccomp=seccomp)
    for number in range(rounds):
        for name in in_turn([OUTSIDE, *runtimes], number):
            words = timed if name == OUTSIDE else runtimes[name].words("run", "--bundle", bundle, new_name())
            said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
            (seconds,) = re.findall(r"^real\s+([\d.]+)", said, re.MULTILINE)
            series.add(name, float(seconds) * 1000)
    return series
