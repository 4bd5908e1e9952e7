"""Where and how a process runs: sched_setattr(2), ioprio_set(2), set_mempolicy(2), personality(2)."""

from __future__ import annotations

import struct

from pyoci.syscalls.call import syscall

IOPRIO_WHO_PROCESS = 1


def sched_setattr(
    pid: int, policy: int, flags: int, nice: int, priority: int, runtime: int, deadline: int, period: int
) -> None:
    """Set the scheduling of *pid*, 0 for our own; runtime, deadline and period in nanoseconds."""
    layout = struct.Struct("=IIQiIQQQ")  # struct sched_attr as of SCHED_ATTR_SIZE_VER0, without the clamps
    attributes = layout.pack(layout.size, policy, flags, nice, priority, runtime, deadline, period)
    syscall("sched_setattr", pid, attributes, 0)


def ioprio_set(which: int, who: int, value: int) -> None:
    """Set the I/O priority: *value* is class << 13 | level."""
    syscall("ioprio_set", which, who, value)


def set_mempolicy(mode: int, nodes: frozenset[int]) -> None:
    """Set the NUMA policy, *mode* with its MPOL_F_* flags, of this thread for memory taken from *nodes*.

    The kernel reads one bit less than the size it is told (mm/mempolicy.c, get_nodes).
    """
    words = max(nodes, default=-1) // 64 + 1
    mask = sum(1 << node for node in nodes)
    bits = struct.pack(f"={words}Q", *((mask >> 64 * word) & (2**64 - 1) for word in range(words)))
    syscall("set_mempolicy", mode, bits or None, words * 64 + 1 if words else 0)


def personality(value: int) -> int:
    """Set the execution domain; the former one. 0xffffffff only asks."""
    return syscall("personality", value)
