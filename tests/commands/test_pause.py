"""``pause`` and ``resume``: all processes of a container stand still, and go on."""

from __future__ import annotations

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]


@pytest.fixture
def counting(container: Container) -> Container:
    """A container that counts in a file."""
    container.bundle.script("i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.02; done")
    container.up().wait_for_file("/count")
    return container


def _count(container: Container) -> str:
    return (container.bundle.rootfs / "count").read_text()


def test_stops_every_process(counting: Container) -> None:
    counting.runtime("pause", counting.id).ok()

    before = _count(counting)
    counting.state()  # takes longer than three rounds of the container's loop
    counting.state()

    assert counting.status == "paused"
    assert _count(counting) == before


def test_goes_on_after_resume(counting: Container) -> None:
    counting.runtime("pause", counting.id).ok()
    before = _count(counting)

    counting.runtime("resume", counting.id).ok()

    assert counting.status == "running"
    wait_for(lambda: _count(counting) not in {"", before})


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_says_nothing_on_success(counting: Container, command: str) -> None:
    if command == "resume":
        counting.runtime("pause", counting.id).ok()

    result = counting.runtime(command, counting.id).ok()

    assert (result.stdout, result.stderr) == ("", "")


def test_kills_a_paused_container(counting: Container) -> None:
    counting.runtime("pause", counting.id).ok()

    counting.kill("KILL").ok()

    counting.wait_for_status("stopped")


def test_refuses_to_resume_what_is_not_paused(counting: Container) -> None:
    counting.runtime("resume", counting.id).failed("container not paused")


@pytest.mark.parametrize(("command", "text"), [("pause", "container not running"), ("resume", "container not paused")])
def test_refuses_a_stopped_container(container: Container, command: str, text: str) -> None:
    container.run("--keep").ok()

    container.runtime(command, container.id).failed(text)


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_refuses_a_missing_container(runtime: Runtime, command: str) -> None:
    runtime(command, "nobody").failed("container does not exist")
