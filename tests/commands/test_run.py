"""``run``: create, start, and in the foreground wait, forward and delete."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.container import Container, cgroups_named, leftovers
from tests.support.terminal import ConsoleSocket, Terminal, open_terminal
from tests.support.waiting import PATIENCE, wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.runtime import Runtime

_WITH_FILE_AS_3 = ("sh", "-c", 'exec "$@" 3</etc/hostname', "-")
_ACTIVATED = "export LISTEN_FDS=1 LISTEN_PID=$$; "


@pytest.mark.parametrize("status", [0, 1, 3, 126, 127, 255])
def test_returns_the_programs_status(container: Container, status: int) -> None:
    container.bundle.script(f"exit {status}")

    assert container.run().status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGUSR1])
def test_returns_128_and_the_signal_that_ended_the_program(container: Container, number: signal.Signals) -> None:
    container.bundle.without_namespace("pid")  # in one of its own, init does not take its own signals
    container.bundle.script(f"kill -{number.value} $$")

    assert container.run().status == 128 + number


def test_keeps_output_and_errors_apart(container: Container) -> None:
    container.bundle.script("echo out; echo err >&2")

    result = container.run().ok()

    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_passes_standard_input_on(container: Container) -> None:
    container.bundle.args("tr", "a-z", "A-Z")

    assert container.run(stdin="text").ok().stdout == "TEXT"


def test_leaves_nothing_in_the_foreground(container: Container) -> None:
    container.run().ok()

    assert leftovers(container.runtime, container.id) == {}


def test_leaves_nothing_when_the_program_is_missing(container: Container) -> None:
    container.bundle.args("no-such-program")

    container.run().failed("executable file not found in $PATH")

    assert leftovers(container.runtime, container.id) == {}


def test_keeps_the_container_when_told_to(container: Container) -> None:
    container.run("--keep").ok()

    assert container.status == "stopped"
    container.delete().ok()
    assert leftovers(container.runtime, container.id) == {}


def test_keeps_the_cgroup_until_delete(container: Container) -> None:
    """BuildKit reads memory.events after the program's end."""
    container.run("--keep").ok()

    assert cgroups_named(container.id)


@pytest.mark.parametrize("option", ["--detach", "-d"])
def test_returns_at_once_when_detached(container: Container, option: str) -> None:
    container.bundle.args("sleep", "1000")

    container.run(option).ok()

    assert container.status == "running"


def test_says_nothing_when_detached(container: Container) -> None:
    container.bundle.args("sleep", "1000")

    result = container.run("-d").ok()

    assert (result.stdout, result.stderr) == ("", "")


def test_writes_the_pid_as_digits_alone(container: Container, place: Path) -> None:
    container.up("--pid-file", place / "pid")

    assert (place / "pid").read_bytes() == str(container.pid).encode()


@pytest.mark.parametrize("option", ["--no-pivot", "--no-new-keyring", "--no-subreaper", "-no-subreaper"])
def test_takes_the_option(container: Container, option: str) -> None:
    container.bundle.script("echo ran")

    assert container.run(option).ok().stdout == "ran\n"


def test_leaves_the_hosts_tree_out_of_sight_without_pivot(container: Container) -> None:
    container.bundle.args("ls", "/")

    result = container.run("--no-pivot").ok()

    assert "rootfs" not in result.stdout.split()
    assert "bin" in result.stdout.split()


def test_joins_a_session_keyring_of_its_own(container: Container) -> None:
    container.bundle.linux["maskedPaths"].remove("/proc/keys")
    container.bundle.args("cat", "/proc/keys")

    assert f"_ses.{container.id}" in container.run().ok().stdout


def test_leads_a_session_of_its_own(container: Container) -> None:
    container.bundle.script("cut -d' ' -f1,5,6 /proc/1/stat")

    assert container.run().ok().output == "1 1 1"


def test_leaves_only_three_descriptors_open(container: Container) -> None:
    container.bundle.args("ls", "/proc/self/fd")

    result = container.run(prefix=["sh", "-c", 'exec "$@" 3</etc/hostname 7</etc/hostname', "-"]).ok()

    assert result.stdout.split() == ["0", "1", "2", "3"]  # 3 is the directory ls reads


def test_keeps_extra_descriptors(container: Container) -> None:
    container.bundle.script("cat <&3")

    result = container.run("--preserve-fds", "1", prefix=_WITH_FILE_AS_3).ok()

    assert result.stdout == Path("/etc/hostname").read_text()


def test_passes_activated_sockets_on(container: Container) -> None:
    container.bundle.script("echo $LISTEN_FDS $LISTEN_PID; cat <&3")

    result = container.run(prefix=["sh", "-c", _ACTIVATED + 'exec "$@" 3</etc/hostname', "-"]).ok()

    assert result.stdout == "1 1\n" + Path("/etc/hostname").read_text()


