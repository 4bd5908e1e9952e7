"""``state``: one JSON document about a container."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime
from tests.support.waiting import wait_for


def test_tells_what_the_specification_demands(container: Container) -> None:
    container.bundle.config["annotations"] = {"org.example.key": "value"}
    container.create().ok()

    state = container.state()

    assert state["ociVersion"].startswith("1.")
    assert state["id"] == container.id
    assert state["status"] == "created"
    assert os.path.isdir(f"/proc/{state['pid']}")
    assert state["bundle"] == str(container.bundle.path)
    assert state["annotations"] == {"org.example.key": "value"}


def test_tells_what_callers_of_runc_read_too(container: Container) -> None:
    container.create().ok()

    state = container.state()

    assert state["rootfs"] == str(container.bundle.rootfs)
    assert "owner" in state
    created = dt.datetime.fromisoformat(state["created"][:19] + "+00:00")
    assert abs(dt.datetime.now(dt.UTC) - created) < dt.timedelta(minutes=5)
    assert state["created"].endswith("Z")


def test_prints_nothing_but_the_document(container: Container) -> None:
    """go-runc parses standard output and standard error together."""
    container.create().ok()

    result = container.runtime("state", container.id).ok()

    assert result.stderr == ""
    assert json.loads(result.stdout)
    assert result.stdout.startswith('{\n  "ociVersion": ')


def test_follows_the_life_of_the_container(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    seen = []

    container.create().ok()
    seen.append(container.status)
    container.start().ok()
    seen.append(container.status)
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    seen.append(container.status)

    assert seen == ["created", "running", "stopped"]
    assert container.pid == 0


@pytest.mark.needs("root")
@pytest.mark.differs("runc says that it is created, or runs")
def test_is_stopped_when_init_cannot_end_because_nobody_collects_what_runs_beside_it(container: Container) -> None:
    container.create().ok()
    pid = container.pid
    with container.runtime.spawn("exec", container.id, "sleep", "1000") as beside:
        wait_for(lambda: "sleep 1000" in container.runtime("ps", container.id).output, "the program of exec")
        beside.send_signal(signal.SIGSTOP)
        try:
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not os.listdir(f"/proc/{pid}/fd"), "init to close its descriptors")
            assert container.status == "stopped"
        finally:
            beside.send_signal(signal.SIGCONT)
        assert beside.wait() == 128 + signal.SIGKILL


def test_fails_without_output_for_a_missing_container(runtime: Runtime) -> None:
    result = runtime("state", "nobody").failed("container does not exist")

    assert result.stdout == ""


@pytest.mark.differs("runc 1.1 believes the container to be there and stopped")
def test_fails_for_a_state_that_is_not_json(container: Container) -> None:
    container.create().ok()
    state = container.runtime.root / container.id / "state.json"
    text = state.read_text()
    state.write_text(text[:20])

    result = container.runtime("state", container.id)
    state.write_text(text)

    result.failed(container.id, "damaged")


@pytest.mark.parametrize("args", [(), ("a", "b")], ids=["none", "two"])
def test_wants_exactly_one_id(runtime: Runtime, args: tuple[str, ...]) -> None:
    runtime("state", *args).failed('"state" requires exactly 1 argument')
