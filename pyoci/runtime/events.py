"""events: what a container uses, and that it ran out of memory; not in the specification, as runc has it."""

from __future__ import annotations

import os
import select
import time

from pyoci.cgroups import oom
from pyoci.cgroups import statistics as counted
from pyoci.container import store
from pyoci.errors import Unsupported, UsageError, WrongStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.cgroups.oom import LegacyWatch, UnifiedWatch
    from pyoci.container.container import Container

    Json = dict[str, object]

_INTERFACE = ("Bytes", "Packets", "Errors", "Dropped")
_RECEIVED, _SENT = 0, 8  # where their columns begin (proc_pid_net(5))


def statistics(root: str, container_id: str) -> Json:
    """What the container uses now: runc's object, in nanoseconds and bytes, with PSI and counts of memory events.

    Raises ContainerNotFound, WrongStatus when it is stopped, and Unsupported when it has no cgroup.
    """
    return _statistics(_running(root, container_id))


def events(root: str, container_id: str, interval: float = 5.0) -> Iterator[Json]:
    """The container's events until it stops, each an object with ``type``, ``id`` and perhaps ``data``.

    *stats* comes every *interval* seconds with what ``statistics`` returns, *oom* when the kernel killed for want of
    memory. Raises as ``statistics`` does, and UsageError for an interval that is not positive.
    """
    if interval <= 0:
        raise UsageError("duration interval must be greater than 0")
    container = _running(root, container_id)
    pidfd = _pidfd(container)
    return _stream(container, pidfd, oom.watch(container.cgroup()), interval)


def _running(root: str, container_id: str) -> Container:
    container = store.Store(root).load(container_id)
    if container.status in {"stopped", "creating"}:
        raise WrongStatus(f"container with id {container_id} is not running")
    if not container.cgroup().directories:
        raise Unsupported(f"container {container_id} has no cgroup: nothing is counted")
    return container


def _pidfd(container: Container) -> int:
    try:
        pidfd = os.pidfd_open(container.pid)
    except ProcessLookupError:
        raise WrongStatus(f"container with id {container.id} is not running") from None
    return pidfd


def _statistics(container: Container) -> Json:
    return {
        **counted.of(container.cgroup()),
        "intel_rdt": _intel_rdt(container),
        "network_interfaces": _interfaces(container.pid) or None,
    }


def _intel_rdt(container: Container) -> Json:
    if not container.record["intelRdt"]:
        return {}
    from pyoci.config.linux import intel_rdt, resctrl_statistics

    return resctrl_statistics.of(container.record["intelRdt"], intel_rdt.find())  # type: ignore[arg-type]  # as saved


def _interfaces(pid: int) -> list[Json]:
    """The counters of the network interfaces a container has to itself, but for lo."""
    try:
        if os.path.samestat(os.stat("/proc/self/ns/net"), os.stat(f"/proc/{pid}/ns/net")):
            return []
        with open(f"/proc/{pid}/net/dev", "rb", buffering=0) as file:
            lines = file.readall().decode(errors="replace").splitlines()[2:]
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended, or we may not look
        return []
    counters = [line.rpartition(":")[::2] for line in lines]
    return [_interface(name.strip(), text.split()) for name, text in counters if name.strip() != "lo"]


def _interface(name: str, columns: list[str]) -> Json:
    directions = (("Rx", _RECEIVED), ("Tx", _SENT))
    return {
        "Name": name,
        **{f"{way}{what}": int(columns[start + place]) for way, start in directions
           for place, what in enumerate(_INTERFACE)},
    }  # fmt: skip


def _stream(
    container: Container, pidfd: int, watch: LegacyWatch | UnifiedWatch | None, interval: float
) -> Iterator[Json]:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if watch:
        poll.register(watch.fd, watch.events)
    due = time.monotonic() + interval
    try:
        while container.is_alive():
            poll.poll(max(due - time.monotonic(), 0) * 1000)
            if watch and watch.happened():
                yield {"type": "oom", "id": container.id}
            if time.monotonic() >= due and container.is_alive():
                yield {"type": "stats", "id": container.id, "data": _statistics(container)}
                due = max(due + interval, time.monotonic())
    finally:
        os.close(pidfd)
        if watch:
            os.close(watch.fd)
