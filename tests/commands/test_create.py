"""``create``: a container that is ready, and has not yet run its program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime
from tests.support.terminal import ConsoleSocket
from tests.support.waiting import PATIENCE, wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.bundle import Bundle


def test_creates_without_running_the_program(container: Container) -> None:
    container.bundle.script("echo ran >/ran")

    container.create().ok()

    assert container.status == "created"
    assert not (container.bundle.rootfs / "ran").exists()


def test_says_nothing_on_success(container: Container) -> None:
    result = container.create().ok()

    assert (result.stdout, result.stderr) == ("", "")


def test_writes_the_pid_as_digits_alone(container: Container, place: Path) -> None:
    container.create("--pid-file", place / "pid").ok()

    assert (place / "pid").read_bytes() == str(container.pid).encode()


def test_replaces_an_older_pid_file(container: Container, place: Path) -> None:
    (place / "pid").write_text("123456789012345")

    container.create("--pid-file", place / "pid").ok()

    assert (place / "pid").read_text() == str(container.pid)


def test_leaves_nothing_when_the_pid_file_cannot_be_written(container: Container, place: Path) -> None:
    container.create("--pid-file", place / "missing" / "pid").failed("no such file or directory")

    container.runtime("state", container.id).failed("does not exist")


def test_takes_the_bundle_from_the_current_directory(container: Container) -> None:
    container.bundle.write()

    container.runtime("create", container.id, cwd=container.bundle.path).ok()

    assert container.state()["bundle"] == str(container.bundle.path)


def test_makes_the_path_of_the_bundle_absolute(container: Container) -> None:
    container.bundle.write()

    container.runtime("create", "--bundle", "bundle", container.id, cwd=container.bundle.path.parent).ok()

    assert container.state()["bundle"] == str(container.bundle.path)


def test_refuses_an_id_that_is_taken(container: Container) -> None:
    container.create().ok()

    container.create().failed("container with given ID already exists")

    assert container.status == "created"


@pytest.mark.parametrize("wrong", ["a/b", "..", "../x", "a b", "a\nb", "ä", "a:b", "/", "a*"])
def test_refuses_an_id_with_other_characters(runtime: Runtime, bundle: Bundle, wrong: str) -> None:
    runtime("create", "--bundle", bundle.write(), wrong).failed("invalid container ID format")


def test_refuses_an_empty_id(runtime: Runtime, bundle: Bundle) -> None:
    runtime("create", "--bundle", bundle.write(), "").failed("container")


@pytest.mark.parametrize("suffix", ["_", "+", "-", ".x", "_+-.9Z"])
def test_takes_an_id_with_each_allowed_character(container: Container, suffix: str) -> None:
    container.id += suffix

    container.create().ok()

    assert container.state()["id"] == container.id


def test_names_the_missing_configuration(runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]) -> None:
    runtime("create", "--bundle", bundle.path, new_id()).failed("JSON specification file config.json not found")


def test_names_the_missing_bundle(runtime: Runtime, place: Path, new_id: Callable[[], str]) -> None:
    runtime("create", "--bundle", place / "nowhere", new_id()).failed("nowhere", "no such file or directory")


def test_says_which_program_is_missing(container: Container) -> None:
    container.bundle.args("no-such-program")

    container.create().failed(
        "unable to start container process", '"no-such-program": executable file not found in $PATH'
    )


def test_says_which_path_is_missing(container: Container) -> None:
    container.bundle.args("/no/such/program")

    container.create().failed('exec: "/no/such/program"', "no such file or directory")


def test_says_which_file_may_not_be_executed(container: Container) -> None:
    (container.bundle.rootfs / "plain").write_text("#!/bin/sh\n")
    container.bundle.args("/plain")

    container.create().failed('exec: "/plain"', "permission denied")


@pytest.mark.differs("runc 1.1 says permission denied, later ones what it is: engines look for either")
def test_says_that_a_directory_is_one(container: Container) -> None:
    container.bundle.args("/etc")

    container.create().failed('exec: "/etc": permission denied', "is a directory")


def test_needs_a_console_socket_for_a_terminal(container: Container) -> None:
    container.bundle.process["terminal"] = True

    container.create().failed("cannot allocate tty if", "without setting console socket")


def test_refuses_a_console_socket_without_a_terminal(container: Container, recvtty: ConsoleSocket) -> None:
    container.create("--console-socket", recvtty.path).failed("cannot use console socket if")


def test_sends_one_terminal_to_the_console_socket(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process["terminal"] = True
    container.bundle.script("tty; read line; echo got $line")
    container.create("--console-socket", recvtty.path).ok()

    terminal = recvtty.terminal()
    container.start().ok()
    terminal.read_until("/dev/")
    terminal.write("word\n")

    assert "got word" in terminal.read_until("got word")
    assert 0 < len(recvtty.message) < 4096
    assert len(recvtty.received) == 1


def test_gives_the_terminal_its_size(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process.update(terminal=True, consoleSize={"height": 33, "width": 77})
    container.bundle.args("stty", "size")
    container.create("--console-socket", recvtty.path).ok()

    terminal = recvtty.terminal()
    container.start().ok()

    assert "33 77" in terminal.read_until("33 77")


def test_makes_the_terminal_the_controlling_one(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process["terminal"] = True
    container.bundle.script("trap 'echo interrupted; exit' INT; echo ready; while :; do sleep 0.1; done")
    container.create("--console-socket", recvtty.path).ok()

    terminal = recvtty.terminal()
    container.start().ok()
    terminal.read_until("ready")
    terminal.write("\x03")

    terminal.read_until("interrupted")


def test_fails_when_nobody_listens_on_the_console_socket(container: Container, place: Path) -> None:
    container.bundle.process["terminal"] = True

    container.create("--console-socket", place / "nobody.sock").failed("nobody.sock")


def test_gives_its_own_streams_to_the_container(container: Container) -> None:
    container.bundle.script("read line; echo out $line; echo err $line >&2")

    created = container.create(stdin="text\n").ok()
    container.start().ok()
    container.wait_for_status("stopped")

    assert created.stdout == "out text\n"
    assert created.stderr == "err text\n"


def test_leaves_the_container_to_the_subreaper_of_its_caller(container: Container, place: Path) -> None:
    """conmon, containerd's shim and buildah wait for the pid as for a child of theirs."""
    container.bundle.write()
    create = container.runtime.command("create", "-b", container.bundle.path, "--pid-file", place / "pid", container.id)
    caller = (
        "import ctypes, os, subprocess, sys\n"
        "assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0\n"  # PR_SET_CHILD_SUBREAPER
        "subprocess.run(sys.argv[2:], check=True)\n"
        "pid = int(open(sys.argv[1]).read())\n"
        "assert f'PPid:\\t{os.getpid()}\\n' in open(f'/proc/{pid}/status').read()\n"
        "os.kill(pid, 9)\n"
        "assert os.waitpid(pid, 0) == (pid, 9)\n"
    )

    subprocess.run([sys.executable, "-c", caller, str(place / "pid"), *create], check=True, timeout=30 * PATIENCE)

    assert container.status == "stopped"


