"""linux.resources.rdma: handles and objects of RDMA devices (config-linux.md#rdma)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, uint32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings


class Rdma(Record):
    """The limits of one device, by whose name they are found; at least one is required."""

    hca_handles: uint32 | None = None
    hca_objects: uint32 | None = None

    def check(self) -> None:
        """Refuse none."""
        if self.hca_handles is None and self.hca_objects is None:
            raise ConfigError("one of hcaHandles and hcaObjects is required")


def legacy(devices: dict[str, Rdma]) -> Settings:
    """rdma.max."""
    for name, limits in devices.items():
        parts = [name]
        if limits.hca_handles is not None:
            parts.append(f"hca_handle={limits.hca_handles}")
        if limits.hca_objects is not None:
            parts.append(f"hca_object={limits.hca_objects}")
        yield "rdma.max", " ".join(parts)


unified = legacy
