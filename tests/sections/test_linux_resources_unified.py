"""linux.resources.unified."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, limit

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]


@pytest.mark.clause("linux.resources.unified.legacy")
@pytest.mark.needs("cgroup1")
@pytest.mark.parametrize("name", ["memory.max", "pids.max"])
def test_is_an_error_on_v1(container: Container, name: str) -> None:
    container.bundle.linux["resources"] = {"unified": {name: "1000000000"}}

    container.create().failed("invalid configuration: cannot use unified on cgroup v1")


@pytest.mark.clause("linux.resources.unified.key")
@pytest.mark.differs("on a hybrid host runc uses no v2")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("../pids.max", "must be a file name"),
        ("pids/max.x", "must be a file name"),
        ("pids", "must be in the form CONTROLLER.PARAMETER"),
        ("", "must be in the form CONTROLLER.PARAMETER"),
        (".max", "must be in the form CONTROLLER.PARAMETER"),
    ],
)
def test_key_is_the_name_of_a_file(container: Container, name: str, text: str) -> None:
    container.bundle.linux["resources"] = {"unified": {name: "1"}}

    container.create().failed("linux.resources.unified", text)


@pytest.mark.clause("linux.resources.unified.controller", "linux.resources.missing-controller")
@pytest.mark.needs("hybrid")
@pytest.mark.differs("on a hybrid host runc uses no v2")
def test_controller_that_is_not_there_is_named(container: Container) -> None:
    container.bundle.linux["resources"] = {"unified": {"nonsense.max": "1"}}

    container.create().failed('can\'t be set: controller "nonsense" not available')


@pytest.mark.clause("linux.resources.unified.written")
@pytest.mark.needs("cgroup2", "cgroup2-pids")
def test_is_written_last(container: Container) -> None:
    container.bundle.linux["resources"] = {"pids": {"limit": 7}, "unified": {"pids.max": "8"}}
    container.up()

    assert_limits(container.pid, {"pids.max": "8"})


@pytest.mark.clause("linux.resources.unified.written")
@pytest.mark.needs("hybrid")
@pytest.mark.differs("on a hybrid host runc uses no v2")
def test_unknown_file_is_an_error(container: Container) -> None:
    container.bundle.linux["resources"] = {"unified": {"cgroup.nonsense": "1"}}

    container.create().failed("cgroup.nonsense")


@pytest.mark.clause("linux.resources.unified.written")
@pytest.mark.needs("cgroup2", "cgroup2-memory", "cgroup2-cpu", "cgroup2-io")
def test_any_file_is_written(container: Container) -> None:
    files = {
        "memory.min": "4096", "memory.low": "8192", "memory.high": "33554432", "memory.oom.group": "1",
        "memory.swap.high": "1048576", "cpu.weight.nice": "5", "cpu.max": "50000 200000", "cpu.max.burst": "10000",
        "cpuset.cpus": "0", "cpuset.mems": "0", "cgroup.max.depth": "4", "cgroup.max.descendants": "7",
        "cgroup.pressure": "0",
    }  # fmt: skip
    container.bundle.linux["resources"] = {"unified": files}
    container.up()

    assert_limits(container.pid, files)


@pytest.mark.clause("linux.resources.unified.written")
@pytest.mark.needs("cgroup2", "cgroup2-cpu")
def test_a_partition_has_processors_of_its_own(container: Container) -> None:
    if os.cpu_count() == 1:
        pytest.skip("this machine has one processor")
    container.bundle.linux["cgroupsPath"] = f"/{container.id}"
    container.bundle.linux["resources"] = {"unified": {"cpuset.cpus": "1", "cpuset.cpus.partition": "root"}}
    container.up()

    assert_limits(container.pid, {"cpuset.cpus.partition": "root", "cpuset.cpus.effective": "1"})
    assert limit("self", "cpuset.cpus.effective") != limit(container.pid, "cpuset.cpus.effective")


@pytest.mark.clause("linux.resources.unified.written")
@pytest.mark.needs("cgroup2")
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("memory.nonsense", "1", "memory.nonsense"),
        ("pids.max", "many", 'cannot write "many"'),
        ("misc.max", "nonsense 1", "misc.max"),
        ("rdma.max", "mlx5_9 hca_handle=1", "rdma.max"),
        ("net_cls.classid", "1", 'controller "net_cls" not available'),
    ],
)
def test_what_the_kernel_does_not_take_is_named(container: Container, name: str, value: str, text: str) -> None:
    container.bundle.linux["resources"] = {"unified": {name: value}}

    container.create().failed(text)


@pytest.mark.needs("cgroup2")
@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({"memory": {"swappiness": 10}}, "memory.swappiness"),
        ({"memory": {"kernel": 1 << 20}}, "memory.kernel"),
        ({"memory": {"kernelTCP": 1 << 20}}, "memory.kernelTCP"),
        ({"memory": {"disableOOMKiller": True}}, "memory.disableOOMKiller"),
        ({"memory": {"useHierarchy": False}}, "memory.useHierarchy"),
        ({"memory": {"swap": 1 << 20}}, "memory.swap"),
        ({"cpu": {"realtimeRuntime": 1000}}, "cpu.realtimeRuntime"),
        ({"cpu": {"realtimePeriod": 1000}}, "cpu.realtimePeriod"),
        ({"blockIO": {"leafWeight": 500}}, "blockIO.leafWeight"),
        ({"network": {"classID": 1}}, "network.classID"),
        ({"network": {"priorities": [{"name": "lo", "priority": 1}]}}, "network.priorities"),
    ],
)
@pytest.mark.differs("runc ignores some of it")
def test_what_only_v1_can_do_is_an_error(container: Container, resources: dict[str, object], field: str) -> None:
    container.bundle.linux["resources"] = resources

    container.create().failed(f"linux.resources.{field}")
