"""``kill``: a signal for the container's init."""

from __future__ import annotations

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TRAPS = """
for s in HUP INT TERM USR1 USR2; do trap "echo got $s >/got; exit" $s; done
echo up >/up
while :; do sleep 0.05; done
"""


def listening(container: Container) -> Container:
    """The container, running a shell that writes down which signal ends it."""
    container.bundle.script(_TRAPS)
    container.up().wait_for_file("/up")
    return container


@pytest.mark.parametrize(
    ("signal", "name"),
    [("TERM", "TERM"), ("SIGUSR1", "USR1"), ("12", "USR2"), ("1", "HUP"), ("INT", "INT"), ("usr1", "USR1")],
)
def test_sends_the_signal(container: Container, signal: str, name: str) -> None:
    listening(container).kill(signal).ok()

    container.wait_for_status("stopped")

    assert (container.bundle.rootfs / "got").read_text() == f"got {name}\n"


def test_sends_term_unless_told_otherwise(container: Container) -> None:
    listening(container).kill().ok()

    assert container.wait_for_file("/got") == "got TERM\n"


@pytest.mark.differs("runc knows no real-time signals by name")
@pytest.mark.parametrize("signal", ["SIGRTMIN+3", "RTMIN+3", "37"])
def test_sends_real_time_signals(container: Container, signal: str) -> None:
    """systemd as init takes SIGRTMIN+3 for a clean shutdown."""
    container.bundle.script("trap 'echo got >/got; exit' 37; echo up >/up; while :; do sleep 0.05; done")
    container.up().wait_for_file("/up")

    container.kill(signal).ok()

    container.wait_for_file("/got")


@pytest.mark.parametrize("signal", ["NONSENSE", "SIG", "TERM9", "9x"])
def test_refuses_an_unknown_signal(container: Container, signal: str) -> None:
    container.up().kill(signal).failed(f'unknown signal "{signal}"')

    assert container.status == "running"


def test_ends_a_running_container(container: Container) -> None:
    container.up().kill("KILL").ok()

    container.wait_for_status("stopped")


def test_ends_a_created_container(container: Container) -> None:
    container.create().ok()

    container.kill("KILL").ok()

    container.wait_for_status("stopped")


def test_refuses_a_stopped_container(container: Container) -> None:
    container.up().kill("KILL").ok()
    container.wait_for_status("stopped")

    container.kill("KILL").failed("container not running")


@pytest.mark.parametrize("option", ["--all", "-a"])
def test_takes_all_for_a_stopped_container(container: Container, option: str) -> None:
    container.up().kill("KILL").ok()
    container.wait_for_status("stopped")

    container.runtime("kill", option, container.id, "KILL").ok()


def test_reaches_every_process_with_all(container: Container) -> None:
    container.bundle.without_namespace("pid")
    container.bundle.script("sleep 1000 & echo up >/up; wait")
    container.up().wait_for_file("/up")

    container.runtime("kill", "--all", container.id, "9").ok()

    container.wait_for_status("stopped")


@pytest.mark.differs("crun's option; runc has none")
@pytest.mark.parametrize("option", ["--regex", "-r"])
def test_reaches_every_container_that_matches(new_container: Callable[[], Container], option: str) -> None:
    first, second, other = (new_container().up() for _ in range(3))

    first.runtime("kill", option, f"({first.id}|{second.id})$", "KILL").ok()

    first.wait_for_status("stopped")
    second.wait_for_status("stopped")
    assert other.status == "running"


@pytest.mark.differs("crun's option; runc has none")
def test_goes_on_to_the_next_when_one_that_matches_is_stopped(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.run("--keep").ok()
    second.up()

    result = first.runtime("kill", "--regex", f"^({first.id}|{second.id})$", "KILL")

    result.failed(f"{first.id}: container not running")
    assert second.id not in result.stderr
    second.wait_for_status("stopped")


@pytest.mark.differs("crun's option; runc has none")
@pytest.mark.parametrize(("pattern", "text"), [("(", 'invalid regular expression "("'), ("", "empty")])
def test_refuses_a_wrong_pattern(container: Container, pattern: str, text: str) -> None:
    container.up()

    container.runtime("kill", "--regex", pattern, "KILL").failed(text)

    assert container.status == "running"


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("kill", "nobody", "KILL").failed("container does not exist")


def test_says_nothing_on_success(container: Container) -> None:
    result = container.up().kill("KILL").ok()

    assert (result.stdout, result.stderr) == ("", "")
