"""Containers that divide their own cgroup (v2), as systemd, docker and kubelet do, and those in a threaded one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container, cgroups_named
from tests.support.limits import assert_limits, places
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("cgroup2", "cgroup2-pids", "cgroup2-memory")

CGROUPS = Path("/sys/fs/cgroup")
DIVIDE = """
cd /sys/fs/cgroup
mkdir init work
echo 0 > init/cgroup.procs
echo +pids +memory > cgroup.subtree_control
sleep 1000 &
echo $! > work/cgroup.procs
echo 9 > work/pids.max
echo done > /done
wait
"""


@pytest.fixture
def divided(container: Container) -> Container:
    """A container whose init is in one part of its cgroup, and another process in another."""
    container.bundle.namespace("cgroup").script(DIVIDE).config["mounts"][-1]["options"].remove("ro")
    container.up()
    container.wait_for_file("/done")
    return container


def test_exec_joins_the_part_where_init_is(divided: Container) -> None:
    assert divided.exec("cat", "/proc/self/cgroup").ok().output == "0::/init"
    assert places(divided.pid)[""].endswith(f"{divided.id}/init")


def test_exec_does_not_keep_a_container_from_dividing_its_cgroup(container: Container) -> None:
    enable = "cd /sys/fs/cgroup; until [ -e /go ]; do sleep 0.01; done; echo +pids > cgroup.subtree_control"
    container.bundle.namespace("cgroup").script(
        "mkdir /sys/fs/cgroup/init; echo 0 > /sys/fs/cgroup/init/cgroup.procs; echo > /moved;"
        f"({enable}); echo $? > /done; exec sleep 1000"
    ).config["mounts"][-1]["options"].remove("ro")
    container.up().wait_for_file("/moved")

    container.exec("sleep", "1000", flags=("--detach",)).ok()
    container.exec("touch", "/go").ok()

    assert container.wait_for_file("/done") == "0\n"


def test_exec_may_name_another_part(divided: Container) -> None:
    assert divided.exec("cat", "/proc/self/cgroup", flags=("--cgroup", "/work")).ok().output == "0::/work"


def test_ps_lists_all_parts(divided: Container) -> None:
    listed = divided.runtime("ps", "--format", "json", divided.id).ok().output

    assert len(listed.strip("[]").split(",")) == 2


def test_pause_stops_all_parts(divided: Container) -> None:
    (place,) = [Path(path) for path in cgroups_named(divided.id) if path.endswith(divided.id)]

    divided.runtime("pause", divided.id).ok()

    assert divided.status == "paused"
    assert "frozen 1" in (place / "work" / "cgroup.events").read_text()
    divided.runtime("resume", divided.id).ok()
    assert "frozen 0" in (place / "work" / "cgroup.events").read_text()


def test_update_reaches_the_whole(divided: Container) -> None:
    divided.runtime("update", "--pids-limit", "17", divided.id).ok()

    whole = CGROUPS / places(divided.pid)[""].lstrip("/").removesuffix("/init")
    assert (whole / "pids.max").read_text() == "17\n"
    assert (whole / "work" / "pids.max").read_text() == "9\n"


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_kill_all_reaches_all_parts(divided: Container, signal: str) -> None:
    (place,) = [Path(path) for path in cgroups_named(divided.id) if path.endswith(divided.id)]

    divided.runtime("kill", "--all", divided.id, signal).ok()

    wait_for(lambda: (place / "work" / "cgroup.procs").read_text() == "", "the end of the process at work")


def test_delete_removes_all_parts(divided: Container) -> None:
    divided.delete("--force").ok()

    assert cgroups_named(divided.id) == []


@pytest.fixture
def threaded(container: Container) -> Iterator[Container]:
    """A container below a threaded cgroup: only controllers that know threads are there."""
    above = CGROUPS / f"domain-{container.id}"
    (above / "threaded").mkdir(parents=True)
    (above / "threaded" / "cgroup.type").write_text("threaded")
    (above / "cgroup.subtree_control").write_text("+pids")
    container.bundle.linux["cgroupsPath"] = f"/{above.name}/threaded/{container.id}"
    yield container
    container.remove()
    (above / "threaded").rmdir()
    above.rmdir()


def test_a_threaded_cgroup_takes_a_container(threaded: Container) -> None:
    threaded.bundle.linux["resources"] = {"pids": {"limit": 11}}
    threaded.up()

    assert_limits(threaded.pid, {"cgroup.type": "threaded", "pids.max": "11"})
    threaded.exec("true").ok()
    threaded.runtime("pause", threaded.id).ok()
    assert threaded.status == "paused"
    threaded.runtime("resume", threaded.id).ok()
    threaded.runtime("kill", "--all", threaded.id, "KILL").ok()
    threaded.wait_for_status("stopped")


def test_a_limit_without_threads_says_why_it_cannot_be_set_in_a_threaded_cgroup(threaded: Container) -> None:
    threaded.bundle.linux["resources"] = {"memory": {"limit": 64 << 20}}

    threaded.create().failed("memory.max", "controller memory cannot be enabled")
