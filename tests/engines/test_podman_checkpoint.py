"""podman: a container is written to files, and goes on from there, here or under another name."""

from __future__ import annotations

import pytest

from tests.support.engines import HOME, IMAGE, Podman
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.needs("criu"), pytest.mark.timeout(300)]

# Writes a number into a file of a tmpfs, one more each time it is asked to: what it remembers shows.
_COUNTER = "n=0; trap 'n=$((n + 1)); echo $n > /scratch/n' USR1; echo 0 > /scratch/n; while true; do sleep 0.1; done"


@pytest.fixture
def counter(podman: Podman, name: str) -> Iterator[str]:
    """The name of a container that has counted to one."""
    podman("run", "-d", "--name", name, "--network=none", "--tmpfs=/scratch", IMAGE, "sh", "-c", _COUNTER)
    wait_for(lambda: said(podman, name) == "0", "the counter")
    count(podman, name, 1)
    yield name
    podman("rm", "--force", "--ignore", "--time=0", f"{name}-2")


def said(podman: Podman, name: str) -> str:
    return podman.attempt("exec", name, "cat", "/scratch/n").output


def count(podman: Podman, name: str, expected: int) -> None:
    podman("kill", "--signal=USR1", name)
    wait_for(lambda: said(podman, name) == str(expected), f"{name} has counted to {expected}", 20)


def state(podman: Podman, name: str) -> str:
    return podman("inspect", "--format={{.State.Status}} {{.State.Checkpointed}}", name).output


def test_checkpointed_container_goes_on_where_it_was(podman: Podman, counter: str) -> None:
    podman("container", "checkpoint", counter, timeout=120)
    assert state(podman, counter) == "exited true"

    podman("container", "restore", counter, timeout=120)

    assert state(podman, counter).startswith("running")
    count(podman, counter, 2)


@pytest.mark.parametrize(
    "option", [pytest.param("--tcp-established", marks=pytest.mark.needs("iptables")), "--file-locks", "--keep"]
)
def test_options_go_through(podman: Podman, counter: str, option: str) -> None:
    podman("container", "checkpoint", option, counter, timeout=120)
    podman("container", "restore", option, counter, timeout=120)

    count(podman, counter, 2)


def test_container_is_left_running(podman: Podman, counter: str) -> None:
    podman("container", "checkpoint", "--leave-running", counter, timeout=120)

    count(podman, counter, 2)


def test_container_moves_under_another_name(podman: Podman, counter: str) -> None:
    archive = f"{HOME}/shared/checkpoint.tar.gz"
    podman("container", "checkpoint", f"--export={archive}", counter, timeout=120)
    podman("rm", counter)

    podman("container", "restore", f"--import={archive}", f"--name={counter}-2", timeout=120)

    count(podman, f"{counter}-2", 2)


@pytest.mark.needs("criu-track")
def test_memory_is_written_before(podman: Podman, counter: str) -> None:
    before, archive = f"{HOME}/shared/before.tar.gz", f"{HOME}/shared/after.tar.gz"
    podman("container", "checkpoint", "--pre-checkpoint", f"--export={before}", counter, timeout=120)
    count(podman, counter, 2)
    podman("container", "checkpoint", "--with-previous", f"--export={archive}", counter, timeout=120)
    podman("rm", counter)

    words = (f"--import={archive}", f"--import-previous={before}", f"--name={counter}-2")
    podman("container", "restore", *words, timeout=120)

    count(podman, f"{counter}-2", 3)
