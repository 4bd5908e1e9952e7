"""What the machine may be out of, and callers that do not listen: a clear line within a bound, and nothing is left."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess

import pytest

from tests.support.container import leftovers
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bundle import Bundle
    from tests.support.container import Container
    from tests.support.hook import HookScript
    from tests.support.runtime import Result, Runtime

pytestmark = [pytest.mark.needs("root"), pytest.mark.differs("other runtimes leave more, and say less")]


def on_tmpfs(path: Path, options: str, then: str = "true") -> list[str]:
    """What runs a command in a mount namespace in which *path* is a tmpfs, after the shell script *then*."""
    path.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && cd "$0" && {then} && exec "$@"'
    return ["unshare", "--mount", "sh", "-ec", script, str(path)]


def clear(result: Result, *texts: str) -> None:
    """One line with *texts*, and status 1."""
    result.failed(*texts)
    assert result.stderr.count("\n") == 1
    assert "internal error" not in result.stderr


def test_create_says_that_the_disk_of_its_root_is_full(container: Container, runtime: Runtime) -> None:
    full = on_tmpfs(runtime.root, "size=4k", "! head -c 4096 /dev/zero > filler 2> filled || true")

    clear(container.create(prefix=full), "no space left on device")


def test_create_says_that_its_root_is_read_only(container: Container, runtime: Runtime) -> None:
    clear(container.create(prefix=on_tmpfs(runtime.root, "ro")), "Read-only file system")


def test_create_undoes_all_when_the_pid_file_finds_no_room(container: Container, place: Path) -> None:
    full = on_tmpfs(place / "full", "size=4k", "! head -c 4096 /dev/zero > filler 2> filled || true")

    clear(container.create("--pid-file", place / "full/pid", prefix=full), "no space left on device")


@pytest.mark.parametrize("number", [4, 6, 9, 14, 20, 24])
def test_create_says_that_it_may_open_no_more_files(container: Container, number: int) -> None:
    result = container.create(prefix=["prlimit", f"--nofile={number}:1024"])

    if result.status:
        clear(result)


@pytest.mark.parametrize("megabytes", [24, 32, 48])
def test_create_ends_when_it_may_have_no_more_memory(container: Container, runtime: Runtime, megabytes: int) -> None:
    result = container.create(prefix=["prlimit", f"--as={megabytes << 20}"])

    if result.status:
        assert "Traceback" not in result.stderr
        assert leftovers(runtime, container.id) == {}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_create_needs_no_streams(container: Container, closed: str) -> None:
    container.create(prefix=["sh", "-c", f'exec "$@" {closed}', "sh"]).ok()

    assert container.status == "created"


def test_a_failure_is_a_failure_when_nobody_reads_of_it(runtime: Runtime, bundle: Bundle) -> None:
    with open("/dev/full", "wb") as full:
        words = runtime.command("state", "missing")
        assert subprocess.run(words, stdout=full, stderr=full, check=False).returncode == 1


def test_success_that_cannot_be_written_is_a_failure(container: Container) -> None:
    container.create().ok()
    with open("/dev/full", "wb") as full:
        words = container.runtime.command("state", container.id)
        said = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert said.returncode == 1
    assert said.stderr.lower().count("no space left on device") == 1


def test_a_pipe_that_is_full_and_does_not_block_costs_the_message_alone(runtime: Runtime) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, bytes(4096))
    try:
        words = runtime.command("state", "missing")
        assert subprocess.run(words, stderr=writer, check=False).returncode == 1
    finally:
        os.close(reader)
        os.close(writer)


def test_a_console_socket_that_nobody_reads_holds_nobody_up(container: Container, bundle: Bundle, place: Path) -> None:
    bundle.process["terminal"] = True
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "console"))
        listener.listen()

        container.create("--console-socket", place / "console").ok()

        assert container.status == "created"


def test_a_console_socket_with_nobody_behind_it_is_named(container: Container, bundle: Bundle, place: Path) -> None:
    bundle.process["terminal"] = True
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(place / "console"))

    clear(container.create("--console-socket", place / "console"), "console socket", "connection refused")


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_what_a_hook_floods_us_with_does_not_fill_memory(
    container: Container, bundle: Bundle, hook_script: HookScript, kind: str
) -> None:
    script = ["/bin/sh", "-c", "head -c 200000000 /dev/zero | tr '\\0' x; echo the end >&2; exit 3"]
    bundle.config["hooks"] = {kind: [{"path": "/bin/sh", "args": script, "env": [f"PATH={os.environ['PATH']}"]}]}

    result = container.create(prefix=["prlimit", f"--as={400 << 20}"])

    result.failed("the end")
    assert len(result.stderr) < 10_000


def test_delete_ends_a_frozen_container(container: Container) -> None:
    container.up()
    container.runtime("pause", container.id).ok()

    container.delete("--force").ok()


def test_a_notify_socket_that_nobody_reads_holds_nobody_up(container: Container, bundle: Bundle, place: Path) -> None:
    bundle.script("sleep 1000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place / "notify"))
        environment = {**os.environ, "NOTIFY_SOCKET": str(place / "notify")}
        container.create(env=environment).ok()
        start = container.runtime.spawn("start", container.id, env=environment)
        container.wait_for_status("running")

        container.delete("--force").ok()

        assert start.wait(20 * PATIENCE) == 0
        start.communicate()
