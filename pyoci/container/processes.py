"""The processes of a container, also where no cgroup counts them (a user without privileges, cgroups disabled)."""

from __future__ import annotations

import os

from pyoci.errors import Ignoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.container import Container

_SIGKILL = 9
_ROUNDS = 100  # against processes that fork faster than they are listed


def of(container: Container) -> list[int]:
    """Those in its cgroup; without one, those in a namespace it has to itself, as long as init lives. Sorted."""
    found = container.cgroup().pids()
    if found or not container.is_alive():
        return found
    if container.record.get("privatePids"):
        return _sharing("pid", container.pid)
    return _sharing("mnt", container.pid) if _has_mounts_to_itself(container) else [container.pid]


def signal(container: Container, number: int) -> None:
    """Send a signal to each of them; SIGKILL leaves none."""
    cgroup = container.cgroup()
    if cgroup.directories:
        cgroup.kill(number)
        return
    seen = {container.pid}  # the last, for only its namespaces tell who else there is
    for _ in range(_ROUNDS if number == _SIGKILL else 1):
        fresh = set(of(container)) - seen
        if not fresh:
            break
        _send(fresh, number)
        seen |= fresh
    if container.is_alive():
        _send({container.pid}, number)


def _send(pids: set[int], number: int) -> None:
    for pid in pids:
        with Ignoring(ProcessLookupError):
            os.kill(pid, number)


def _has_mounts_to_itself(container: Container) -> bool:
    return any(entry.type == "mount" and not entry.path for entry in container.config().linux.namespaces)


def _sharing(kind: str, init: int) -> list[int]:
    """The processes that are in the same namespace of *kind* as *init*."""
    wanted = _namespace(kind, init)
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    return sorted([pid for pid in pids if wanted and _namespace(kind, pid) == wanted])


def _namespace(kind: str, pid: int) -> tuple[int, int] | None:
    """What identifies it; None where we may not look, or the process has ended."""
    try:
        status = os.stat(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None
    return status.st_dev, status.st_ino
