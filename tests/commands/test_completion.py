"""``completion``: real shells, with a real Tab, complete the command line."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.runtime import Runtime
from tests.support.terminal import open_terminal
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.container import Container

pytestmark = pytest.mark.differs("runc 1.1 has no such command")

# Both show the line so far, between brackets, when Ctrl-X is typed.
_BASH = """
bind -x '"\\C-x":echo "<$READLINE_LINE>"'
source completion
PS1=; echo ready
"""
_ZSH = """
autoload -Uz compinit && compinit -u -D
show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey '^X' show; bindkey '^I' complete-word
setopt no_auto_menu
source completion
PS1=; echo ready
"""


class Shell:
    """An interactive shell in a directory of its own."""

    def __init__(self, directory: Path, program: str, command: list[str], start: str) -> None:
        (directory / "bin").mkdir()
        (directory / "bin/pyoci").symlink_to(program)
        (directory / "start").write_text(start)
        (directory / "a-directory/below").mkdir(parents=True)
        (directory / "a-file").write_text("")
        environment = {
            "PATH": f"{directory}/bin:/usr/bin:/bin", "HOME": str(directory), "ZDOTDIR": str(directory), "TERM": "dumb"
        }  # fmt: skip
        with (directory / "completion").open("w") as file:
            subprocess.run([program, "completion", command[0]], stdout=file, check=True)
        self._terminal, slave = open_terminal()
        self._terminal.resize(24, 500)  # a line that scrolls is hard to read
        self._shell = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=directory, env=environment, start_new_session=True
        )
        os.close(slave)
        self._terminal.write("source ./start\n")
        self._terminal.read_until("\nready")

    def complete(self, line: str) -> str:
        """What becomes of *line* when Tab is typed behind it."""
        self._terminal.text = ""
        self._terminal.write(f"{line}\t\x18")
        text = self._terminal.read_until(">")
        self._terminal.write("\x15")  # Ctrl-U: away with it
        return text.rpartition("<")[2].partition(">")[0]

    def close(self) -> None:
        """End it."""
        self._shell.send_signal(signal.SIGKILL)
        self._shell.wait()
        self._terminal.close()


@pytest.fixture(
    params=[
        pytest.param((["bash", "--norc", "--noprofile", "-i"], _BASH), marks=pytest.mark.needs("bash"), id="bash"),
        pytest.param((["zsh", "-f", "-i", "-d"], _ZSH), marks=pytest.mark.needs("zsh"), id="zsh"),
    ]
)
def shell(request: pytest.FixtureRequest, place: Path, program: str) -> Iterator[Shell]:
    directory = place / "shell"
    directory.mkdir()
    started = Shell(directory, program, *request.param)
    yield started
    started.close()


@pytest.fixture
def fish(place: Path, program: str) -> Callable[[str], list[str]]:
    """What fish offers for a line: it has a command for asking itself."""
    (place / "pyoci").symlink_to(program)
    (place / "a-directory").mkdir()
    (place / "a-file").write_text("")
    environment = {"PATH": f"{place}:/usr/bin:/bin", "HOME": str(place)}

    def ask(line: str) -> list[str]:
        script = 'pyoci completion fish | source; complete --do-complete "$argv"'
        done = subprocess.run(
            ["fish", "--no-config", "-c", script, line], cwd=place, env=environment, capture_output=True, text=True,
            check=True, timeout=20 * PATIENCE,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.splitlines()

    return ask


_LINES = [
    pytest.param("pyoci feat", "pyoci features ", id="command"),
    pytest.param("pyoci sta", "pyoci sta", id="ambiguous"),
    pytest.param("pyoci st", "pyoci sta", id="as far as it is clear"),
    pytest.param("pyoci help kil", "pyoci help kill ", id="command to be helped with"),
    pytest.param("pyoci --log-f", "pyoci --log-format ", id="global option"),
    pytest.param("pyoci --log-format js", "pyoci --log-format json ", id="value"),
    pytest.param("pyoci --log-format=js", "pyoci --log-format=json ", id="value in the same word"),
    pytest.param("pyoci list --qu", "pyoci list --quiet ", id="option of a command"),
    pytest.param("pyoci --debug create --console", "pyoci --debug create --console-socket ", id="behind options"),
    pytest.param("pyoci kill some-id SIGN", "pyoci kill some-id SIGN", id="no signal"),
    pytest.param("pyoci kill some-id WIN", "pyoci kill some-id WINCH ", id="signal"),
    pytest.param("pyoci exec --cap CAP_BL", "pyoci exec --cap CAP_BLOCK_SUSPEND ", id="capability"),
    pytest.param("pyoci create --bundle a-", "pyoci create --bundle a-directory/", id="directory"),
    pytest.param("pyoci create --pid-file a-f", "pyoci create --pid-file a-file ", id="file"),
    pytest.param("pyoci create a-", "pyoci create a-", id="new id"),
    pytest.param("pyoci exec some-id a-", "pyoci exec some-id a-", id="word of the container"),
    pytest.param("pyoci completion fi", "pyoci completion fish ", id="shell"),
    pytest.param("pyoci bogus a-", "pyoci bogus a-", id="unknown command"),
    pytest.param("pyoci --root 'a b' feat", "pyoci --root 'a b' features ", id="behind a quotation"),
]


@pytest.mark.parametrize(("line", "completed"), _LINES)
def test_completes(shell: Shell, line: str, completed: str) -> None:
    assert shell.complete(line) == completed


def test_completes_the_id_of_a_container(shell: Shell, container: Container) -> None:
    container.create().ok()
    line = f"pyoci --root {container.runtime.root} delete --force "

    assert shell.complete(line + container.id[:-1]) == f"{line}{container.id} "


@pytest.mark.needs("fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("pyoci feat", ["features\tprint what this runtime can do"], id="command"),
        pytest.param("pyoci list --qu", ["--quiet\tprint the ids only"], id="option"),
        pytest.param("pyoci list --format ", ["json", "table"], id="value"),
        pytest.param("pyoci list --format=j", ["--format=json"], id="value in the same word"),
        pytest.param("pyoci kill some-id WIN", ["WINCH\t28"], id="signal"),
        pytest.param("pyoci create --bundle a-", ["a-directory/\tDirectory"], id="directory"),
        pytest.param("pyoci create a-", [], id="new id"),
        pytest.param("pyoci exec some-id a-", [], id="word of the container"),
    ],
)
def test_is_offered_by_fish(fish: Callable[[str], list[str]], line: str, offered: list[str]) -> None:
    assert sorted(fish(line)) == offered


@pytest.mark.needs("fish")
def test_offers_files_in_fish(fish: Callable[[str], list[str]]) -> None:
    assert [line.partition("\t")[0] for line in fish("pyoci create --pid-file a-f")] == ["a-file"]


@pytest.mark.needs("fish")
def test_tells_the_status_of_containers_in_fish(fish: Callable[[str], list[str]], container: Container) -> None:
    container.create().ok()

    assert fish(f"pyoci --root {container.runtime.root} state ") == [f"{container.id}\tcreated"]


@pytest.mark.needs("zsh")
def test_is_autoloaded_by_zsh(place: Path, program: str) -> None:
    """As a package puts it into a directory of $fpath."""
    with (place / "_pyoci").open("w") as file:
        subprocess.run([program, "completion", "zsh"], stdout=file, check=True)

    script = f"fpath=({place} $fpath); autoload -Uz compinit && compinit -u -D; print $_comps[pyoci]"
    done = subprocess.run(
        ["zsh", "-f", "-c", script], env={"HOME": str(place)}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "_pyoci\n"


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completes_a_link_of_another_name(place: Path, program: str, shell_name: str) -> None:
    (place / "runc").symlink_to(program)

    done = subprocess.run([place / "runc", "completion", shell_name], capture_output=True, text=True, check=True)

    assert "runc completion" in done.stdout
    assert "pyoci" not in done.stdout


def test_refuses_another_shell(runtime: Runtime) -> None:
    runtime("completion", "csh").failed('no completion for "csh": it is one of bash, zsh, fish')
