"""Which mounts of a container criu leaves to us: those that show a part of the host.

What the container mounted for itself — /proc, a tmpfs with its files, the terminals of devpts — criu saves and makes
anew. Everything else is *external*: at checkpoint it gets its mount point as a name, and restore says where what
belongs there is found this time.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyoci.config.mount_options import Options
    from pyoci.config.mounts import Mount
    from pyoci.syscalls.mountinfo import Entry

# What criu makes anew where all of it is mounted, whoever did so: a masked directory is an empty tmpfs.
_MADE_ANEW = frozenset(("tmpfs", "proc", "sysfs", "devpts", "mqueue"))
_CGROUPS = frozenset(("cgroup", "cgroup2"))


def names(mounts: Iterable[Mount], found: Iterable[Entry], *, own_cgroups: bool) -> list[str]:
    """The mount points of what is external among the mounts *found* in a container whose config.json lists *mounts*.

    In a cgroup namespace of its own (*own_cgroups*) a container's cgroups are no part of the host, for criu.
    """
    wanted = {_normal(entry.destination): entry.parsed() for entry in mounts}
    entries = [entry for entry in found if entry.point != "/"]
    bound = {entry.point: _is_bound(entry.point, wanted) for entry in entries}
    internal = {entry.device for entry in entries if bound[entry.point] is False or _is_made_anew(entry)}

    def is_external(entry: Entry) -> bool:
        if not bound[entry.point] and entry.fstype in _CGROUPS:
            return not own_cgroups
        return bound[entry.point] or (bound[entry.point] is None and entry.device not in internal)

    return [entry.point for entry in entries if is_external(entry)]


def _is_bound(point: str, wanted: dict[str, Options]) -> bool | None:
    """Whether config.json binds what is mounted at *point*, or below a recursive bind; None when it says nothing."""
    for place in _upwards(point):
        options = wanted.get(place)
        if options and (place == point or options.is_recursive):
            return options.is_bind
        if options:
            return None
    return None


def _upwards(path: str) -> Iterator[str]:
    """*path* and the directories above it."""
    while path != "/":
        yield path
        path = os.path.dirname(path)


def _is_made_anew(entry: Entry) -> bool:
    return entry.root == "/" and entry.fstype in _MADE_ANEW


def _normal(path: str) -> str:
    return "/" + os.path.normpath(path).lstrip("/")
