"""linux.resources.network: marks on packets, for tc and netfilter (config-linux.md#network)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, uint32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings


class Priority(Record):
    """The priority of packets that leave by the interface *name*."""

    name: str
    priority: uint32


class Network(Record):
    """v1 only. A class of 0 is none."""

    class_id: uint32 = 0
    priorities: tuple[Priority, ...] = ()


def legacy(network: Network) -> Settings:
    """net_cls.classid, net_prio.ifpriomap."""
    if network.class_id:
        yield "net_cls.classid", str(network.class_id)
    for priority in network.priorities:
        yield "net_prio.ifpriomap", f"{priority.name} {priority.priority}"


def unified(network: Network) -> Settings:
    """Nothing: v2 leaves this to BPF and to netfilter's match by cgroup."""
    if network.class_id or network.priorities:
        raise ConfigError("cgroup v2 has nothing like it", "classID" if network.class_id else "priorities")
    yield from ()
