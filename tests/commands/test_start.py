"""``start``: a created container runs its program."""

from __future__ import annotations

from tests.support.container import Container
from tests.support.runtime import Runtime


def test_runs_the_program(container: Container) -> None:
    container.bundle.script("echo ran")
    created = container.create().ok()

    container.start().ok()
    container.wait_for_status("stopped")

    assert created.stdout == "ran\n"


def test_says_nothing_on_success(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()

    result = container.start().ok()

    assert (result.stdout, result.stderr) == ("", "")


def test_returns_while_the_program_runs(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()
    pid = container.pid

    container.start().ok()

    assert container.status == "running"
    assert container.pid == pid


def test_refuses_a_running_container(container: Container) -> None:
    container.up()

    container.start().failed("cannot start an already running container")


def test_refuses_a_stopped_container(container: Container) -> None:
    container.create().ok()
    container.kill("KILL").ok()
    container.wait_for_status("stopped")

    container.start().failed("cannot start a container that has stopped")


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("start", "nobody").failed("container does not exist")
