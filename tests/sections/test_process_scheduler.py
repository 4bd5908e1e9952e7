"""process.scheduler."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

import pytest

from tests.support.container import Container

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.runtime import Result

pytestmark = pytest.mark.differs("runc knows it since 1.2")

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}

_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period


def _attributes(pid: int) -> tuple[int, ...]:
    """What sched_getattr(2) tells of *pid*, from the policy on."""
    buffer = ctypes.create_string_buffer(_ATTRIBUTES.size)
    number = _SCHED_GETATTR[os.uname().machine]
    assert ctypes.CDLL(None).syscall(number, pid, buffer, _ATTRIBUTES.size, 0) == 0
    return _ATTRIBUTES.unpack(buffer)[1:]


@pytest.mark.clause("process.scheduler.applied", "process.scheduler.policy")
@pytest.mark.parametrize(
    ("scheduler", "seen"),
    [
        pytest.param({"policy": "SCHED_OTHER", "nice": -3}, (0, 0, -3, 0, 0, 0, 0), id="other"),
        pytest.param({"policy": "SCHED_BATCH", "nice": 19}, (3, 0, 19, 0, 0, 0, 0), id="batch"),
        pytest.param({"policy": "SCHED_IDLE"}, (5, 0, 0, 0, 0, 0, 0), id="idle"),
        pytest.param({"policy": "SCHED_FIFO", "priority": 1}, (1, 0, 0, 1, 0, 0, 0), id="fifo"),
        pytest.param({"policy": "SCHED_RR", "priority": 99}, (2, 0, 0, 99, 0, 0, 0), id="rr"),
        pytest.param(
            {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}, (0, 1, 0, 0, 0, 0, 0), id="a flag"
        ),
        pytest.param(
            {"policy": "SCHED_DEADLINE", "runtime": 2_000_000, "deadline": 50_000_000, "period": 100_000_000},
            (6, 0, 0, 0, 2_000_000, 50_000_000, 100_000_000),
            id="deadline",
        ),
    ],
)
def test_is_in_effect(container: Container, scheduler: dict[str, Any], seen: tuple[int, ...]) -> None:
    container.bundle.process["scheduler"] = scheduler
    if "priority" in scheduler and Path("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists():
        container.bundle.linux["resources"]["cpu"] = {"realtimeRuntime": 1000}  # a cgroup of v1 begins with none
    pid = container.up().pid

    policy, flags, nice, priority, *times = _attributes(pid)

    assert (policy, flags, nice, priority) == seen[:4]
    if policy == 6:  # since Linux 6.12 another policy shows its slice as runtime
        assert tuple(times) == seen[4:]


@pytest.mark.clause("process.scheduler.policy", "process.scheduler.flags")
@pytest.mark.parametrize(
    ("scheduler", "field"),
    [
        ({"policy": "SCHED_NOPE"}, "policy"),
        ({"policy": "other"}, "policy"),
        ({}, "policy"),
        ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NOPE"]}, "flags[0]"),
        ({"policy": "SCHED_OTHER", "nice": 20}, "nice"),
        ({"policy": "SCHED_OTHER", "priority": 5}, "priority"),
        ({"policy": "SCHED_FIFO"}, "priority"),
        ({"policy": "SCHED_FIFO", "priority": 100}, "priority"),
        ({"policy": "SCHED_OTHER", "runtime": 5}, "runtime"),
        ({"policy": "SCHED_DEADLINE", "runtime": 5, "deadline": 4}, "runtime"),
    ],
)
def test_is_checked(container: Container, scheduler: dict[str, Any], field: str) -> None:
    container.bundle.process["scheduler"] = scheduler

    container.create().failed("process.scheduler", field)


@pytest.mark.clause("process.scheduler.applied")
@pytest.mark.parametrize(
    "scheduler", [{"policy": "SCHED_ISO"}, {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3}]
)
def test_refused_by_the_kernel_is_an_error(container: Container, scheduler: dict[str, Any]) -> None:
    container.bundle.process["scheduler"] = scheduler

    container.create().failed("invalid argument", "sched_setattr")


@pytest.mark.clause("process.scheduler.exec")
def test_of_an_exec_is_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": 2}
    container.up()
    script = "cut -d' ' -f19,41 /proc/self/stat; ionice -p $$"

    result = exec_process(
        scheduler={"policy": "SCHED_BATCH", "nice": 7},
        ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 1},
        args=["sh", "-c", script],
    )

    assert result.ok().stdout.splitlines() == ["7 3", "best-effort: prio 1"]
