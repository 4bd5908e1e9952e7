"""podman where systemd runs: of root and of a user with a session, with cgroups made by systemd and by pyoci."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import abilities, limits, system_tree
from tests.support.engines import IMAGE
from tests.support.machine import Machine, PodmanOfMachine, Session
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NEEDS = ("root", "systemd", "podman")
pytestmark = [pytest.mark.needs(*_NEEDS), pytest.mark.usefixtures("nothing_left")]

_UNIT = {"CPUQuotaPerSecUSec": "250ms", "TasksMax": "33", "Delegate": "yes"}
_numbers = itertools.count()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((Machine, "systemd"), id="root-systemd"),
        pytest.param((Machine, "cgroupfs"), id="root-cgroupfs"),
        # Only cgroup v2 is delegated to users.
        pytest.param((Session, "systemd"), id="user-systemd", marks=pytest.mark.needs("cgroup2", "tester")),
        pytest.param((Session, "cgroupfs"), id="user-cgroupfs", marks=pytest.mark.needs("cgroup2", "tester")),
    ],
)
def podman(
    request: pytest.FixtureRequest, image: Path, program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodmanOfMachine]:
    """podman of root or of a user, and who makes its cgroups."""
    if reason := abilities.reason_to_skip(*_NEEDS):
        pytest.skip(reason)
    whose, manager = request.param
    with whose(tmp_path_factory.mktemp("podman")) as place:
        podman = PodmanOfMachine(place, program, manager)
        podman.prepare(image)
        yield podman
        podman.end()


@pytest.fixture
def name(podman: PodmanOfMachine, nothing_left: None) -> Iterator[str]:
    """The name of a container, which is removed afterwards."""
    name = f"one{next(_numbers)}"
    yield name
    podman("rm", "--force", "--ignore", "--time=0", name)


def test_limits_arrive_in_the_cgroup_and_in_its_unit(podman: PodmanOfMachine, name: str) -> None:
    podman("run", "-d", f"--name={name}", "--network=none", "--memory=64m", "--cpus=0.5", "--pids-limit=33", IMAGE)
    pid = podman.pid(name)
    unit = limits.group(pid).rpartition("/")[2]

    limits.assert_limits(pid, limits.files(memory=64, cpus=0.5, pids=33))
    podman("update", "--memory=128m", "--cpus=0.25", name)
    limits.assert_limits(pid, limits.files(memory=128, cpus=0.25, pids=33))
    podman.place.systemctl("daemon-reload")
    limits.assert_limits(pid, limits.files(memory=128, cpus=0.25, pids=33))
    if podman.manager == "systemd":
        assert podman.place.systemctl.show(unit, *_UNIT) == _UNIT
        memory = "MemoryMax" if abilities.has("cgroup2") else "MemoryLimit"
        assert podman.place.systemctl.show(unit, memory) == {memory: str(128 << 20)}
    else:
        assert not unit.endswith(".scope")


def test_life(podman: PodmanOfMachine, name: str) -> None:
    podman("run", "-d", f"--name={name}", "--network=none", IMAGE)
    pid = podman.pid(name)

    podman("exec", "--detach", name, "sleep", "1000")
    members = podman("top", name, "hpid").output.split()[1:]
    assert str(pid) in members
    assert {limits.group(member) for member in members} == {limits.group(pid)}
    podman("pause", name)
    limits.assert_limits(pid, {"cgroup.freeze": "1", "freezer.state": "FROZEN"})
    podman("unpause", name)
    limits.assert_limits(pid, {"cgroup.freeze": "0", "freezer.state": "THAWED"})
    podman("stop", "--time=5", name)
    assert podman("inspect", "--format={{.State.Status}}", name).output == "exited"
    podman("rm", name)


def test_a_pod_has_a_cgroup_of_its_own(podman: PodmanOfMachine, name: str) -> None:
    infra = (f"--infra-image={IMAGE}", "--infra-command=observe")
    pod = podman("pod", "create", f"--name=pod-{name}", "--network=none", *infra).output
    podman("run", "-d", f"--pod=pod-{name}", f"--name={name}", IMAGE)

    pid = podman.pid(name)
    group, file = limits.group(pid), limits.control_file(pid, "memory.stat")
    podman("pod", "rm", "--force", "--time=0", f"pod-{name}")

    assert file
    assert not file.exists()
    if podman.manager == "systemd" or podman.place.user == "root":
        assert re.search(rf"{pod}(\.slice)?/libpod-[^/]*$", group)
    else:  # the user owns nothing above the unit he is in
        assert re.search(r"/app\.slice/[0-9a-f]{64}$", group)


@pytest.mark.timeout(1200)
def test_leaves_no_unit_of_fifty_containers(podman: PodmanOfMachine, new_id: Callable[[], str]) -> None:
    if podman.manager != "systemd":
        pytest.skip("no units")
    names = [new_id() for _ in range(50)]

    with ThreadPoolExecutor(10) as workers:  # each is a process of podman's, of 50 MB
        made = list(workers.map(lambda name: podman("run", "-d", f"--name={name}", "--network=none", IMAGE), names))
    ids = {said.output for said in made}
    scopes = [unit for unit in podman.place.systemctl.units("libpod-*.scope") if not unit.startswith("libpod-conmon-")]
    with ThreadPoolExecutor(10) as workers:
        list(workers.map(lambda name: podman("rm", "--force", "--time=0", name), names))

    assert {scope.removeprefix("libpod-").removesuffix(".scope") for scope in scopes} == ids
    wait_for(lambda: not podman.place.systemctl.units("libpod-*", "pyoci-*"), "no unit is left")


@pytest.fixture
def system(podman: PodmanOfMachine, place: Path) -> Iterator[Path]:
    """A root filesystem with systemd."""
    if podman.place.user != "root":
        pytest.skip("the root filesystem is root's")
    with system_tree.layered(place) as root:
        yield root


@pytest.mark.needs("cgroup2", "overlayfs")
@pytest.mark.timeout(600)
def test_systemd_boots_in_it_and_shuts_down_in_order(podman: PodmanOfMachine, system: Path, name: str) -> None:
    options = ["--systemd=always", "--network=none", "--rootfs", str(system)]
    podman("run", "-d", f"--name={name}", *options, "/sbin/init")

    def state() -> str:
        return podman.attempt("exec", name, "systemctl", "is-system-running").output

    system_tree.wait_for_boot(podman.pid(name), state)
    assert state() == "running", podman("exec", name, "systemctl", "--failed").output
    assert podman("exec", name, "systemctl", "is-active", "sleeper.service").output == "active"
    podman("stop", "--time=300", name, timeout=300)

    assert podman("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", name).output == "exited 0"
    assert system_tree.order(system) == ["first up", "second up", "second down", "first down"]
