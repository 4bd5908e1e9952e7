"""A day's work: images go through a registry; containers share the networks and volumes they were given, no more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import registry
from tests.support.belongings import Belongings
from tests.support.engines import ENGINES, HOME, IMAGE, Engine, host_pid
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "nat")

_SERVE = "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www"
_SITE = f"""\
FROM {IMAGE}
RUN mkdir -m 700 /www && chown alice /www
COPY --chown=1000 page /www/index.html
RUN ["/bin/chmod", "600", "/www/index.html"]
USER alice
WORKDIR /www
RUN echo "built by $(id -un) in $(pwd)" >>index.html
ENV PORT=8080
EXPOSE 8080
CMD ["sh", "-c", "exec httpd -f -p $PORT"]
"""
_PAGE = "a page\nbuilt by alice in /www"


@pytest.fixture(scope="module")
def beside(docker: Engine, image: Path) -> Iterator[dict[str, Engine]]:
    """Engines in one place, with a registry between them."""
    engines = {name: ENGINES[name](docker.place, docker.runtime) for name in ("podman", "buildah")}
    for engine in engines.values():
        engine.prepare(image)
    with registry.running(docker.place):
        yield {"docker": docker, **engines}


@pytest.mark.needs("registry", "podman", "buildah")
@pytest.mark.parametrize("builder", ["docker", "podman", "buildah"])
def test_image_goes_through_a_registry_to_every_engine(builder: str, beside: dict[str, Engine]) -> None:
    tag, place = f"{registry.ADDRESS}/built-by-{builder}", beside[builder].place
    place.write("site/page", "a page\n")
    place.write("site/Dockerfile", _SITE)

    beside[builder]("build", "--tag", tag, f"{HOME}/site")
    beside[builder]("push", tag)
    beside[builder]("rmi", tag)

    for engine in (beside["docker"], beside["podman"]):
        assert engine("run", "--rm", "--network=none", tag, "cat", "index.html").output == _PAGE


def test_published_port_is_reached_from_beside(made: Belongings) -> None:
    server = made.container("--publish=127.0.0.1::80", "--hostname=server", IMAGE, "sh", "-c", _SERVE)

    url = made.published(server, 80)

    wait_for(lambda: made.fetch(url) == "server", "the page")


def test_containers_of_a_network_find_each_other(made: Belongings) -> None:
    network = made.network()
    options = [f"--network={network}", "--network-alias=other-name", "--name=named"]
    server = made.container(*options, "--hostname=server", IMAGE, "sh", "-c", _SERVE)
    # Debian 12's aardvark-dns does not always answer at once after a container has joined, whatever the runtime.
    soon = ("--dns-opt=timeout:1", "--dns-opt=attempts:1")
    client = made.container(f"--network={network}", *soon, IMAGE, "sleep", "infinity")
    names = (made.address(server), "named", "other-name")

    def get(name: str) -> str:
        return made.engine.attempt("exec", client, "wget", "-q", "-O-", f"http://{name}/").output

    wait_for(lambda: {get(name) for name in names} == {"server"}, "the server, by all its names", 60)


def test_networks_are_apart_until_a_container_is_in_both(made: Belongings) -> None:
    apart = [] if made.engine.name == "docker" else ["--opt=isolate=true"]
    here, there = made.network(*apart), made.network(*apart)
    server = made.container(f"--network={there}", IMAGE, "sh", "-c", _SERVE)
    address = made.address(server)
    client = made.container(f"--network={here}", IMAGE, "sleep", "infinity")

    assert not made.reaches(client, address)
    made.engine("network", "connect", there, client)
    wait_for(lambda: made.reaches(client, address), "the other network")
    made.engine("network", "disconnect", there, client)
    assert not made.reaches(client, address)


def test_containers_share_no_namespace_with_each_other_or_the_engine(made: Belongings) -> None:
    containers = [made.container(IMAGE, "sleep", "infinity") for _ in range(2)]
    pids = [made.engine.place.pid, *(host_pid(container) for container in containers)]

    for name in ("mnt", "uts", "ipc", "pid", "net"):
        assert len({os.readlink(f"/proc/{pid}/ns/{name}") for pid in pids}) == 3, name


def test_containers_see_nothing_of_each_other(made: Belongings) -> None:
    secret = "echo secret >/$0; exec sleep infinity"  # noqa: S105
    first = made.container("--hostname=first", IMAGE, "sh", "-c", secret, "mine")
    second = made.container("--hostname=second", IMAGE, "sh", "-c", secret, "its")
    wait_for(lambda: made.engine.attempt("exec", second, "test", "-e", "/its").status == 0, "the file")

    assert made.execute(second, "hostname") == "second"
    assert made.execute(second, "ps", "-o", "args").splitlines() == ["COMMAND", "sleep infinity", "ps -o args"]
    made.engine.attempt("exec", second, "test", "-e", "/mine").failed()
    made.engine.attempt("exec", second, "kill", "-KILL", "-1").failed("No such process")
    assert made.inspect(first, "{{.State.Running}}") == "true"


def test_volume_is_shared_and_outlives_its_containers(made: Belongings) -> None:
    volume = made.volume()
    read = ["run", "--rm", "--network=none", f"--volume={volume}:/kept:ro", IMAGE]
    keep = f"--volume={volume}:/kept"
    made.engine("run", "--rm", "--network=none", keep, IMAGE, "sh", "-c", "echo word >/kept/file")
    writer = made.container(keep, IMAGE, "sleep", "infinity")

    made.execute(writer, "sh", "-c", "echo another >>/kept/file")

    assert made.engine(*read, "cat", "/kept/file").output == "word\nanother"
    assert "Read-only" in made.engine.attempt(*read, "touch", "/kept/file").failed().stderr


def test_container_over_its_memory_is_killed_alone(made: Belongings) -> None:
    neighbour = made.container(IMAGE, "sleep", "infinity")
    greed = "tail /dev/zero; echo tail ended with $?; exec sleep infinity"
    greedy = made.container("--memory=32m", "--memory-swap=32m", IMAGE, "sh", "-c", greed)

    wait_for(lambda: made.engine("logs", greedy).output == "tail ended with 137", "the end of the greedy program")
    assert made.inspect(greedy, "{{.State.Running}}") == "true"
    if made.engine.name == "docker":  # Debian 12's conmon tells podman nothing of it, with any runtime
        events = ["events", "--since=0", "--until=0s", "--filter=event=oom", f"--filter=container={greedy}"]
        wait_for(lambda: made.engine(*events).output, "the news at the engine")
        made.engine("kill", greedy)
        made.engine("wait", greedy)
        assert made.inspect(greedy, "{{.State.OOMKilled}}") == "true"
    assert made.inspect(neighbour, "{{.State.Running}}") == "true"


def test_container_over_its_pids_forks_no_more(made: Belongings) -> None:
    bomb = "for i in $(seq 50); do sleep infinity & done"

    finished = made.engine.attempt("run", "--rm", "--pids-limit=20", IMAGE, "sh", "-c", bomb)

    assert "can't fork" in finished.failed(status=2).stderr
