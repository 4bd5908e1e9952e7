"""linux: what only Linux has (config-linux.md)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux import (
        devices,
        id_mappings,
        intel_rdt,
        memory_policy,
        namespaces,
        net_devices,
        personality,
        resources,
        seccomp,
        time_offsets,
    )

EMPTY: dict[str, str] = {}


class Linux(Record):
    """The Linux-specific part of config.json."""

    namespaces: tuple[namespaces.Namespace, ...] = ()
    uid_mappings: tuple[id_mappings.IdMapping, ...] = ()
    gid_mappings: tuple[id_mappings.IdMapping, ...] = ()
    time_offsets: dict[str, time_offsets.TimeOffset] = EMPTY  # type: ignore[assignment]  # empty is empty
    devices: tuple[devices.Device, ...] = ()
    net_devices: dict[str, net_devices.NetDevice] = EMPTY  # type: ignore[assignment]  # empty is empty
    cgroups_path: str = ""
    resources: resources.Resources
    rootfs_propagation: str = ""
    seccomp: seccomp.Seccomp
    sysctl: dict[str, str] = EMPTY
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    mount_label: str = ""
    intel_rdt: intel_rdt.IntelRdt
    memory_policy: memory_policy.MemoryPolicy
    personality: personality.Personality

    def check(self) -> None:
        """Masked and read-only paths are absolute."""
        for name, paths in (("maskedPaths", self.masked_paths), ("readonlyPaths", self.readonly_paths)):
            for place, path in enumerate(paths):
                if not path.startswith("/"):
                    raise ConfigError(f'"{path}" is not an absolute path', f"{name}[{place}]")
