"""linux.resources.memory: limits in bytes (config-linux.md#memory)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, int64, uint64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings

_LIMITS = ("limit", "reservation", "swap", "kernel", "kernel_tcp")
_MOST_SWAPPINESS = 100


class Memory(Record):
    """-1 is no limit, 0 leaves it as it is; *swap* is memory and swap space together."""

    limit: int64 = 0
    reservation: int64 = 0
    swap: int64 = 0
    kernel: int64 = 0
    kernel_tcp: int64 = 0
    swappiness: uint64 | None = None
    disable_oom_killer: bool = False
    use_hierarchy: bool | None = None
    check_before_update: bool = False

    def check(self) -> None:
        """Refuse negative limits but -1, less swap than memory, and a swappiness above 100."""
        for name in _LIMITS:
            if (value := getattr(self, name)) < -1:
                raise ConfigError(f"invalid memory value: {value}", "kernelTCP" if name == "kernel_tcp" else name)
        if 0 < self.swap < self.limit:
            raise ConfigError("memory+swap limit should be >= memory limit", "swap")
        if self.swappiness is not None and self.swappiness > _MOST_SWAPPINESS:
            text = f"invalid memory swappiness value: {self.swappiness} (valid range is 0-100)"
            raise ConfigError(text, "swappiness")


def legacy(memory: Memory) -> Settings:
    """memory.*; which of the two limits can go first depends on their old values, ``Cgroup.write`` finds out."""
    if memory.use_hierarchy is not None:
        yield "memory.use_hierarchy", str(int(memory.use_hierarchy))
    if memory.limit:
        yield "memory.limit_in_bytes", str(memory.limit)
    if memory.swap:
        yield "memory.memsw.limit_in_bytes", str(memory.swap)
    elif memory.limit == -1:
        yield "memory.memsw.limit_in_bytes?", "-1"  # without swap accounting there is no such file
    if memory.reservation:
        yield "memory.soft_limit_in_bytes", str(memory.reservation)
    if memory.kernel:
        yield "memory.kmem.limit_in_bytes", str(memory.kernel)
    if memory.kernel_tcp:
        yield "memory.kmem.tcp.limit_in_bytes", str(memory.kernel_tcp)
    if memory.swappiness is not None:
        yield "memory.swappiness", str(memory.swappiness)
    if "disable_oom_killer" in memory:  # a new cgroup has what the one above it has
        yield "memory.oom_control", str(int(memory.disable_oom_killer))


def unified(memory: Memory) -> Settings:
    """memory.swap.max, memory.max, memory.low."""
    _refuse_legacy(memory)
    swap = _swap_max(memory)
    if swap:  # first: memory that no longer fits may need the room
        optional = "?" if swap in {"0", "max"} else ""  # there is no file without swap accounting: nothing to limit
        yield "memory.swap.max" + optional, swap
    if memory.limit:
        yield "memory.max", _text(memory.limit)
    if memory.reservation:
        yield "memory.low", _text(memory.reservation)


def _text(value: int) -> str:
    return "max" if value == -1 else str(value)


def _swap_max(memory: Memory) -> str:
    """v2 limits swap space alone; empty when it is left as it is.

    With memory that has no limit, the sum can only be meant for swap space (as in runc).
    """
    if memory.swap == -1 or (memory.swap == 0 and memory.limit == -1):
        return "max"
    if memory.swap == 0:
        return ""
    if memory.limit == 0:
        raise ConfigError("unable to set swap limit without memory limit", "swap")
    return str(memory.swap - max(memory.limit, 0))


def _refuse_legacy(memory: Memory) -> None:
    asked = {
        "kernel": memory.kernel > 0, "kernelTCP": memory.kernel_tcp > 0, "swappiness": memory.swappiness is not None,
        "disableOOMKiller": memory.disable_oom_killer, "useHierarchy": memory.use_hierarchy is False,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise ConfigError("cgroup v2 has nothing like it", name)


def refuse_below_usage(memory: Memory, usage: int) -> None:
    """With checkBeforeUpdate, refuse limits that would make the kernel kill at once; *usage* is in bytes."""
    if not memory.check_before_update:
        return
    if 0 < memory.swap <= usage:
        raise ConfigError(f"rejecting memory+swap limit {memory.swap} <= usage {usage}", "linux.resources.memory.swap")
    if 0 < memory.limit <= usage:
        raise ConfigError(f"rejecting memory limit {memory.limit} <= usage {usage}", "linux.resources.memory.limit")
