"""linux.resources.pids."""

from __future__ import annotations

import pytest

from tests.support.container import Container
from tests.support.limits import limit

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]


@pytest.mark.clause("linux.resources.pids.limit")
def test_no_more_processes_than_that(container: Container) -> None:
    container.bundle.linux["resources"] = {"pids": {"limit": 4}}
    container.bundle.script("for n in 1 2 3 4 5; do sleep 10 & done")

    result = container.run()

    assert "can't fork" in result.stderr
    assert result.status == 2


@pytest.mark.clause("linux.resources.pids.limit")
@pytest.mark.differs("runc 1.1 takes 0 for no limit")
def test_nothing_can_be_forked_when_it_is_0(container: Container) -> None:
    container.bundle.config["ociVersion"] = "1.3.0"
    container.bundle.linux["resources"] = {"pids": {"limit": 0}}
    container.bundle.script("echo alive; sleep 0 & wait")

    result = container.run()

    assert result.output == "alive"
    assert "can't fork" in result.stderr


@pytest.mark.parametrize("version", ["1.0.2-dev", "1.2.1+dev", "1.2.0"])
def test_0_is_no_limit_where_the_bundle_is_older_than_1_3(container: Container, version: str) -> None:
    container.bundle.config["ociVersion"] = version
    container.bundle.linux["resources"] = {"pids": {"limit": 0}}

    assert container.output("sleep 0 & wait; echo alive") == "alive"


@pytest.mark.clause("linux.resources.pids.limit")
@pytest.mark.differs("runc 1.1 moves the process in when it has been forked")
def test_exec_counts_too(container: Container) -> None:
    container.bundle.linux["resources"] = {"pids": {"limit": 1}}
    container.up()

    assert container.exec("true").status != 0
    assert limit(container.pid, "pids.current") == "1"


@pytest.mark.clause("linux.resources.pids.unlimited")
@pytest.mark.parametrize(
    "pids", [{"limit": -1}, pytest.param({}, marks=pytest.mark.differs("runc 1.1 needs a limit")), None]
)
def test_without_a_limit_there_is_none(container: Container, pids: dict[str, int] | None) -> None:
    container.bundle.linux["resources"] = {"pids": pids}
    container.up()

    assert limit(container.pid, "pids.max") == "max"
