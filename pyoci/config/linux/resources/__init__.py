"""linux.resources: limits, one section for each controller (config-linux.md#control-groups).

Each section is a module of pure generators: ``legacy`` and ``unified`` yield settings, which are pairs of a file's
name and its value, for cgroup v1 and v2. ``Cgroup.write`` says which forms they may have.
"""

from __future__ import annotations

import sys

from pyoci.errors import ConfigError, Unsupported
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from pyoci.config.linux.resources import block_io, cpu, devices, hugepage_limits, memory, network, pids, rdma

    Settings = Iterator[tuple[str, str]]

# The section, and its controller on v1 and v2.
CONTROLLERS = (
    ("cpu", "cpu", "cpu"),
    ("memory", "memory", "memory"),
    ("block_io", "blkio", "io"),
    ("hugepage_limits", "hugetlb", "hugetlb"),
    ("network", "net_cls", ""),
    ("pids", "pids", "pids"),
    ("rdma", "rdma", "rdma"),
)
_NONE: dict[str, object] = {}


class Resources(Record):
    """What the container may use; a section that is absent is left as it is."""

    devices: tuple[devices.Device, ...] = ()
    memory: memory.Memory
    cpu: cpu.Cpu
    block_io: block_io.BlockIo
    hugepage_limits: tuple[hugepage_limits.HugepageLimit, ...] = ()
    network: network.Network
    pids: pids.Pids
    rdma: dict[str, rdma.Rdma] = _NONE  # type: ignore[assignment]
    unified: dict[str, str] = _NONE  # type: ignore[assignment]


def settings(resources: Resources, version: Callable[[str], int]) -> Settings:
    """What is to be written, in this order; *version* tells of a controller whether it is on v1 or v2 or (0) absent.

    Raises ConfigError for what cannot be expressed there, Unsupported for a controller that is absent.
    """
    for name, legacy, unified in CONTROLLERS:
        if name in resources:
            is_legacy = version(legacy) == 1 or (version(unified) != 2 and version("devices") != 2)
            kind = "legacy" if is_legacy else "unified"
            yield from _available(name, getattr(_module(name), kind)(getattr(resources, name)), version)
    if resources.unified:
        yield from _located("unified", _module("unified").unified(resources.unified, version))


def device_settings(resources: Resources, version: Callable[[str], int]) -> Settings:
    """What is to be written on v1 for the rules about devices; on v2 they are a program."""
    if version("devices") != 2:
        yield from _available("devices", _module("devices").legacy(resources.devices), version)


def device_changes(
    before: Resources, after: Resources, version: Callable[[str], int], *, told: bool = False
) -> Settings:
    """What is to be written on v1 when the rules of a container change; on v2 a program takes another's place."""
    changes = _module("devices").legacy_change(before.devices, after.devices, told=told)
    yield from _available("devices", changes, version)


def _module(name: str) -> ModuleType:
    full = f"{__name__}.{name}"
    __import__(full)
    return sys.modules[full]


def _located(name: str, pairs: Settings) -> Settings:
    """*pairs*, with the place in config.json on every mistake."""
    try:
        yield from pairs
    except ConfigError as error:
        from pyoci.record import camel

        raise error.within(camel(name)).within("linux.resources")  # noqa: B904 (the same error, grown)


def _available(name: str, pairs: Settings, version: Callable[[str], int]) -> Settings:
    """*pairs*, as long as the host has their controllers."""
    for pair in _located(name, pairs):
        controller = pair[0].partition(".")[0]
        if not version(controller):
            raise Unsupported(
                f"cannot set {controller} limit: container could not join or create cgroup: "
                f"this host has no {controller} controller", field=f"linux.resources.{name}",
            )
        yield pair
