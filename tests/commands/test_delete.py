"""``delete``: nothing of the container remains."""

from __future__ import annotations

import pytest

from tests.support.container import Container, leftovers
from tests.support.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def stopped(container: Container) -> Container:
    """The container, after its end."""
    container.up().kill("KILL").ok()
    container.wait_for_status("stopped")
    return container


def test_leaves_nothing_of_a_stopped_container(container: Container) -> None:
    stopped(container).delete().ok()

    assert leftovers(container.runtime, container.id) == {}


def test_makes_the_id_free_again(container: Container) -> None:
    stopped(container).delete().ok()

    container.create().ok()


def test_ends_and_deletes_a_created_container(container: Container) -> None:
    container.create().ok()

    container.delete().ok()

    assert leftovers(container.runtime, container.id) == {}


def test_refuses_a_running_container(container: Container) -> None:
    container.up().delete().failed(f"cannot delete container {container.id} that is not stopped: running")

    assert container.status == "running"


@pytest.mark.varies("cgroup2")
def test_refuses_a_paused_container(container: Container) -> None:
    container.up()
    container.runtime("pause", container.id).ok()

    container.delete().failed("that is not stopped: paused")


@pytest.mark.parametrize("option", ["--force", "-f"])
def test_ends_a_running_container_by_force(container: Container, option: str) -> None:
    container.up().delete(option).ok()

    assert leftovers(container.runtime, container.id) == {}


@pytest.mark.varies("cgroup2")
def test_ends_a_paused_container_by_force(container: Container) -> None:
    container.up()
    container.runtime("pause", container.id).ok()

    container.delete("--force").ok()

    assert leftovers(container.runtime, container.id) == {}


def test_ends_every_process_without_a_pid_namespace_by_force(container: Container) -> None:
    container.bundle.without_namespace("pid")
    container.bundle.script("sleep 1000 & echo up >/up; wait")
    container.up().wait_for_file("/up")

    container.delete("--force").ok()

    assert leftovers(container.runtime, container.id) == {}


def test_says_nothing_about_a_missing_container_by_force(runtime: Runtime) -> None:
    result = runtime("delete", "--force", "nobody").ok()

    assert (result.stdout, result.stderr) == ("", "")


def test_removes_a_directory_without_a_state_by_force(container: Container) -> None:
    """What a runtime leaves that was killed in the middle of create."""
    directory = container.runtime.root / container.id
    directory.mkdir(parents=True)

    container.delete("--force").ok()

    assert not directory.exists()


@pytest.mark.differs("crun's option; runc has none")
def test_deletes_every_container_that_matches(new_container: Callable[[], Container]) -> None:
    first, second, other = new_container(), new_container(), new_container()
    for container in (first, second, other):
        container.create().ok()

    first.runtime("delete", "--regex", f"({first.id}|{second.id})$").ok()

    assert first.runtime("list", "-q").ok().stdout.split() == [other.id]


@pytest.mark.differs("crun's option; runc has none")
def test_tells_which_of_those_that_match_it_cannot_delete(new_container: Callable[[], Container]) -> None:
    running, created = new_container().up(), new_container()
    created.create().ok()

    result = running.runtime("delete", "-r", f"^({running.id}|{created.id})$")

    result.failed(f"cannot delete container {running.id} that is not stopped: running")
    assert running.runtime("list", "-q").ok().stdout.split() == [running.id]


@pytest.mark.differs("crun's option; runc has none")
def test_says_nothing_when_nothing_matches(container: Container) -> None:
    container.create().ok()

    result = container.runtime("delete", "--force", "--regex", "^no-such-").ok()

    assert (result.stdout, result.stderr) == ("", "")
    assert container.status == "created"


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("delete", "nobody").failed("container does not exist")


def test_says_nothing_on_success(container: Container) -> None:
    result = stopped(container).delete().ok()

    assert (result.stdout, result.stderr) == ("", "")
