"""System containers: systemd as the program, as docs/system-containers.md has it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import system_tree
from tests.support.container import Container
from tests.support.limits import MOUNT_POINT, places
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.needs("systemd", "cgroup2", "overlayfs", "idmap"), pytest.mark.timeout(600)]

_DOCUMENT = Path(__file__).parents[2] / "docs/system-containers.md"
_SECONDS = 30
_FIRST_ID = 100000


def documented() -> tuple[dict[str, Any], dict[str, Any]]:
    """The config.json of the document, and what it has besides for a user namespace."""
    config, mapped = re.findall(r"^```json\n(.*?)^```", _DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    return json.loads(config), json.loads(mapped)


@pytest.fixture(params=[0, _FIRST_ID], ids=["root", "user namespace"])
def first_id(request: pytest.FixtureRequest) -> int:
    """What the container's root is on the host."""
    return int(request.param)


@pytest.fixture
def debian(place: Path, first_id: int) -> Iterator[Path]:
    """The root filesystem, for that first id."""
    with system_tree.layered(place, first_id) as root:
        yield root


@pytest.fixture(params=["cgroupfs", "systemd"])
def booted(request: pytest.FixtureRequest, debian: Path, first_id: int, container: Container) -> Container:
    """A container in which systemd runs and has nothing left to do."""
    config, mapped = documented()
    config["root"]["path"] = str(debian)
    paths = {"cgroupfs": f"/{container.id}", "systemd": f"pyoci-tests.slice:pyoci:{container.id}"}
    config["linux"] |= {"cgroupsPath": paths[request.param], **(mapped if first_id else {})}
    container.bundle.config = config
    container.up(options=("--cgroup-manager", request.param))
    system_tree.wait_for_boot(container.pid, lambda: state_of(container))
    return container


def state_of(container: Container) -> str:
    """What systemd says of itself in there; nothing before it listens."""
    return container.exec("systemctl", "is-system-running").output


def test_boots_serves_and_shuts_down_in_order(booted: Container, debian: Path, first_id: int) -> None:
    assert state_of(booted) == "running", booted.exec("systemctl", "--failed").output

    # Its services are where their own systemd put them, with the limits it gave them, and their users are theirs.
    show = booted.exec("systemctl", "show", "-P", "ActiveState", "-P", "MainPID", "sleeper.service").ok().output.split()
    assert "active" in show
    whole = MOUNT_POINT / places(booted.pid)[""].lstrip("/").removesuffix("/init.scope")
    service = whole / "system.slice/sleeper.service"
    pid = (service / "cgroup.procs").read_text().strip()
    assert (service / "memory.max").read_text() == f"{32 << 20}\n"
    assert (service / "pids.max").read_text() == "7\n"
    assert Path(f"/proc/{pid}").stat().st_uid == first_id + 1
    assert whole.stat().st_uid == first_id
    assert booted.exec("cat", "/proc/self/cgroup").ok().output == "0::/init.scope"
    assert pid in booted.runtime("ps", "--format", "json", booted.id).ok().output

    # All of it stops and goes on, and one limit holds for the whole.
    booted.runtime("pause", booted.id).ok()
    assert "frozen 1" in (service / "cgroup.events").read_text()
    booted.runtime("resume", booted.id).ok()
    booted.runtime("update", "--pids-limit", "300", booted.id).ok()
    assert (whole / "pids.max").read_text() == "300\n"

    booted.kill("SIGRTMIN+3").ok()
    wait_for(lambda: booted.status == "stopped", "the end of the shutdown", _SECONDS)
    assert system_tree.order(debian) == ["first up", "second up", "second down", "first down"]
