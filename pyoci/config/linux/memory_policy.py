"""linux.memoryPolicy: on which NUMA nodes memory is allocated (config-linux.md#memory-policy, set_mempolicy(2)).

A policy is the process's own and not inherited from the container, so ``exec`` sets it again.
"""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.number_list import numbers
from pyoci.record import Record
from pyoci.syscalls import sched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

# include/uapi/linux/mempolicy.h
MODES = {"MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4,
         "MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6}
FLAGS = {"MPOL_F_STATIC_NODES": 1 << 15, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_NUMA_BALANCING": 1 << 13}
_CONTRADICTION = {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"}


class MemoryPolicy(Record):
    """A mode, a list of nodes such as ``0-3,5``, and flags that say how the list is meant."""

    mode: str
    nodes: str = ""
    flags: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what is unknown, what is no list, and flags that contradict each other."""
        if self.mode not in MODES:
            raise ConfigError(f'"{self.mode}" is no memory policy mode', "mode")
        numbers(self.nodes, "nodes")
        for place, flag in enumerate(self.flags):
            if flag not in FLAGS:
                raise ConfigError(f'"{flag}" is no memory policy flag', f"flags[{place}]")
        if _CONTRADICTION.issubset(self.flags):
            raise ConfigError("nodes cannot be static and relative at once", "flags")


def set(init: Init) -> None:  # noqa: A001 (memory_policy.set)
    """Set the policy; which combinations make sense is the kernel's to say."""
    policy = init.config.linux.memory_policy
    mode = MODES[policy.mode]
    for flag in policy.flags:
        mode |= FLAGS[flag]
    sched.set_mempolicy(mode, numbers(policy.nodes))
