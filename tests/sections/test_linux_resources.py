"""linux.resources as a whole."""

from __future__ import annotations

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

UNTOUCHED = {
    "memory.limit_in_bytes": "9223372036854771712", "memory.max": "max", "pids.max": "max", "cpu.shares": "1024",
    "cpu.weight": "100", "cpu.cfs_quota_us": "-1", "cpu.max": "max 100000", "memory.swappiness": "60",
}  # fmt: skip
SECTIONS = ("cpu", "memory", "blockIO", "network", "pids", "rdma", "unified")


@pytest.mark.clause("linux.resources.absent")
@pytest.mark.differs("runc 1.1 needs a limit in pids")
@pytest.mark.parametrize(
    "resources",
    [
        pytest.param(None, id="absent"),
        pytest.param({}, id="empty"),
        pytest.param({name: {} for name in SECTIONS} | {"hugepageLimits": [], "devices": []}, id="empty sections"),
        pytest.param(dict.fromkeys(SECTIONS), id="null sections"),
        pytest.param({"cpu": {"shares": 0, "quota": 0, "cpus": ""}, "memory": {"limit": 0, "swap": 0}}, id="zeros"),
    ],
)
def test_no_limit_is_touched_that_is_not_given(container: Container, resources: object) -> None:
    container.bundle.linux["resources"] = resources
    container.up()

    assert_limits(container.pid, UNTOUCHED)


@pytest.mark.clause("linux.resources.order")
@pytest.mark.differs("runc 1.1 does not know burst")
def test_what_depends_on_each_other_is_written_in_a_possible_order(container: Container) -> None:
    container.bundle.linux["resources"] = {
        "cpu": {"burst": 150000, "quota": 200000, "period": 250000},
        "memory": {"swap": 2**28, "limit": 2**27},
    }
    container.up()

    assert_limits(container.pid, {
        "cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "250000", "cpu.cfs_burst_us": "150000",
        "cpu.max": "200000 250000", "cpu.max.burst": "150000",
    })  # fmt: skip
    assert_limits(container.pid, {"memory.memsw.limit_in_bytes": str(2**28), "memory.swap.max": str(2**27)})


@pytest.mark.clause(
    "linux.resources.missing-controller", "linux.resources.network.class-id", "linux.resources.network.priorities"
)
@pytest.mark.needs("cgroup1")
@pytest.mark.parametrize(
    ("controller", "resources"),
    [
        ("net_cls", {"network": {"classID": 1048577}}),
        ("net_prio", {"network": {"priorities": [{"name": "lo", "priority": 1}]}}),
        ("rdma", {"rdma": {"mlx5_1": {"hcaHandles": 3}}}),
    ],
)  # fmt: skip
def test_limit_without_its_controller_is_an_error(
    container: Container, controller: str, resources: dict[str, object]
) -> None:
    with open("/proc/mounts") as mounts:
        if any(line.split()[2] == "cgroup" and controller in line.split()[3].split(",") for line in mounts):
            pytest.skip(f"this host has {controller}")
    container.bundle.linux["resources"] = resources

    container.create().failed(f"cannot set {controller} limit: container could not join or create cgroup")


@pytest.mark.clause("linux.resources.missing-controller")
@pytest.mark.needs("cgroup1")
def test_limits_that_a_rootless_container_cannot_have_are_an_error(
    container: Container, as_user: dict[str, object]
) -> None:
    container.bundle.linux["resources"] = {"memory": {"limit": 2**27}}

    container.create(**as_user).failed("cannot set memory limit: container could not join or create cgroup")
