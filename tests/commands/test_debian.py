"""A Debian system with an interactive bash on a terminal: job control, signals of the keyboard, the window's size."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.support import debian
from tests.support.container import Container
from tests.support.terminal import ConsoleSocket, Terminal, open_terminal
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.needs("root", "debian"), pytest.mark.timeout(900)]  # the first run makes the tree

_CONTROL_C, _CONTROL_D, _CONTROL_Z = "\x03", "\x04", "\x1a"


class Shell:
    """bash in a container, with the runtime in the foreground of a terminal."""

    def __init__(self, terminal: Terminal, runtime: subprocess.Popen[str]) -> None:
        self.terminal = terminal
        self.runtime = runtime
        self.terminal.read_until("ready> ")

    def press(self, keys: str, until: str) -> str:
        """What appears behind *keys*, up to *until*."""
        self.terminal.text = ""
        self.terminal.write(keys)
        return self.terminal.read_until(until)

    def type(self, line: str) -> list[str]:
        """What the command *line* prints until bash is ready again."""
        self.press(f"status=$?; echo =be'gin'=; {line}; echo =do'ne'=\n", "=done=\r\n")
        shown = self.terminal.read_until("ready> ")
        return shown.partition("=begin=\r\n")[2].partition("=done=")[0].replace("\r", "").splitlines()

    def end(self, keys: str) -> int:
        """Press *keys*; the runtime's exit status."""
        self.terminal.write(keys)
        return self.runtime.wait(10)


@pytest.fixture
def system(container: Container) -> Container:
    """A container whose root filesystem is Debian's, read-only, with bash as its program."""
    container.bundle.config["root"] = {"path": str(debian.tree()), "readonly": True}
    container.bundle.args("bash", "--norc", "--noprofile", "-i")
    container.bundle.env("PS1=ready> ", "HISTFILE=", "HOME=/root", "LC_ALL=C", "TERM=dumb")
    container.bundle.mount("/tmp", "tmpfs", "tmpfs", "nosuid", "mode=1777").mount("/run", "tmpfs", "tmpfs")
    return container


@pytest.fixture
def shell(system: Container) -> Iterator[Shell]:
    """``run`` in the foreground, on a terminal of 24 lines and 80 columns."""
    system.bundle.process["terminal"] = True
    terminal, slave = open_terminal()
    terminal.resize(24, 80)
    runtime = system.runtime.spawn(
        "run", "-b", system.bundle.write(), system.id,
        prefix=["setsid", "--ctty"], stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    yield Shell(terminal, runtime)
    if runtime.poll() is None:
        system.remove()
        runtime.wait(10)
    terminal.close()


def test_is_debian(system: Container) -> None:
    assert "ID=debian" in system.output("cat /etc/os-release").split()


def test_runs_what_the_distribution_brings(system: Container) -> None:
    """Dynamic linking, locales, the package manager, perl, set-user-id programs' libraries."""
    for names in system.bundle.process["capabilities"].values():
        names += ["CAP_SETUID", "CAP_SETGID"]

    assert system.output("dpkg --audit; perl -e 'print 6*7' && su daemon -s /bin/sh -c 'id -un'") == "42daemon"


def test_answers_what_is_typed(shell: Shell) -> None:
    assert shell.type("echo $((6*7))") == ["42"]
    assert shell.type("[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tty") == ["/dev/pts/0"]
    assert shell.type("echo $$ $PPID $SHLVL") == ["1 0 1"]


def test_says_nothing_of_missing_job_control(shell: Shell) -> None:
    assert "job control" not in shell.terminal.text
    assert "ioctl" not in shell.terminal.text


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        pytest.param("exit 7\n", 7, id="exit"),
        pytest.param(_CONTROL_D, 0, id="end of input"),
        pytest.param("exec sh -c 'exit 300'\n", 44, id="another program"),
    ],
)
def test_ends_with_the_shells_status(shell: Shell, keys: str, status: int) -> None:
    assert shell.end(keys) == status


def test_interrupts_the_command_not_the_shell(shell: Shell) -> None:
    shell.press("sh -c 'echo star\"\"ted; exec sleep 1000'\n", "started")

    shell.press(_CONTROL_C, "ready> ")

    assert shell.type("echo $status") == ["130"]


def test_stops_and_continues_a_command(shell: Shell) -> None:
    # Not a shell's loop: stopped between vfork(2) and execve(2), a child keeps its parent from stopping.
    program = '$SIG{CONT} = sub { print "a"."gain" }; $| = 1; print "star"."ted"; sleep 1000 while 1'
    shell.press(f"perl -e '{program}'\n", "started")

    assert "Stopped" in shell.press(_CONTROL_Z, "ready> ")
    assert shell.type("jobs -s | wc -l") == ["1"]
    shell.press("fg\n", "again")
    shell.press(_CONTROL_C, "ready> ")
    assert shell.type("jobs | wc -l") == ["0"]


def test_stops_a_command_that_reads_in_the_background(shell: Shell) -> None:
    shell.type("cat & true")

    assert "Stopped" in "".join(shell.type("until jobs | grep Stopped; do sleep 0.05; done"))
    assert shell.type("kill -KILL %1; while jobs | grep -q Stopped; do sleep 0.05; done; echo gone")[-1] == "gone"


def test_tells_the_shell_the_windows_size(shell: Shell) -> None:
    assert shell.type("until [ \"$(stty size)\" = '24 80' ]; do sleep 0.05; done; stty size") == ["24 80"]

    shell.terminal.resize(33, 99)
    os.kill(shell.runtime.pid, signal.SIGWINCH)

    assert shell.type("until [ \"$(stty size)\" = '33 99' ]; do sleep 0.05; done; stty size") == ["33 99"]
    assert shell.type("/bin/true; echo $LINES $COLUMNS") == ["33 99"]


def test_interrupts_by_the_window_change(shell: Shell) -> None:
    shell.type("until [ \"$(stty size)\" = '24 80' ]; do sleep 0.05; done; trap changed=yes WINCH")

    shell.terminal.resize(40, 100)
    os.kill(shell.runtime.pid, signal.SIGWINCH)
    # Bash itself is asked: the signal goes to what is in the foreground, which a program would be.
    wait_for(lambda: shell.type("echo $changed") == ["yes"], "the trap")

    assert shell.type("stty size") == ["40 100"]


def test_opens_a_second_shell_beside_the_first(
    shell: Shell, system: Container, recvtty: ConsoleSocket
) -> None:
    flags = ["--tty", "--detach", "--console-socket", recvtty.path, "--env", "PS1=second> "]
    system.exec("bash", "--norc", "-i", flags=flags).ok()
    second = recvtty.terminal()
    second.read_until("second> ")

    second.write("tty; exit\n")

    assert "/dev/pts/1" in second.read_to_end()
    assert shell.type("echo still here") == ["still here"]