def test_does_not_tie_the_container_to_its_callers_death(container: Container) -> None:
    """Callers set PDEATHSIG on the runtime."""
    caller = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"

    container.create(prefix=[sys.executable, "-c", caller]).ok()

    assert container.status == "created"


def test_notices_that_a_created_container_was_killed(container: Container) -> None:
    container.create().ok()

    os.kill(container.pid, signal.SIGKILL)

    wait_for(lambda: container.status == "stopped")


def test_works_in_an_empty_environment(container: Container) -> None:
    """podman and cri-o leave nothing but XDG_RUNTIME_DIR, which may be empty."""
    container.create(env={}).ok()
    container.start(env={"XDG_RUNTIME_DIR": ""}).ok()
    container.wait_for_status("stopped")

    container.delete(env={}).ok()


def test_keeps_extra_descriptors_from_the_third_on(container: Container) -> None:
    container.bundle.script("cat <&3; cat <&4; ls /proc/self/fd | tr '\\n' ' '")

    created = container.create(
        "--preserve-fds", "2", prefix=["sh", "-c", 'exec "$@" 3</etc/hostname 4</etc/hostname 5</etc/hostname', "-"]
    ).ok()
    container.start().ok()
    container.wait_for_status("stopped")

    name = Path("/etc/hostname").read_text()
    assert created.stdout == f"{name}{name}0 1 2 3 4 5 "  # the last one is the directory ls reads
    assert "bad file descriptor" not in created.stderr


@pytest.mark.differs("runc 1.1 leaves it open on the console's way")
def test_refuses_descriptors_that_are_not_open(container: Container) -> None:
    container.create("--preserve-fds", "3").failed("fd")


@pytest.mark.differs("runc has --pidfd-socket since 1.2")
def test_sends_a_pidfd_to_the_pidfd_socket(container: Container, place: Path) -> None:
    receiver = ConsoleSocket(place / "pidfd.sock")
    try:
        container.create("--pidfd-socket", receiver.path).ok()
        (pidfd,) = receiver.descriptors()
        fields = dict(line.split(":\t") for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines())
        os.close(pidfd)
        assert int(fields["Pid"]) == container.pid
    finally:
        receiver.close()
