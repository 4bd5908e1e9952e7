"""linux.resources.memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, control_file, limit

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

MEBIBYTE = 1 << 20
UNLIMITED = "9223372036854771712"


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        pytest.param({"limit": 64 * MEBIBYTE}, {"memory.limit_in_bytes": "67108864", "memory.max": "67108864"},
                     id="limit", marks=pytest.mark.clause("linux.resources.memory.limit")),
        pytest.param({"limit": -1}, {"memory.limit_in_bytes": UNLIMITED, "memory.max": "max"}, id="no limit",
                     marks=pytest.mark.clause("linux.resources.memory.limit")),
        pytest.param({"reservation": 32 * MEBIBYTE},
                     {"memory.soft_limit_in_bytes": "33554432", "memory.low": "33554432"}, id="reservation",
                     marks=pytest.mark.clause("linux.resources.memory.reservation")),
        pytest.param({"limit": 64 * MEBIBYTE, "swap": 96 * MEBIBYTE},
                     {"memory.memsw.limit_in_bytes": "100663296", "memory.swap.max": "33554432"}, id="swap",
                     marks=pytest.mark.clause("linux.resources.memory.swap", "linux.resources.memory.order")),
        pytest.param({"limit": 64 * MEBIBYTE, "swap": 64 * MEBIBYTE},
                     {"memory.memsw.limit_in_bytes": "67108864", "memory.swap.max": "0"}, id="no swap",
                     marks=pytest.mark.clause("linux.resources.memory.swap", "linux.resources.memory.order")),
        pytest.param({"limit": 64 * MEBIBYTE, "swap": -1},
                     {"memory.memsw.limit_in_bytes": UNLIMITED, "memory.swap.max": "max"}, id="swap without end",
                     marks=pytest.mark.clause("linux.resources.memory.swap")),
    ],
)  # fmt: skip
def test_is_written(container: Container, memory: dict[str, Any], expected: dict[str, str]) -> None:
    container.bundle.linux["resources"] = {"memory": memory}
    container.up()

    assert_limits(container.pid, expected)


@pytest.mark.needs("cgroup1")
@pytest.mark.parametrize(
    ("memory", "name", "expected"),
    [
        pytest.param({"swappiness": 0}, "memory.swappiness", "0", id="swappiness 0",
                     marks=pytest.mark.clause("linux.resources.memory.swappiness")),
        pytest.param({"swappiness": 100}, "memory.swappiness", "100", id="swappiness 100",
                     marks=pytest.mark.clause("linux.resources.memory.swappiness")),
        pytest.param({"limit": 64 * MEBIBYTE, "disableOOMKiller": True}, "memory.oom_control", "oom_kill_disable 1",
                     id="disableOOMKiller", marks=pytest.mark.clause("linux.resources.memory.disable-oom-killer")),
        pytest.param({"useHierarchy": True}, "memory.use_hierarchy", "1", id="useHierarchy",
                     marks=pytest.mark.clause("linux.resources.memory.use-hierarchy")),
        pytest.param({"kernelTCP": 32 * MEBIBYTE}, "memory.kmem.tcp.limit_in_bytes", "33554432", id="kernelTCP",
                     marks=(pytest.mark.clause("linux.resources.memory.kernel"),
                            pytest.mark.differs("runc ignores it since 1.0"))),
        # Since Linux 5.16 the kernel takes this one and does nothing.
        pytest.param({"kernel": 64 * MEBIBYTE}, "memory.kmem.limit_in_bytes", "", id="kernel",
                     marks=pytest.mark.clause("linux.resources.memory.kernel")),
    ],
)  # fmt: skip
def test_is_written_on_v1(container: Container, memory: dict[str, Any], name: str, expected: str) -> None:
    if control_file("self", name) is None:
        pytest.skip(f"this kernel has no {name}")
    container.bundle.linux["resources"] = {"memory": memory}
    container.up()

    assert expected in limit(container.pid, name)


@pytest.mark.clause("linux.resources.memory.limit")
def test_program_that_takes_more_is_killed(container: Container) -> None:
    container.bundle.linux["resources"] = {"memory": {"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE}}
    container.bundle.args("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1")

    assert container.run().status == 137


@pytest.mark.clause("linux.resources.memory.limit")
@pytest.mark.differs("runc does not always name it")
def test_limit_too_low_to_start_is_named(container: Container) -> None:
    container.bundle.linux["resources"] = {"memory": {"limit": 65536, "swap": 65536}}

    container.create().failed("memory limit", "65536")


@pytest.mark.clause("linux.resources.memory.limit")
def test_sixteen_mebibytes_are_enough_to_start(container: Container) -> None:
    container.bundle.linux["resources"] = {"memory": {"limit": 16 * MEBIBYTE}}

    assert container.output("echo alive") == "alive"


@pytest.mark.clause("linux.resources.memory.swap.rules")
def test_swap_below_the_limit_is_an_error(container: Container) -> None:
    container.bundle.linux["resources"] = {"memory": {"limit": 64 * MEBIBYTE, "swap": 32 * MEBIBYTE}}

    container.create().failed("memory")


@pytest.mark.parametrize(
    ("memory", "field"),
    [
        pytest.param({"swappiness": 101}, "swappiness",
                     marks=pytest.mark.clause("linux.resources.memory.swappiness")),
        pytest.param({"limit": -2}, "limit", marks=pytest.mark.clause("linux.resources.memory.limit")),
    ],
)  # fmt: skip
@pytest.mark.differs("runc leaves it to the kernel, or ignores it")
def test_value_out_of_range_is_an_error(container: Container, memory: dict[str, int], field: str) -> None:
    container.bundle.linux["resources"] = {"memory": memory}

    container.create().failed(f"linux.resources.memory.{field}")
