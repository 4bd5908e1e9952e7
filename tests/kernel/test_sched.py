from __future__ import annotations

import errno
import os
import platform
from pathlib import Path

import pytest

from pyoci.syscalls import call, sched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]

SCHED_OTHER, SCHED_BATCH, SCHED_DEADLINE = 0, 3, 6
MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE = 0, 2, 3
IOPRIO_GET = {"x86_64": 252}.get(platform.machine(), 31)


def test_sched_setattr_sets_policy_and_nice_when_allowed(in_child: InChild) -> None:
    def child() -> tuple[int, int]:
        sched.sched_setattr(0, SCHED_BATCH, 0, 7, 0, 0, 0, 0)
        return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)

    assert in_child(child, 0) == (SCHED_BATCH, 7)


def test_sched_setattr_passes_negative_nice_when_given(in_child: InChild) -> None:
    def child() -> int:
        sched.sched_setattr(0, SCHED_OTHER, 0, -3, 0, 0, 0, 0)
        return os.getpriority(os.PRIO_PROCESS, 0)

    assert in_child(child, 0) == -3


def test_sched_setattr_fails_when_the_runtime_is_longer_than_the_deadline() -> None:
    with pytest.raises(OSError, match="Invalid argument") as caught:
        sched.sched_setattr(0, SCHED_DEADLINE, 0, 0, 0, 2_000_000, 1_000_000, 1_000_000)

    assert caught.value.__notes__ == ["sched_setattr(2)"]


def test_ioprio_set_takes_class_and_level_when_valid(in_child: InChild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(call.NUMBERS, "ioprio_get", IOPRIO_GET)

    def child() -> int:
        sched.ioprio_set(sched.IOPRIO_WHO_PROCESS, 0, 2 << 13 | 6)
        return call.syscall("ioprio_get", sched.IOPRIO_WHO_PROCESS, 0)

    assert in_child(child, 0) == 2 << 13 | 6


def test_set_mempolicy_binds_when_the_node_exists(in_child: InChild) -> None:
    if not os.path.exists("/proc/self/numa_maps"):
        pytest.skip("needs a kernel with NUMA")

    def child() -> list[bool]:
        seen = []
        for mode, nodes, word in ((MPOL_BIND, {0}, " bind:0 "), (MPOL_INTERLEAVE, {0}, " interleave:0 "),
                                  (MPOL_DEFAULT, (), " default ")):  # fmt: skip
            sched.set_mempolicy(mode, frozenset(nodes))
            seen.append(word in Path("/proc/self/numa_maps").read_text())
        return seen

    assert in_child(child, 0) == [True, True, True]


@pytest.mark.parametrize("nodes", [pytest.param({63}, id="one word"), pytest.param({64, 1000}, id="many words")])
def test_set_mempolicy_fails_when_the_node_does_not_exist(nodes: set[int]) -> None:
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        sched.set_mempolicy(MPOL_BIND, frozenset(nodes))

    assert caught.value.errno in {errno.EINVAL, errno.ENOSYS}


def test_personality_returns_the_former_when_set(in_child: InChild) -> None:
    def child() -> list[int]:
        former = sched.personality(0x0040000)  # ADDR_NO_RANDOMIZE
        return [former, sched.personality(0xFFFF_FFFF)]

    assert in_child(child, 0) == [0, 0x0040000]
