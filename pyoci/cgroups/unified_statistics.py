"""Statistics of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst), in the shape they have on v1."""

from __future__ import annotations

from pyoci.cgroups.statistics import (
    CPUSET_FLAGS,
    UNLIMITED,
    device_entry,
    memory_entry,
    nonzero,
    page_sizes,
    throttling,
)
from pyoci.number_list import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.cgroups.statistics import Json
    from pyoci.cgroups.unified import UnifiedDirectory

# runc's key, and what io.stat calls its operations.
_BLKIO = (
    ("ioServiceBytesRecursive", {"rbytes": "Read", "wbytes": "Write", "dbytes": "Discard"}),
    ("ioServicedRecursive", {"rios": "Read", "wios": "Write", "dios": "Discard"}),
)


def _cpu(directory: UnifiedDirectory) -> Json:
    counters = directory.counters("cpu.stat")
    total, kernel, user, throttled = (
        counters.get(f"{name}_usec", 0) * 1000 for name in ("usage", "system", "user", "throttled")
    )
    usage = {**nonzero(total=total), "kernel": kernel, "user": user}
    return {"usage": usage, "throttling": throttling(counters, throttled)}


def _cpuset(directory: UnifiedDirectory) -> Json:
    lists = {name: sorted(numbers("".join(directory.lines(f"cpuset.{name}.effective")))) for name in ("cpus", "mems")}
    return {**nonzero(**lists), **dict.fromkeys(CPUSET_FLAGS, 0)}


def _memory(directory: UnifiedDirectory) -> Json:
    raw = directory.counters("memory.stat")
    events = directory.counters("memory.events")
    limit, usage = _limit(directory, "memory.max"), directory.number("memory.current") or 0
    return {
        **nonzero(cache=raw.get("file")),
        "usage": memory_entry(limit, usage, directory.number("memory.peak") or 0, events.get("max", 0)),
        "swap": _memory_and_swap(directory, limit, usage),
        "kernel": memory_entry(0, 0, 0, 0),
        "kernelTCP": memory_entry(0, 0, 0, 0),
        **nonzero(raw=raw, events=events),
    }


def _memory_and_swap(directory: UnifiedDirectory, limit: int, usage: int) -> Json:
    """The sum, which v1 counts; its peak is nobody's."""
    swap = _limit(directory, "memory.swap.max")
    both = swap if swap == UNLIMITED else min(swap + limit, UNLIMITED)
    failures = directory.counters("memory.swap.events").get("max", 0)
    return memory_entry(both, usage + (directory.number("memory.swap.current") or 0), 0, failures)


def _limit(directory: UnifiedDirectory, name: str) -> int:
    """The limit in the file *name*; 0 when there is no such file."""
    text = "".join(directory.lines(name))
    return UNLIMITED if text == "max" else int(text or 0)


def _pids(directory: UnifiedDirectory) -> Json:
    return nonzero(
        current=directory.number("pids.current"), limit=directory.number("pids.max"), peak=directory.number("pids.peak")
    )


def _blkio(directory: UnifiedDirectory) -> Json:
    found: dict[str, list[Json]] = {key: [] for key, _ in _BLKIO}
    for line in directory.lines("io.stat"):
        device, *items = line.split()
        values = dict([item.split("=") for item in items if item.count("=") == 1])
        for key, operations in _BLKIO:
            found[key] += [device_entry(device, shown, values[name]) for name, shown in operations.items()
                           if name in values]  # fmt: skip
    return nonzero(**found)


def _hugetlb(directory: UnifiedDirectory) -> Json:
    return {size: _pages(directory, size) for size in page_sizes(directory.files())}


def _pages(directory: UnifiedDirectory, size: str) -> Json:
    failures = directory.counters(f"hugetlb.{size}.events").get("max", 0)
    return {**nonzero(usage=directory.number(f"hugetlb.{size}.current")), "failcnt": failures}


SECTIONS: dict[str, Callable[[UnifiedDirectory], Json]] = {
    "cpu": _cpu, "cpuset": _cpuset, "memory": _memory, "pids": _pids, "blkio": _blkio, "hugetlb": _hugetlb,
}  # fmt: skip
