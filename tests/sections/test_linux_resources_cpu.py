"""linux.resources.cpu."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, control_file

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        pytest.param({"shares": 512}, {"cpu.shares": "512", "cpu.weight": "59"}, id="shares",
                     marks=pytest.mark.clause("linux.resources.cpu.shares")),
        pytest.param({"shares": 262144, "quota": 50000},
                     {"cpu.shares": "262144", "cpu.weight": "10000", "cpu.cfs_quota_us": "50000",
                      "cpu.cfs_period_us": "100000", "cpu.max": "50000 100000"}, id="quota",
                     marks=pytest.mark.clause("linux.resources.cpu.shares", "linux.resources.cpu.quota")),
        pytest.param({"quota": -1, "period": 50000},
                     {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "50000", "cpu.max": "max 50000"}, id="no quota",
                     marks=pytest.mark.clause("linux.resources.cpu.quota")),
        pytest.param({"quota": 50000, "burst": 20000}, {"cpu.cfs_burst_us": "20000", "cpu.max.burst": "20000"},
                     id="burst", marks=(pytest.mark.clause("linux.resources.cpu.burst"),
                                        pytest.mark.differs("runc 1.1 does not know it"))),
        pytest.param({"idle": 1, "shares": 512}, {"cpu.idle": "1"}, id="idle",
                     marks=(pytest.mark.clause("linux.resources.cpu.idle"),
                            pytest.mark.differs("runc 1.1 does not know it"))),
    ],
)  # fmt: skip
def test_is_written(container: Container, cpu: dict[str, Any], expected: dict[str, str]) -> None:
    container.bundle.linux["resources"] = {"cpu": cpu}
    container.up()

    assert_limits(container.pid, expected)


@pytest.mark.clause("linux.resources.cpu.realtime")
@pytest.mark.needs("cgroup1")
def test_realtime_is_written_on_v1(container: Container) -> None:
    if control_file("self", "cpu.rt_runtime_us") is None:
        pytest.skip("this kernel has no groups of real-time processes (CONFIG_RT_GROUP_SCHED)")
    container.bundle.linux["resources"] = {"cpu": {"realtimeRuntime": 1000, "realtimePeriod": 500000}}
    container.up()

    assert_limits(container.pid, {"cpu.rt_runtime_us": "1000", "cpu.rt_period_us": "500000"})


@pytest.mark.clause("linux.resources.cpu.cpuset")
def test_set_bounds_where_the_program_runs(container: Container) -> None:
    container.bundle.linux["resources"] = {"cpu": {"cpus": "0", "mems": "0"}}

    assert container.output("grep -h _allowed_list: /proc/self/status").split() == [
        "Cpus_allowed_list:", "0", "Mems_allowed_list:", "0",
    ]  # fmt: skip


@pytest.mark.clause("linux.resources.cpu.cpuset")
@pytest.mark.parametrize("name", ["cpus", "mems"])
@pytest.mark.parametrize("value", ["9999", "x"])
def test_set_that_is_impossible_is_an_error(container: Container, name: str, value: str) -> None:
    container.bundle.linux["resources"] = {"cpu": {name: value}}

    container.create().failed("cpuset." + name if value == "9999" else value)


@pytest.mark.clause("linux.resources.cpu.burst")
@pytest.mark.differs("runc leaves it to the kernel")
def test_burst_above_the_quota_is_an_error(container: Container) -> None:
    container.bundle.linux["resources"] = {"cpu": {"quota": 20000, "burst": 20001}}

    container.create().failed("linux.resources.cpu.burst: 20001 is above the quota 20000")