def test_counts_extra_descriptors_behind_activated_sockets(container: Container) -> None:
    container.bundle.script("echo $LISTEN_FDS; cat <&4; ls /proc/self/fd | tr '\\n' ' '")

    result = container.run(
        "--preserve-fds=1",
        prefix=["sh", "-c", _ACTIVATED + 'exec "$@" 3</dev/null 4</etc/hostname 5</etc/hostname', "-"],
    ).ok()

    assert result.stdout == "1\n" + Path("/etc/hostname").read_text() + "0 1 2 3 4 5 "


@pytest.fixture
def notifications(place: Path) -> Iterator[socket.socket]:
    """The socket of a service manager, at notify.sock."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place / "notify.sock"))
        listener.settimeout(10 * PATIENCE)
        yield listener


@pytest.mark.parametrize("two_steps", [False, True], ids=["run", "create and start"])
def test_passes_readiness_on(
    container: Container, notifications: socket.socket, place: Path, two_steps: bool
) -> None:
    container.bundle.script('echo "$NOTIFY_SOCKET" >/where; sleep 1000')
    environment = {**os.environ, "NOTIFY_SOCKET": str(place / "notify.sock")}
    if two_steps:
        container.create(env=environment).ok()
        waiting = container.runtime.spawn("start", container.id, env=environment, stdout=None, stderr=None)
    else:
        container.bundle.write()
        waiting = container.runtime.spawn(
            "run", "-d", "-b", container.bundle.path, container.id, env=environment, stdout=None, stderr=None
        )
    where = container.wait_for_file("/where").strip()
    pid = container.pid

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.sendto(b"READY=1\n", f"/proc/{pid}/root{where}")

    assert where == "/run/notify/notify.sock"
    missing = {b"READY=1", b"MAINPID=%d" % pid}  # in one message or in two
    while missing:
        missing -= set(notifications.recv(4096).split(b"\n"))
    assert waiting.wait(10) == 0


@pytest.mark.differs("runc 1.1 forwards none until it has heard READY=1")
@pytest.mark.usefixtures("notifications")
def test_forwards_signals_while_the_program_is_not_ready(container: Container, place: Path) -> None:
    container.bundle.script("trap 'exit 42' TERM; echo up >/up; while :; do sleep 0.05; done")
    container.bundle.write()
    environment = {**os.environ, "NOTIFY_SOCKET": str(place / "notify.sock")}
    foreground = container.runtime.spawn("run", "-b", container.bundle.path, container.id, env=environment)
    _wait_until_up(container)

    foreground.send_signal(signal.SIGTERM)

    assert foreground.communicate(timeout=10 * PATIENCE) == ("", "")
    assert foreground.returncode == 42


def test_passes_readiness_on_in_the_foreground(
    container: Container, notifications: socket.socket, place: Path
) -> None:
    container.bundle.script("echo up >/up; until [ -e /end ]; do sleep 0.05; done; exit 3")
    container.bundle.write()
    environment = {**os.environ, "NOTIFY_SOCKET": str(place / "notify.sock")}
    foreground = container.runtime.spawn("run", "-b", container.bundle.path, container.id, env=environment)
    _wait_until_up(container)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.sendto(b"READY=1\n", f"/proc/{container.pid}/root/run/notify/notify.sock")
    said = notifications.recv(4096)
    (container.bundle.rootfs / "end").touch()

    assert b"READY=1" in said.split(b"\n")
    assert foreground.communicate(timeout=10 * PATIENCE) == ("", "")
    assert foreground.returncode == 3


def _wait_until_up(container: Container) -> None:
    container.wait_for_file("/up")


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT"])
def test_forwards_signals(container: Container, name: str) -> None:
    container.bundle.script(f"trap 'exit 42' {name}; echo up >/up; while :; do sleep 0.05; done")
    container.bundle.write()
    foreground = container.runtime.spawn("run", "-b", container.bundle.path, container.id)
    _wait_until_up(container)

    foreground.send_signal(getattr(signal, f"SIG{name}"))

    assert foreground.communicate(timeout=10 * PATIENCE) == ("", "")
    assert foreground.returncode == 42
    assert leftovers(container.runtime, container.id) == {}


def test_ends_when_the_container_is_killed(container: Container) -> None:
    container.bundle.script("echo up >/up; exec sleep 1000")
    container.bundle.write()
    foreground = container.runtime.spawn("run", "-b", container.bundle.path, container.id)
    _wait_until_up(container)

    container.kill("KILL").ok()

    foreground.communicate(timeout=10 * PATIENCE)
    assert foreground.returncode == 128 + signal.SIGKILL


@pytest.fixture
def own_terminal() -> Iterator[tuple[Terminal, int]]:
    """A terminal for the runtime itself, and its other side."""
    terminal, slave = open_terminal()
    yield terminal, slave
    terminal.close()


def _on_terminal(container: Container, own_terminal: tuple[Terminal, int]) -> subprocess.Popen[str]:
    """``run`` in the foreground, on the test's own terminal."""
    _, slave = own_terminal
    container.bundle.process["terminal"] = True
    container.bundle.write()
    foreground = container.runtime.spawn(
        "run", "-b", container.bundle.path, container.id,
        prefix=["setsid", "--ctty"], stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    return foreground


def test_is_interactive_on_a_terminal(container: Container, own_terminal: tuple[Terminal, int]) -> None:
    container.bundle.args("sh")
    foreground = _on_terminal(container, own_terminal)

    own_terminal[0].write("echo $((40+2)) $(tty); exit 7\n")

    assert "42 /dev/" in own_terminal[0].read_to_end()
    assert foreground.wait(10) == 7


def test_interrupts_the_program_not_the_runtime(container: Container, own_terminal: tuple[Terminal, int]) -> None:
    container.bundle.script("trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done")
    foreground = _on_terminal(container, own_terminal)
    own_terminal[0].read_until("ready")

    own_terminal[0].write("\x03")

    own_terminal[0].read_until("interrupted")
    assert foreground.wait(10) == 5


def test_resizes_the_containers_terminal(container: Container, own_terminal: tuple[Terminal, int]) -> None:
    # runc sizes the terminal when the program may run already.
    wait = "until stty size 2>&1 | grep '{}'; do sleep 0.05; done"
    container.bundle.script(f"{wait.format('21 81')}; {wait.format('33 99')}")
    own_terminal[0].resize(21, 81)
    foreground = _on_terminal(container, own_terminal)
    own_terminal[0].read_until("21 81")

    own_terminal[0].resize(33, 99)
    foreground.send_signal(signal.SIGWINCH)

    own_terminal[0].read_until("33 99")
    assert foreground.wait(10) == 0


def test_restores_its_own_terminal(container: Container, own_terminal: tuple[Terminal, int]) -> None:
    master = own_terminal[0].master
    before = subprocess.run(["stty", "-g"], stdin=master, capture_output=True, text=True, check=True).stdout
    keep_open = os.open(os.ttyname(own_terminal[1]), os.O_RDWR | os.O_NOCTTY)
    container.bundle.args("true")

    assert _on_terminal(container, own_terminal).wait(10) == 0

    after = subprocess.run(["stty", "-g"], stdin=keep_open, capture_output=True, text=True, check=True).stdout
    os.close(keep_open)
    assert before == after


def test_sends_the_terminal_when_detached(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process["terminal"] = True
    container.bundle.script("read line; echo got $line")
    container.run("-d", "--console-socket", recvtty.path).ok()

    terminal = recvtty.terminal()
    terminal.write("word\n")

    terminal.read_until("got word")


def test_needs_a_console_socket_for_a_detached_terminal(container: Container) -> None:
    container.bundle.process["terminal"] = True

    container.run("-d").failed("cannot allocate tty if", "without setting console socket")


def test_refuses_a_console_socket_in_the_foreground(container: Container, recvtty: ConsoleSocket) -> None:
    container.run("--console-socket", recvtty.path).failed("cannot use console socket if")


def test_reaps_what_the_container_leaves_to_it(container: Container) -> None:
    """Without a PID namespace orphans of the container come to the runtime, which is their subreaper."""
    container.bundle.without_namespace("pid")
    container.bundle.script("(sleep 0.2 &) ; sleep 0.4; exit 9")

    assert container.run().status == 9


def test_runs_many_in_one_process_tree_without_confusing_them(container: Container, runtime: Runtime) -> None:
    """A caller's other child ends while the runtime runs; its status is the caller's affair."""
    caller = (
        "import subprocess, sys\n"
        "other = subprocess.Popen(['true'])\n"
        "status = subprocess.call(sys.argv[1:])\n"
        "sys.exit(status or other.wait())\n"
    )
    container.bundle.script("exit 6")

    assert container.run(prefix=[sys.executable, "-c", caller]).status == 6


def test_waits_for_the_program_alone(container: Container) -> None:
    container.bundle.script("sleep 1000 >/dev/null 2>&1 & echo started")

    assert container.run(timeout=10).ok().stdout == "started\n"
    wait_for(lambda: leftovers(container.runtime, container.id) == {})
