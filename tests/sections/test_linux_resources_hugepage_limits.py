"""linux.resources.hugepageLimits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.limits import MOUNT_POINT, assert_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.needs("root"),
    pytest.mark.varies("cgroup2"),
    pytest.mark.differs("runc uses no v2 controller beside v1"),
]

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def hugetlb() -> Iterator[None]:
    """Leave the controller as it was: switched off in the v2 tree of a hybrid host."""
    control = next((place / "cgroup.subtree_control" for place in (MOUNT_POINT, MOUNT_POINT / "unified")
                    if (place / "cgroup.subtree_control").exists()), None)  # fmt: skip
    if not Path("/sys/kernel/mm/hugepages/hugepages-2048kB").is_dir():
        pytest.skip("this machine has no huge pages of 2 MB")
    if not Path("/sys/fs/cgroup/hugetlb").exists() and "hugetlb" not in (
        (control.parent / "cgroup.controllers").read_text() if control else ""
    ):
        pytest.skip("this host has no hugetlb controller")
    before = control.read_text() if control else ""
    yield
    if control and "hugetlb" not in before and "hugetlb" in control.read_text():
        control.write_text("-hugetlb")


@pytest.mark.clause(
    "linux.resources.hugepage-limits.written",
    "linux.resources.hugepage-limits.reserved",
    "linux.resources.unified.controller",
)
@pytest.mark.parametrize("size", [0, 4 * MEBIBYTE])
def test_is_written_for_use_and_for_reservation(container: Container, size: int) -> None:
    container.bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "2MB", "limit": size}]}
    container.up()

    names = ("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.rsvd.limit_in_bytes")
    assert_limits(container.pid, dict.fromkeys(names, str(size)))


@pytest.mark.clause("linux.resources.hugepage-limits.page-size")
def test_size_this_machine_does_not_have_is_an_error(container: Container) -> None:
    container.bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}

    container.create().failed("hugetlb.3MB.")


@pytest.mark.clause("linux.resources.unified.written", "linux.resources.unified.controller")
@pytest.mark.needs("hybrid")
def test_can_be_given_in_unified_on_a_hybrid_host(container: Container) -> None:
    container.bundle.linux["resources"] = {"unified": {"hugetlb.2MB.max": str(2 * MEBIBYTE), "cgroup.max.depth": "3"}}
    container.up()

    assert_limits(container.pid, {"hugetlb.2MB.max": str(2 * MEBIBYTE), "cgroup.max.depth": "3"})
