"""docker that has systemd make its cgroups: its containers are scopes."""

from __future__ import annotations

import pytest

from tests.support import abilities, limits
from tests.support.docker import DockerContainer
from tests.support.machine import DockerOfMachine, Machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NEEDS = ("root", "systemd", "overlayfs", "docker")
pytestmark = pytest.mark.needs(*_NEEDS)

_UNIT = {"CPUQuotaPerSecUSec": "250ms", "TasksMax": "50", "Delegate": "yes"}


@pytest.fixture(scope="module")
def docker(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerOfMachine]:
    """docker of root, which has systemd make its cgroups."""
    if reason := abilities.reason_to_skip(*_NEEDS):
        pytest.skip(reason)
    with Machine(tmp_path_factory.mktemp("docker")) as place:
        docker = DockerOfMachine(place, program)
        docker.prepare(image)
        yield docker
        docker.end()


@pytest.fixture
def nothing_left(docker: DockerOfMachine) -> Iterator[None]:
    """Afterwards no unit, mount, cgroup or process of docker's containers is left."""
    with docker.leaving_nothing():
        yield


@pytest.fixture
def box(docker: DockerOfMachine, nothing_left: None, new_id: Callable[[], str]) -> Iterator[DockerContainer]:
    """A container of docker, not yet made."""
    box = DockerContainer(docker, new_id())
    yield box
    box.remove()


def test_limits_arrive_in_the_cgroup_and_in_its_unit(docker: DockerOfMachine, box: DockerContainer) -> None:
    box.up("--memory=64m", "--cpus=0.5", "--pids-limit=33")
    unit, pid = f"docker-{box.id}.scope", box.state["Pid"]

    assert limits.group(pid) == f"/system.slice/{unit}"
    limits.assert_limits(pid, limits.files(memory=64, cpus=0.5, pids=33))
    box("update", "--memory=128m", "--memory-swap=-1", "--cpus=0.25", "--pids-limit=50")
    limits.assert_limits(pid, limits.files(memory=128, cpus=0.25, pids=50))
    docker.place.systemctl("daemon-reload")
    limits.assert_limits(pid, limits.files(memory=128, cpus=0.25, pids=50))
    assert docker.place.systemctl.show(unit, *_UNIT) == _UNIT


def test_life(box: DockerContainer) -> None:
    box.up(script="trap 'exit 7' TERM; echo ready; sleep 1000 & wait")
    pid = box.state["Pid"]

    box.execute("sleep", "1000", options=("--detach",)).ok()
    members = [line.split()[1] for line in box("top").stdout.splitlines()[1:]]
    assert str(pid) in members
    assert {limits.group(member) for member in members} == {limits.group(pid)}
    assert box("stats", "--no-stream", "--format={{.PIDs}}").output == str(len(members))
    box("pause")
    assert box.state["Status"] == "paused"
    box("unpause")
    box("stop")
    assert box.state["ExitCode"] == 7
    box("rm")
