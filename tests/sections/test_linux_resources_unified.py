"""linux.resources.unified."""

from __future__ import annotations

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits

pytestmark = pytest.mark.needs("root")


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
