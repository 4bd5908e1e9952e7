"""``checkpoint``: criu writes the state of a container to files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pyoci
from pyoci.syscalls import process
from tests.support.checkpoints import Images
from tests.support.container import Container
from tests.support.pipes import COUNTER, Pipes
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.hook import HookScript
    from tests.support.runtime import Runtime

# Echoes what it hears, through a TCP connection to itself.
_CONNECTED = "nc -l -p 8000 -e cat & until nc 127.0.0.1 8000 2>/dev/null; do :; done"
_criu = pytest.mark.needs("criu")
pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def counter(container: Container, pipes: Pipes) -> Container:
    """A container that has counted to one."""
    container.bundle.script(COUNTER)
    container.run("--detach", **pipes.streams).ok()
    assert pipes.ask("a") == "1 a"
    return container


@_criu
def test_ends_the_container_and_deletes_it(
    container: Container, pipes: Pipes, images: Images, hook_script: Callable[..., HookScript]
) -> None:
    poststop = hook_script("echo stopped")
    container.bundle.config["hooks"] = {"poststop": [poststop.entry()]}
    container.bundle.args("cat")
    container.run("--detach", **pipes.streams).ok()
    pid = container.pid

    images.take(container).ok()

    assert (images.path / "inventory.img").exists()
    assert [link.partition(":")[0] for link in json.loads(images.log("descriptors.json"))] == ["pipe"] * 3
    container.runtime("state", container.id).failed("does not exist")
    assert not os.path.exists(f"/proc/{pid}/root/proc")
    assert poststop.text() == "stopped\n"


@_criu
def test_leaves_the_container_running_when_asked_to(counter: Container, pipes: Pipes, images: Images) -> None:
    images.take(counter, "--leave-running").ok()

    assert counter.status == "running"
    assert pipes.ask("b") == "2 b"


@pytest.mark.needs("criu-track")
def test_writes_only_changed_pages_after_a_pre_dump(counter: Container, pipes: Pipes, place: Path) -> None:
    first, second = Images(place / "first"), Images(place / "second")
    first.take(counter, "--pre-dump").ok()
    assert pipes.ask("b") == "2 b"

    second.take(counter, "--parent-path", "../first").ok()

    assert os.readlink(second.path / "parent") == "../first"
    with Pipes() as streams:
        second.restore(counter, "--detach", **streams.streams).ok()
        assert streams.ask("c") == "3 c"


@_criu
def test_says_criu_s_own_reason_and_lets_the_container_go_on(
    container: Container, pipes: Pipes, images: Images, place: Path
) -> None:
    container.bundle.script(_CONNECTED)
    container.run("--detach", **pipes.streams).ok()
    assert pipes.ask("a") == "a"

    failed = images.take(container, "--work-path", place / "logs")

    failed.failed("criu failed: type DUMP errno", "tcp-established")

    assert f"(log file: {place}/logs/dump.log)" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert container.status == "running"
    assert pipes.ask("b") == "b"


@_criu
@pytest.mark.needs("iptables")
def test_keeps_tcp_connections_when_asked_to(container: Container, pipes: Pipes, images: Images) -> None:
    container.bundle.script(_CONNECTED)
    container.run("--detach", **pipes.streams).ok()
    assert pipes.ask("a") == "a"

    images.take(container, "--tcp-established").ok()

    with Pipes() as streams:
        images.restore(container, "--detach", "--tcp-established", **streams.streams).ok()
        assert streams.ask("b") == "b"


@_criu
def test_takes_a_paused_container(counter: Container, images: Images) -> None:
    counter.runtime("pause", counter.id).ok()

    images.take(counter).ok()

    with Pipes() as pipes:
        images.restore(counter, "--detach", **pipes.streams).ok()
        assert pipes.ask("b") == "2 b"


@_criu
@pytest.mark.needs("sys_resource")
def test_leaves_memory_behind_until_it_is_asked_for(
    counter: Container, images: Images, new_id: Callable[[], str]
) -> None:
    ready, told = os.pipe()
    words = ("checkpoint", "--image-path", images.path, "--lazy-pages", "--page-server", "127.0.0.1:27277")
    source = counter.runtime.spawn(*words, "--status-fd", str(told), counter.id, pass_fds=[told],
                                   start_new_session=True)
    os.close(told)
    assert os.read(ready, 2) == b"\0"
    os.close(ready)
    options = ("--page-server", "--address", "127.0.0.1", "--port", "27277", "--images-dir", images.path)
    daemon = subprocess.Popen(["criu", "lazy-pages", *options], start_new_session=True)
    wait_for((images.path / "lazy-pages.socket").exists, "the daemon that fetches pages")
    other = Container(counter.runtime, counter.bundle, new_id())
    try:
        with Pipes() as pipes:
            images.restore(other, "--detach", "--lazy-pages", **pipes.streams).ok()
            assert pipes.ask("b") == "2 b"
        assert (source.wait(60), daemon.wait(60)) == (0, 0)
    finally:
        for process in (source, daemon):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            print(process.communicate())
        print(images.log("dump.log")[-3000:])
        other.remove()


# The runtime, as a library; it dies where criu tells it that the container is frozen.
_DYING = """
import os, signal, sys
import pyoci
from pyoci.runtime import checkpoint

