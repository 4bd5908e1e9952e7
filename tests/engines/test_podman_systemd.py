"""podman where systemd runs: its containers are scopes."""

from __future__ import annotations

import itertools

import pytest

from tests.support import abilities
from tests.support.machine import Machine, PodmanOfMachine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs("root", "systemd", "cgroup2", "podman"), pytest.mark.usefixtures("nothing_left")]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def podman(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodmanOfMachine]:
    """podman of root, which has systemd make its cgroups."""
    if reason := abilities.reason_to_skip("root", "systemd", "cgroup2", "podman"):
        pytest.skip(reason)
    with Machine(tmp_path_factory.mktemp("podman")) as place:
        podman = PodmanOfMachine(place, program)
        podman.prepare(image)
        yield podman
        podman.end()


@pytest.fixture
def name(podman: PodmanOfMachine, nothing_left: None) -> Iterator[str]:
    """The name of a container, which is removed afterwards."""
    name = f"one{next(_numbers)}"
    yield name
    podman("rm", "--force", "--ignore", "--time=0", name)


def settings(group: Path, *names: str) -> list[str]:
    return [(group / name).read_text().strip() for name in names]


def test_limits_arrive_in_the_cgroup_and_in_its_unit(podman: PodmanOfMachine, name: str) -> None:
    group = podman.up(f"--name={name}", "--memory=64m", "--cpus=0.5", "--pids-limit=33")
    first = settings(group, "memory.max", "cpu.max", "pids.max")
    podman("update", "--memory=128m", "--cpus=0.25", "--pids-limit=50", name)
    second = settings(group, "memory.max", "cpu.max", "pids.max")
    podman.place.systemctl("daemon-reload")
    third = settings(group, "memory.max", "cpu.max", "pids.max")

    assert first == [str(64 << 20), "50000 100000", "33"]
    assert second == third == [str(128 << 20), "25000 100000", "50"]
    assert podman.place.show(group.name, "MemoryMax", "CPUQuotaPerSecUSec", "TasksMax", "Delegate") == {
        "MemoryMax": str(128 << 20), "CPUQuotaPerSecUSec": "250ms", "TasksMax": "50", "Delegate": "yes",
    }  # fmt: skip
