"""What a container uses, in the words of runc's ``events``: go-runc and those who build on it read them.

Where a controller is on v1 and where on v2, ``legacy_statistics`` and ``unified_statistics`` give the same object, in
nanoseconds and bytes. Keys runc omits when they are 0 are omitted here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.cgroups.unified import UnifiedDirectory

    Json = dict[str, object]

UNLIMITED = 2**64 - 1
"""What runc calls no limit, on v2; on v1 it is what the kernel says."""

CPUSET_FLAGS = (
    "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab",
    "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
)  # fmt: skip

# runc's section, which is also the controller's name on v1, and what of it is under pressure.
_SECTIONS = {"cpu": "cpu", "cpuset": "", "memory": "memory", "pids": "", "blkio": "io", "hugetlb": ""}


def of(cgroup: Cgroup) -> dict[str, Json]:
    """All there is to know; of a section whose controller is missing, what runc says then."""
    from pyoci.cgroups import legacy_statistics, unified_statistics

    places = {name: directory for directory in cgroup.legacy for name in directory.names}
    found: dict[str, Json] = {}
    for section, pressure in _SECTIONS.items():
        if cgroup.unified and section not in places:
            found[section] = unified_statistics.SECTIONS[section](cgroup.unified)
        else:
            found[section] = legacy_statistics.SECTIONS[section](places)
        if cgroup.unified and pressure:
            found[section].update(_pressure(cgroup.unified, pressure))
    return found


def _pressure(directory: UnifiedDirectory, name: str) -> Json:
    """Pressure stall information (Documentation/accounting/psi.rst), where the kernel keeps it."""
    found = {}
    for line in directory.lines(f"{name}.pressure"):
        kind, *items = line.split()
        pairs = [item.split("=") for item in items]
        found[kind] = {key: int(value) if key == "total" else float(value) for key, value in pairs}
    return {"psi": found} if found else {}


def nonzero(**numbers: object) -> Json:
    """Those of *numbers* that are not 0, and no empty list."""
    return {name: number for name, number in numbers.items() if number}


def memory_entry(limit: int, usage: int, peak: int, failures: int) -> Json:
    """One kind of memory, in bytes; how often its limit was in the way."""
    return {"limit": limit, **nonzero(usage=usage, max=peak), "failcnt": failures}


def throttling(counters: dict[str, int], nanoseconds: int) -> Json:
    """How often, and how long, the quota was used up."""
    return nonzero(
        periods=counters.get("nr_periods"), throttledPeriods=counters.get("nr_throttled"), throttledTime=nanoseconds
    )


def device_entry(device: str, operation: str, value: str) -> Json:
    """One count of *operation* on the block device ``major:minor``."""
    major, minor = device.split(":")
    return nonzero(major=int(major), minor=int(minor), op=operation, value=int(value))


def page_sizes(names: Iterable[str]) -> list[str]:
    """The sizes of huge pages, by the *names* of files such as ``hugetlb.2MB.max``, sorted as runc does."""
    parts = [name.split(".") for name in names]
    return sorted({part[1] for part in parts if part[0] == "hugetlb" and len(part) > 2})
