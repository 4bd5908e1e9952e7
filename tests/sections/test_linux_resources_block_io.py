"""linux.resources.blockIO."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, control_file, limit

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]


@pytest.fixture(scope="module")
def disk() -> tuple[int, int]:
    """The numbers of a block device."""
    for place in sorted(Path("/sys/block").glob("*/dev"), reverse=True):
        major, minor = map(int, place.read_text().split(":"))
        if not place.parent.name.startswith(("ram", "zram", "loop")):
            return major, minor
    pytest.skip("this machine has no disk")


@pytest.mark.clause("linux.resources.block-io.weight")
@pytest.mark.parametrize("weight", [10, 1000])
def test_weight_is_written(container: Container, weight: int) -> None:
    container.bundle.args("sleep", "1000").linux["resources"] = {"blockIO": {"weight": weight}}
    result = container.run("--detach")
    if "blkio.weight" in result.stderr or "io.weight" in result.stderr:
        pytest.skip("this kernel has no scheduler with weights")
    result.ok()

    # Of v2's files the first takes it as it is, and the other keeps its default.
    bfq = control_file(container.pid, "io.bfq.weight")
    assert_limits(container.pid, {
        "blkio.weight": str(weight), "blkio.bfq.weight": str(weight), "io.bfq.weight": f"default {weight}",
        "io.weight": "default 100" if bfq else f"default {1 + (weight - 10) * 9999 // 990}",
    })  # fmt: skip


@pytest.mark.clause("linux.resources.block-io.weight-device")
def test_weight_of_a_device_is_written(container: Container, disk: tuple[int, int]) -> None:
    major, minor = disk
    container.bundle.args("sleep", "1000").linux["resources"] = {
        "blockIO": {"weight": 100, "weightDevice": [{"major": major, "minor": minor, "weight": 500}]}
    }
    result = container.run("--detach")
    if "weight" in result.stderr:
        pytest.skip("no scheduler with weights serves that disk")
    result.ok()

    names = {"blkio.bfq.weight_device": "500", "io.bfq.weight": "500", "io.weight": "4950"}
    name = next(name for name in names if control_file(container.pid, name))
    assert f"{major}:{minor} {names[name]}" in limit(container.pid, name).splitlines()


@pytest.mark.clause("linux.resources.block-io.throttle")
def test_bounds_are_written(container: Container, disk: tuple[int, int]) -> None:
    major, minor = disk
    device = {"major": major, "minor": minor}
    container.bundle.linux["resources"] = {"blockIO": {
        "throttleReadBpsDevice": [{**device, "rate": 1000}], "throttleWriteBpsDevice": [{**device, "rate": 2000}],
        "throttleReadIOPSDevice": [{**device, "rate": 3000}], "throttleWriteIOPSDevice": [{**device, "rate": 4000}],
    }}  # fmt: skip
    container.up()

    place = f"{major}:{minor}"
    assert_limits(container.pid, {
        "blkio.throttle.read_bps_device": f"{place} 1000", "blkio.throttle.write_bps_device": f"{place} 2000",
        "blkio.throttle.read_iops_device": f"{place} 3000", "blkio.throttle.write_iops_device": f"{place} 4000",
        "io.max": f"{place} rbps=1000 wbps=2000 riops=3000 wiops=4000",
    })  # fmt: skip


@pytest.mark.clause("linux.resources.block-io.throttle")
def test_rate_of_nothing_is_no_bound(container: Container, disk: tuple[int, int]) -> None:
    major, minor = disk
    throttle = {"major": major, "minor": minor, "rate": 0}
    container.bundle.linux["resources"] = {"blockIO": {"throttleReadBpsDevice": [throttle]}}
    container.up()

    assert_limits(container.pid, {"blkio.throttle.read_bps_device": "", "io.max": ""})


@pytest.mark.clause("linux.resources.block-io.throttle")
def test_device_that_is_not_there_is_an_error(container: Container) -> None:
    throttle = {"major": 4095, "minor": 77, "rate": 1}
    container.bundle.linux["resources"] = {"blockIO": {"throttleReadBpsDevice": [throttle]}}

    container.create().failed("4095:77 ", "no such device")


@pytest.mark.clause("linux.resources.block-io.leaf-weight")
@pytest.mark.needs("cgroup1")
@pytest.mark.differs("runc 1.1 ignores it where the kernel has none")
def test_leaf_weight_is_an_error_without_the_scheduler_that_knew_it(container: Container) -> None:
    if Path("/sys/fs/cgroup/blkio/blkio.leaf_weight").exists():
        pytest.skip("this kernel has CFQ")
    container.bundle.linux["resources"] = {"blockIO": {"leafWeight": 500}}

    container.create().failed("blkio.leaf_weight")


@pytest.mark.clause("linux.resources.block-io.weight")
@pytest.mark.differs("runc leaves it to the kernel")
@pytest.mark.parametrize("weight", [9, 1001])
def test_weight_out_of_range_is_an_error(container: Container, weight: int) -> None:
    container.bundle.linux["resources"] = {"blockIO": {"weight": weight}}

    container.create().failed("linux.resources.blockIO.weight")
