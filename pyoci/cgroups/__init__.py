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
    annotations: Mapping[str, str] | None = None, hierarchies: Sequence[Hierarchy] | None = None,
) -> Cgroup:
    """The cgroup of a container, not yet created.

    *cgroups_path* is ``linux.cgroupsPath``: an absolute one is meant from the mount point, a relative one from the
    runtime's own cgroup; on v2 from the one above that, because a cgroup with processes cannot have controllers
    below it. Without one, the container's id is used as a relative path. All this is as in runc; but a *rootless*
    runtime, to which only its own cgroup is delegated, stays inside. For systemd it is ``slice:prefix:name``, and
    *annotations* ask for properties of the unit.
    """
    if manager == "disabled":
        return load({"disabled": True})
    if manager not in MANAGERS:
        raise UsageError(f"invalid cgroup manager: {manager}")
    hierarchies = hierarchy.mounted() if hierarchies is None else hierarchies
    if manager == "systemd":
        return _find_unit(cgroups_path, container_id, hierarchies, annotations or {}, rootless=rootless)
    path = _clean(cgroups_path or container_id)
    if not hierarchies:
        return _without_hierarchy(forgive=rootless and not cgroups_path)
    alone = len(hierarchies) == 1
    legacy, unified = _directories([_description(place, path, alone, rootless) for place in hierarchies])
    return Cgroup(legacy, unified, rootless=rootless, asked=bool(cgroups_path))


def load(state: Mapping[str, object]) -> Cgroup:
    """The cgroup that ``Cgroup.state`` described."""
    if state.get("disabled"):
        from pyoci.cgroups.disabled import Disabled

        return Disabled()
    legacy, unified = _directories(state["directories"])  # type: ignore[arg-type]  # as saved
    if "unit" in state:
        from pyoci.cgroups.systemd import SystemdCgroup

        return SystemdCgroup(legacy, unified, state["unit"], rootless=bool(state["rootless"]))  # type: ignore[arg-type]
    return Cgroup(legacy, unified, rootless=bool(state["rootless"]))


def walk_in(tasks: Iterable[int]) -> None:
    """Move the calling thread into the cgroups whose v1 ``tasks`` files are given, and close them. It must be alone.

    Raises the last OSError: ENODEV for a cgroup that was removed.
    """
    failure: OSError | None = None
    for fd in tasks:
        try:
            os.write(fd, b"0")
        except OSError as error:
            failure = error
        finally:
            os.close(fd)
    if failure:
        raise failure


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


def _description(place: Hierarchy, path: str, alone: bool, rootless: bool = False) -> dict[str, object]:
    """As ``Directory.state`` gives it."""
    if not path.startswith("/"):
        path = f"{_base(place, rootless).rstrip('/')}/{path}"
    found = {"version": place.version, "names": place.names, "mount": place.mount, "path": place.mount + path}
    return {**found, "alone": alone} if place.version == 2 else found


def _base(place: Hierarchy, rootless: bool) -> str:
    """Where relative paths begin."""
    above = os.path.dirname(place.own)
    if place.version == 1 or (rootless and not _is_writable(place, above) and _is_writable(place, place.own)):
        return place.own
    return above


def _is_writable(place: Hierarchy, path: str) -> bool:
    return os.access(place.mount + path, os.W_OK, effective_ids=True)


def _find_unit(
    cgroups_path: str | None, container_id: str, hierarchies: Sequence[Hierarchy], annotations: Mapping[str, str], *,
    rootless: bool,
) -> Cgroup:
    """The cgroup of a unit that systemd is to make."""
    from pyoci.cgroups import systemd, unit_properties

    parent, unit = systemd.unit_name(cgroups_path, container_id, user=rootless)
    path = systemd.base(user=rootless) + systemd.unit_path(parent, unit)
    legacy, unified = _directories([_description(place, path, len(hierarchies) == 1) for place in hierarchies])
    found = systemd.SystemdCgroup(
        legacy, unified, {"name": unit, "slice": parent, "user": rootless}, rootless=rootless
    )
    found.properties = list(unit_properties.from_annotations(annotations))
    return found


def _directories(
    descriptions: Sequence[Mapping[str, object]],
) -> tuple[list[LegacyDirectory], UnifiedDirectory | None]:
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
    return legacy, unified
