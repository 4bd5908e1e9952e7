"""update: change the limits of a container that exists; not in the specification, as runc and crun have it."""

from __future__ import annotations

from pyoci import json_text
from pyoci.container import store
from pyoci.errors import ConfigError, ContainerError, PyociError, WrongStatus
from pyoci.runtime.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.config.linux.resources import Resources
    from pyoci.container.container import Container


def update(
    root: str, container_id: str, resources: dict[str, object], *, l3_cache_schema: str = "", mem_bw_schema: str = ""
) -> None:
    """Set the limits in *resources*, an object as config.json's ``linux.resources`` with the same units.

    What it leaves out stays as it is; see ``pyoci.config.linux.resources.merge``. The schemata are lines for the
    container's Intel RDT group, such as ``L3:0=f`` and ``MB:0=50``. Either all is done and remembered, or, as far as
    the kernel allows, nothing. Raises ContainerNotFound, WrongStatus when the container is stopped, ConfigError,
    Unsupported, and ContainerError that names the file the kernel does not take.
    """
    container = store.Store(root).load_locked(container_id)
    try:
        if container.status == "stopped":
            raise WrongStatus("container not running")
        _change(container, _read(resources), {"l3CacheSchema": l3_cache_schema, "memBwSchema": mem_bw_schema})
    finally:
        store.unlock(container)


def _read(resources: dict[str, object]) -> Resources:
    from pyoci.config.linux.resources import Resources

    try:
        return Resources.read(resources)
    except ConfigError as error:
        raise error.within("linux.resources")  # noqa: B904 (the same error, grown)


def _change(container: Container, asked: Resources, schemata: dict[str, str]) -> None:
    from pyoci.config.linux import intel_rdt

    cgroup = container.cgroup()
    before = container.config().linux.resources
    intel_rdt.check_change(container.record["intelRdt"], *schemata.values())  # type: ignore[arg-type]  # as saved
    after, limits = _limits(cgroup, before, asked)
    devices = _device_rules(cgroup, before, after)
    try:
        with Undo() as undo:
            cgroup.write(limits, undo.push)
            for apply, new, old in devices:
                undo.push(apply, old)
                apply(new)
            _set_schemata(container, [line for line in schemata.values() if line], undo)
            _remember(container, after, schemata)
    except OSError as error:
        raise _explained(error) from error


def _limits(cgroup: Cgroup, before: Resources, asked: Resources) -> tuple[Resources, list[tuple[str, str]]]:
    """What the container will have, and the settings that are to be written for it."""
    from pyoci.config.linux.resources import memory, merge, settings

    try:
        after = merge.merged(before, asked)
    except ConfigError as error:
        raise error.within("linux.resources")  # noqa: B904 (the same error, grown)
    changed = merge.to_write(asked, after)
    if changed.memory.check_before_update:
        memory.refuse_below_usage(changed.memory, cgroup.memory_usage())
    return after, list(settings(changed, cgroup.version))


def _device_rules(cgroup: Cgroup, before: Resources, after: Resources) -> list[tuple[Callable[..., None], Any, Any]]:
    """How to apply new rules about devices: a function, what it shall apply, and what would undo that.

    Engines send the old list along with whatever they update. Then nothing is done: what others have allowed since,
    such as the drivers of GPUs, must stay.
    """
    if after.devices == before.devices:
        return []
    from pyoci.config.linux.resources import device_changes, devices

    rules: tuple[Callable[..., None], Any, Any]
    rules = (cgroup.device_rules, devices.rules(after.devices), devices.rules(before.devices))
    if cgroup.version("devices") == 2:
        return [rules]
    pairs = ((before, after), (after, before))
    changes, back = (list(device_changes(*pair, cgroup.version, told=cgroup.is_unit)) for pair in pairs)
    return [rules, (cgroup.write, changes, back)]


def _set_schemata(container: Container, lines: list[str], undo: Undo) -> None:
    if lines:
        from pyoci.config.linux import intel_rdt

        state = container.record["intelRdt"]
        undo.push(intel_rdt.change, state, intel_rdt.change(state, lines))  # type: ignore[arg-type]  # as saved


def _remember(container: Container, after: Resources, schemata: dict[str, str]) -> None:
    """Write the new limits into the container's copy of config.json, which ``exec`` and the next update read."""
    from pyoci import config
    from pyoci.syscalls import files

    document = json_text.loads(container.config_text())
    assert isinstance(document, dict)  # or it would not have been created
    linux = document["linux"] = {**(document.get("linux") or {}), "resources": after.document()}
    if any(schemata.values()):
        linux["intelRdt"] = {**linux["intelRdt"], **{name: line for name, line in schemata.items() if line}}
    files.replace(f"{container.path}/{config.FILE}", json_text.dumps(document).encode(), 0o600)


def _explained(error: OSError) -> PyociError:
    """What the kernel does not take, in which file, and what could not be put back."""
    parts = [f'"{error.filename}"' if error.filename else "", error.strerror or str(error)]
    parts += getattr(error, "__notes__", [])
    return ContainerError(": ".join([part for part in parts if part]), file=error.filename, errno=error.errno)
