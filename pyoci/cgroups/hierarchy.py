"""Where the control groups are: the hierarchies of this host, their mount points, and our own place in them.

What is looked up for each container is kept cheap. ``/proc/self/cgroup`` names the hierarchies; where they are
mounted is guessed (systemd and every distribution agree on ``/sys/fs/cgroup``) and the guess is checked by the
presence of our own cgroup below it. Only when that fails is ``/proc/self/mountinfo`` read, which can be long.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.syscalls.mountinfo import Entry

MOUNT_POINT = "/sys/fs/cgroup"
PROC = "/proc/self"


class Hierarchy:
    """One mounted tree of cgroups."""

    def __init__(self, version: int, names: tuple[str, ...], mount: str, own: str) -> None:
        self.version = version
        """1 or 2."""
        self.names = names
        """Its v1 controllers, or ``name=systemd``; empty for v2, whose controllers differ from place to place."""
        self.mount = mount
        """Where it is mounted."""
        self.own = own
        """Our own cgroup, as a path below the mount point, beginning with a slash."""

    def __repr__(self) -> str:
        """As one would write it in Python."""
        return f"Hierarchy({self.version}, {self.names}, {self.mount!r}, {self.own!r})"


def mounted(root: str = MOUNT_POINT, proc: str = PROC) -> list[Hierarchy]:
    """The hierarchies we are in and can reach, v1 first, as in ``/proc/self/cgroup``."""
    found = []
    mounts: list[Entry] | None = None
    ours = list(memberships(proc))
    for names, own in ours:
        place = _usual_place(root, names, own, alone=len(ours) == 1)
        if place is None:
            mounts = _mounts(proc) if mounts is None else mounts
            place = _other_place(mounts, names, own)
        if place is not None:
            found.append(Hierarchy(1 if names else 2, names, *place))
    return found


def read(path: str) -> str:
    """The text of a small file of the kernel."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="surrogateescape")


def memberships(proc: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """For each hierarchy its controllers (none: v2) and the path of a process in it (cgroups(7), "/proc files")."""
    for line in filter(None, read(f"{proc}/cgroup").split("\n")):
        _, names, path = line.split(":", 2)
        # Seen from a cgroup namespace that is not its cgroup's, the path climbs out of what can be reached.
        yield tuple(names.split(",")) if names else (), "/" if path.startswith("/..") else path


def _usual_place(root: str, names: tuple[str, ...], own: str, *, alone: bool) -> tuple[str, str] | None:
    """Mount point and own path, where systemd mounts this hierarchy; None unless our own cgroup is there."""
    name = ",".join(names).removeprefix("name=")
    mount = f"{root}/{name or 'unified'}" if names or not alone else root
    return (mount, own) if _is_there(mount, own, names) else None


def _is_there(mount: str, own: str, names: tuple[str, ...]) -> bool:
    """Whether our own cgroup is to be seen below *mount*."""
    witness = "cgroup.procs" if names else "cgroup.controllers"
    return os.path.exists(f"{mount}{own.rstrip('/')}/{witness}")


def _other_place(mounts: list[Entry], names: tuple[str, ...], own: str) -> tuple[str, str] | None:
    """Mount point and own path according to mountinfo; None when our cgroup is on none of the mounts.

    In a container these may be the host's mounts, covered by an empty directory.
    """
    wanted = "cgroup" if names else "cgroup2"
    for entry in mounts:
        top = entry.root.rstrip("/")
        if entry.fstype == wanted and entry.options.issuperset(names) and f"{own}/".startswith(f"{top}/"):
            below = own[len(top) :] or "/"
            if _is_there(entry.point, below, names):
                return entry.point, below
    return None


def _mounts(proc: str) -> list[Entry]:
    from pyoci.syscalls import mountinfo  # late: rarely needed

    return list(mountinfo.entries(read(f"{proc}/mountinfo")))
