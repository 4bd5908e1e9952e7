"""Containers that outlive dockerd, and a daemon whose containers have user namespaces."""

from __future__ import annotations

import signal

import pytest

from tests.support import engines
from tests.support.docker import DockerContainer
from tests.support.engines import Docker, Place
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("root", "docker")


@pytest.fixture
def daemon(image: Path, program: str, tmp_path: Path) -> Iterator[Callable[..., Docker]]:
    """A maker of a daemon with settings of its own, in a place of its own."""
    with Place(tmp_path) as place:
        docker = Docker(place, program)

        def start(**settings: object) -> Docker:
            docker.prepare(image, **{name.replace("_", "-"): value for name, value in settings.items()})
            return docker

        yield start
        docker.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_containers_live_on_without_their_daemon(daemon: Callable[..., Docker], number: int) -> None:
    docker = daemon(live_restore=True)
    box = DockerContainer(docker, "box").up()
    pid = engines.host_pid(box.id)

    docker.end(number)
    docker.start(**{"live-restore": True})

    assert box.state["Running"]
    assert engines.host_pid(box.id) == pid
    assert box.execute("echo", "still").output == "still"
    box("stop")
    assert box.state["ExitCode"] == 7


def test_containers_end_with_their_daemon_and_come_back_when_asked(daemon: Callable[..., Docker]) -> None:
    docker = daemon()
    box = DockerContainer(docker, "box").up("--restart=always")
    pid = engines.host_pid(box.id)

    docker.end()
    docker.start()

    wait_for(lambda: box.state["Running"], "the container")
    assert engines.host_pid(box.id) != pid
    box.remove()
    assert not box.leftovers()


@pytest.mark.needs("userns")
def test_containers_have_user_namespaces_when_the_daemon_remaps(daemon: Callable[..., Docker]) -> None:
    docker = daemon(userns_remap="default")
    look = "awk '{ print $1, $3 }' /proc/self/uid_map; stat -c %u:%g /bin/busybox; touch /new && stat -c %u /new"
    box = DockerContainer(docker, "box").up("-v", "/volume", "--tmpfs=/scratch")

    assert DockerContainer(docker, "other").run("sh", "-c", look).output.splitlines() == ["0 65536", "0:0", "0"]
    assert box.execute("sh", "-c", look).output.splitlines() == ["0 65536", "0:0", "0"]
    assert box.execute("touch", "/volume/x", "/scratch/x").status == 0
    box("stop")
    assert box.state["ExitCode"] == 7
    box.remove()
    assert not box.leftovers()


@pytest.mark.needs("userns")
def test_one_container_may_keep_the_hosts_users(daemon: Callable[..., Docker]) -> None:
    docker = daemon(userns_remap="default")
    script = "awk '{ print $1, $2, $3 }' /proc/self/uid_map"

    assert DockerContainer(docker, "box").run("sh", "-c", script, options=("--userns=host",)).output == "0 0 4294967295"
