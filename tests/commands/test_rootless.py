"""The whole life of a container for a user without any privilege."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime

pytestmark = pytest.mark.needs("root", "userns")  # root, to become somebody else

_USER = 1234


@pytest.fixture
def as_user(container: Container, place: Path) -> dict[str, Any]:
    """Keywords that run the runtime as somebody whose files are the bundle's."""
    container.bundle.rootless(_USER, _USER).write()
    place.chmod(0o777)
    for path in (container.bundle.path, *container.bundle.path.rglob("*")):
        os.lchown(path, _USER, _USER)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(place)}
    return {"user": _USER, "group": _USER, "extra_groups": [], "env": environment}


def start_to_finish(container: Container, as_user: dict[str, Any]) -> None:
    """Create, start, look, kill and delete."""
    runtime: Runtime = container.runtime
    runtime("create", "-b", container.bundle.path, container.id, **as_user).ok()
    runtime("start", container.id, **as_user).ok()
    assert '"status": "running"' in runtime("state", container.id, **as_user).ok().stdout
    assert runtime("exec", container.id, "id", "-u", **as_user).ok().stdout == "0\n"
    runtime("kill", container.id, "KILL", **as_user).ok()
    runtime("delete", "--force", container.id, **as_user).ok()


def run(container: Container, as_user: dict[str, Any], script: str) -> str:
    """What *script* prints in the container."""
    container.bundle.script(script)
    (container.bundle.path / "config.json").unlink()
    container.bundle.write()
    return container.runtime("run", "-b", container.bundle.path, container.id, **as_user).ok().output


def test_is_root_inside_and_the_user_outside(container: Container, as_user: dict[str, Any]) -> None:
    assert run(container, as_user, "id -u; awk '{print $1, $2, $3}' /proc/self/uid_map") == f"0\n0 {_USER} 1"


def test_lives_a_whole_life(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.args("sleep", "1000")
    (container.bundle.path / "config.json").unlink()
    container.bundle.write()

    start_to_finish(container, as_user)


def test_writes_into_its_own_root(container: Container, as_user: dict[str, Any]) -> None:
    run(container, as_user, "echo mine >/mine")

    assert (container.bundle.rootfs / "mine").stat().st_uid == _USER


def test_runs_what_spec_writes(container: Container, as_user: dict[str, Any], place: Path) -> None:
    (place / "new").mkdir(mode=0o777)
    (place / "new").chmod(0o777)

    container.runtime("spec", "--rootless", "--bundle", place / "new", **as_user).ok()

    assert f'"hostID": {_USER}' in (place / "new/config.json").read_text()


@pytest.mark.differs("runc's words are others")
def test_says_why_nothing_is_limited_or_counted(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.args("sleep", "1000")
    (container.bundle.path / "config.json").unlink()
    runtime = container.runtime
    runtime("run", "--detach", "-b", container.bundle.write(), container.id, **as_user).ok()

    reason = "cannot set pids limit: container could not join or create cgroup"
    runtime("update", "--pids-limit", "5", container.id, **as_user).failed(reason)
    runtime("events", "--stats", container.id, **as_user).failed("has no cgroup: nothing is counted")

    runtime("delete", "--force", container.id, **as_user).ok()