def die(script, _options):
    if script == "network-lock":
        print(open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

checkpoint._meet = die
pyoci.checkpoint(sys.argv[1], sys.argv[2], image_path=sys.argv[3])
"""


@_criu
@pytest.mark.differs("about pyoci's own library")
def test_criu_gives_up_and_ends_when_the_runtime_is_killed(
    counter: Container, pipes: Pipes, images: Images, runtime: Runtime
) -> None:
    """Nobody may kill it along: the container's processes are stopped, and it has code of its own in them."""
    words = [sys.executable, "-c", _DYING, str(runtime.root), counter.id, str(images.path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(pyoci.__file__).parents[1])}

    died = subprocess.run(words, stdout=subprocess.PIPE, text=True, env=environment, check=False)

    assert died.returncode == -signal.SIGKILL
    (criu,) = map(int, died.stdout.split())
    wait_for(lambda: (process.stat(criu) or [b"Z"])[0] == b"Z", "the end of criu")
    assert counter.status == "running"
    assert pipes.ask("b") == "2 b"
    images.take(counter).ok()


@_criu
@pytest.mark.parametrize("status", ["created", "stopped"])
def test_refuses_a_container_that_does_not_run(container: Container, images: Images, status: str) -> None:
    container.create().ok()
    if status == "stopped":
        container.kill("KILL").ok()
        container.wait_for_status("stopped")

    images.take(container).failed(f"cannot be checkpointed in {status} state")


@pytest.mark.needs("no-criu")
@pytest.mark.differs("runc looks for criu first")
def test_says_that_criu_is_missing(container: Container, images: Images) -> None:
    container.up()

    images.take(container).failed('executable file not found in $PATH: "criu"')

    assert container.status == "running"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (("--status-fd", "77"), "invalid --status-fd argument 77"),
        (("--page-server", "nowhere"), "use --page-server ADDRESS:PORT"),
        (("--parent-path", "/absolute"), "--parent-path must be relative"),
        (("--parent-path", "missing"), "invalid --parent-path"),
        (("--empty-ns", "user"), 'namespace "user" is not supported'),
        (("--manage-cgroups-mode", "wild"), "manage-cgroups-mode"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
@pytest.mark.differs("our words")
def test_refuses_nonsense(container: Container, images: Images, option: tuple[str, ...], text: str) -> None:
    container.up()

    images.take(container, *option).failed(text)

    assert container.status == "running"


def test_does_not_know_a_container(runtime: Runtime) -> None:
    runtime("checkpoint", "nobody").failed("does not exist")
