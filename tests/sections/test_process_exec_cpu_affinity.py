"""process.execCPUAffinity."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container
from tests.support.waiting import wait_for

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

pytestmark = pytest.mark.differs("runc knows it since 1.2")


def _allowed(pid: int) -> set[int]:
    return os.sched_getaffinity(pid)


@pytest.mark.clause("process.exec-cpu-affinity.initial", "process.exec-cpu-affinity.final")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor leaves no choice")
def test_affinity_is_for_exec_alone(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.process["execCPUAffinity"] = {"initial": "0", "final": "1"}
    container.up()
    look = ["grep", "Cpus_allowed_list", "/proc/self/status"]

    both = exec_process(args=look).ok()
    neither = exec_process(args=look, execCPUAffinity=None).ok()

    assert _allowed(container.pid) == set(range(os.cpu_count() or 1))
    assert both.output.split()[1] == "1"
    assert neither.output.split()[1] == f"0-{(os.cpu_count() or 1) - 1}"


@pytest.mark.clause("process.exec-cpu-affinity.final")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor leaves no choice")
def test_without_final_the_kernel_decides(container: Container, exec_process: Callable[..., Result]) -> None:
    """Whoever enters a cpuset of v1 gets all of its processors; since Linux 6.2 as far as the process allows."""
    container.up()

    result = exec_process(args=["grep", "Cpus_allowed_list", "/proc/self/status"], execCPUAffinity={"initial": "0"})

    assert result.ok().output.split()[1] in {"0", f"0-{(os.cpu_count() or 1) - 1}"}


@pytest.mark.clause("process.exec-cpu-affinity.bad")
@pytest.mark.parametrize("value", ["x", "1-", "-1", "3-1", "0,,1", "0-1-2", "99999999999", "4095"])
@pytest.mark.parametrize("name", ["initial", "final"])
def test_affinity_that_is_no_list_is_an_error(
    container: Container, exec_process: Callable[..., Result], name: str, value: str
) -> None:
    container.up()

    result = exec_process(execCPUAffinity={name: value})

    assert result.status in {1, 255}
    assert "execCPUAffinity" in result.stderr or "sched_setaffinity" in result.stderr
    wait_for(lambda: container.status == "running")
