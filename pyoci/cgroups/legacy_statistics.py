"""Statistics of cgroup v1 (Documentation/admin-guide/cgroup-v1)."""

from __future__ import annotations

import os

from pyoci.cgroups.statistics import (
    CPUSET_FLAGS,
    device_entry,
    memory_entry,
    nonzero,
    page_sizes,
    throttling,
)
from pyoci.number_list import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyoci.cgroups.legacy import LegacyDirectory
    from pyoci.cgroups.statistics import Json

    Places = Mapping[str, LegacyDirectory]  # by controller

# runc's key, and the files that may have it, the schedulers' own first: BFQ, CFQ (until Linux 5.0), and those of the
# limits, which see every device.
_BLKIO = (
    ("ioServiceBytesRecursive", "io_service_bytes_recursive", "throttle.io_service_bytes"),
    ("ioServicedRecursive", "io_serviced_recursive", "throttle.io_serviced"),
    ("ioQueueRecursive", "io_queued_recursive", ""),
    ("ioServiceTimeRecursive", "io_service_time_recursive", ""),
    ("ioWaitTimeRecursive", "io_wait_time_recursive", ""),
    ("ioMergedRecursive", "io_merged_recursive", ""),
    ("ioTimeRecursive", "time_recursive", ""),
    ("sectorsRecursive", "sectors_recursive", ""),
)


def _cpu(places: Places) -> Json:
    accounting, scheduling = places.get("cpuacct"), places.get("cpu")
    counters = scheduling.counters("cpu.stat") if scheduling else {}
    usage = _cpu_usage(accounting) if accounting else {"kernel": 0, "user": 0}
    return {"usage": usage, "throttling": throttling(counters, counters.get("throttled_time", 0))}


def _cpu_usage(directory: LegacyDirectory) -> Json:
    ticks = directory.counters("cpuacct.stat")
    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    each = [line.split() for line in directory.lines("cpuacct.usage_all")[1:]]  # cpu user system
    return {
        **nonzero(
            total=directory.number("cpuacct.usage"),
            percpu=[int(word) for line in directory.lines("cpuacct.usage_percpu") for word in line.split()],
            percpu_kernel=[int(system) for _, _, system in each],
            percpu_user=[int(user) for _, user, _ in each],
        ),
        "kernel": ticks.get("system", 0) * tick,
        "user": ticks.get("user", 0) * tick,
    }


def _cpuset(places: Places) -> Json:
    directory = places.get("cpuset")
    if not directory:
        return dict.fromkeys(CPUSET_FLAGS, 0)
    lists = {name: sorted(numbers("".join(directory.lines(f"cpuset.{name}")))) for name in ("cpus", "mems")}
    flags = {name: int("".join(directory.lines(f"cpuset.{name}")) or 0) for name in CPUSET_FLAGS}
    return {**nonzero(**lists), **flags}


def _memory(places: Places) -> Json:
    directory = places.get("memory")
    if not directory:
        nothing = memory_entry(0, 0, 0, 0)
        return {"usage": nothing, "swap": nothing, "kernel": nothing, "kernelTCP": nothing}
    raw = directory.counters("memory.stat")
    kills = directory.keyed("memory.oom_control", "oom_kill")
    return {
        **nonzero(cache=raw.get("cache")),
        "usage": _kind_of_memory(directory, "memory"),
        "swap": _kind_of_memory(directory, "memory.memsw"),
        "kernel": _kind_of_memory(directory, "memory.kmem"),
        "kernelTCP": _kind_of_memory(directory, "memory.kmem.tcp"),
        **nonzero(raw=raw, events={"oom_kill": int(kills)} if kills else None),
    }


def _kind_of_memory(directory: LegacyDirectory, kind: str) -> Json:
    files = ("limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt")
    return memory_entry(*[directory.number(f"{kind}.{file}") or 0 for file in files])


def _pids(places: Places) -> Json:
    directory = places.get("pids")
    return nonzero(**_pids_of(directory)) if directory else {}


def _pids_of(directory: LegacyDirectory) -> Json:
    return {"current": directory.number("pids.current"), "limit": directory.number("pids.max"),
            "peak": directory.number("pids.peak")}  # fmt: skip


def _blkio(places: Places) -> Json:
    directory = places.get("blkio")
    found = {}
    for key, file, throttle in _BLKIO if directory else ():
        assert directory
        names = [f"bfq.{file}", file, *([f"{throttle}_recursive", throttle] if throttle else [])]
        found[key] = next(filter(None, (_blkio_entries(directory, f"blkio.{name}") for name in names)), None)
    return nonzero(**found)


def _blkio_entries(directory: LegacyDirectory, name: str) -> list[Json]:
    """The lines ``8:0 Read 5`` or ``8:0 5`` of a file; the sum of all devices is left out."""
    lines = [line.split() for line in directory.lines(name)]
    return [device_entry(line[0], "".join(line[1:-1]), line[-1]) for line in lines if ":" in line[0]]


def _hugetlb(places: Places) -> Json:
    directory = places.get("hugetlb")
    return {size: _pages(directory, size) for size in page_sizes(directory.files())} if directory else {}


def _pages(directory: LegacyDirectory, size: str) -> Json:
    usage, peak, failures = (
        directory.number(f"hugetlb.{size}.{file}") or 0 for file in ("usage_in_bytes", "max_usage_in_bytes", "failcnt")
    )
    return {**nonzero(usage=usage, max=peak), "failcnt": failures}


SECTIONS: dict[str, Callable[[Places], Json]] = {
    "cpu": _cpu, "cpuset": _cpuset, "memory": _memory, "pids": _pids, "blkio": _blkio, "hugetlb": _hugetlb,
}  # fmt: skip
