"""Control groups: where a container's processes are counted and limited.

::

    find(path, id)  ──▶  Cgroup  ──▶  LegacyDirectory    one for each v1 hierarchy (cpu, memory, name=systemd …)
    load(state)                  └──▶  UnifiedDirectory   the one of v2

A hybrid host has both. Sections of config.json yield settings, which are pairs of file name and value; here
they are written and nothing is known of their meaning.
"""

from __future__ import annotations

import errno
import os

from pyoci.cgroups import hierarchy
from pyoci.cgroups.cgroup import Cgroup
from pyoci.errors import ConfigError, Unsupported, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyoci.cgroups.hierarchy import Hierarchy
    from pyoci.cgroups.legacy import LegacyDirectory
    from pyoci.cgroups.unified import UnifiedDirectory

MANAGERS = ("cgroupfs", "systemd", "disabled")


def find(
    cgroups_path: str | None, container_id: str, manager: str = "cgroupfs", *, rootless: bool = False,
    hierarchies: Sequence[Hierarchy] | None = None,
) -> Cgroup:
    """The cgroup of a container, not yet created.

    *cgroups_path* is ``linux.cgroupsPath``: an absolute one is meant from the mount point, a relative one from the
    runtime's own cgroup; on v2 from the one above that, because a cgroup with processes cannot have controllers
    below it. Without one, the container's id is used as a relative path. All this is as in runc.
    """
    if manager == "disabled":
        return load({"disabled": True})
    if manager != "cgroupfs":
        raise Unsupported("the systemd cgroup driver is not available yet") if manager in MANAGERS else UsageError(
            f"invalid cgroup manager: {manager}"
        )
    path = _clean(cgroups_path or container_id)
    hierarchies = hierarchy.mounted() if hierarchies is None else hierarchies
    if not hierarchies:
        return _without_hierarchy(forgive=rootless and not cgroups_path)
    return _cgroup([_description(place, path, len(hierarchies) == 1) for place in hierarchies],
                   rootless=rootless, asked=bool(cgroups_path))


def load(state: Mapping[str, object]) -> Cgroup:
    """The cgroup that ``Cgroup.state`` described."""
    if state.get("disabled"):
        from pyoci.cgroups.disabled import Disabled

        return Disabled()
    return _cgroup(state["directories"], rootless=bool(state["rootless"]))  # type: ignore[arg-type]  # as saved


def walk_in(tasks: Iterable[int]) -> None:
    """Move the calling thread into the cgroups whose v1 ``tasks`` files are given, and close them. It must be alone."""
    for fd in tasks:
        os.write(fd, b"0")
        os.close(fd)


def _without_hierarchy(*, forgive: bool) -> Cgroup:
    text = "cgroups: cgroup mountpoint does not exist"
    if not forgive:
        raise Unsupported(text, file=hierarchy.MOUNT_POINT)
    cgroup = Cgroup([], rootless=True)
    cgroup.refused[""] = OSError(errno.ENOENT, text, hierarchy.MOUNT_POINT)
    return cgroup


def _clean(path: str) -> str:
    """*path* without dots, which never leads above where it begins."""
    clean = os.path.normpath("/" + path.lstrip("/")).lstrip("/")
    if not clean:
        raise ConfigError(f'"{path}" is the root of all cgroups', "linux.cgroupsPath")
    return f"/{clean}" if path.startswith("/") else clean


def _description(place: Hierarchy, path: str, alone: bool) -> dict[str, object]:
    """As ``Directory.state`` gives it."""
    if not path.startswith("/"):
        base = place.own if place.version == 1 else os.path.dirname(place.own)
        path = f"{base.rstrip('/')}/{path}"
    found = {"version": place.version, "names": place.names, "mount": place.mount, "path": place.mount + path}
    return {**found, "alone": alone} if place.version == 2 else found


def _cgroup(descriptions: Sequence[Mapping[str, object]], *, rootless: bool, asked: bool = False) -> Cgroup:
    legacy: list[LegacyDirectory] = []
    unified: UnifiedDirectory | None = None
    for description in descriptions:
        fields = {name: value for name, value in description.items() if name != "version"}
        if description["version"] == 1:
            from pyoci.cgroups.legacy import LegacyDirectory

            legacy.append(LegacyDirectory(**fields))  # type: ignore[arg-type]  # as Directory.state gives them
        else:
            from pyoci.cgroups.unified import UnifiedDirectory

            unified = UnifiedDirectory(**fields)  # type: ignore[arg-type]  # as Directory.state gives them
    return Cgroup(legacy, unified, rootless=rootless, asked=asked)
