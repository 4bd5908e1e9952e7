"""The letter of runc's contract: command lines as engines write them, and what engines read out of the answers.

What one command says and does stands in its own file. Here is what engines rely on across commands, line by line of
go-runc (containerd, BuildKit), podman with conmon, cri-o with conmon-rs, and buildah. Elsewhere stand: forms and order
of global options, the log and --version (test_global_options.py), names of signals (test_kill.py), the console
socket, subreapers, PDEATHSIG (test_create.py), limits on standard input (test_update.py), foreground terminals and
sockets of systemd (test_run.py), recorded configurations (test_recorded.py).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.runtime import Result, Runtime
from tests.support.terminal import ConsoleSocket, open_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@pytest.fixture
def running(container: Container) -> Container:
    """A running container."""
    return container.up()


@pytest.fixture
def process(place: Path) -> Path:
    """A file for ``exec --process``, of a program that ends with 7."""
    path = place / "process.json"
    document = {"args": ["sh", "-c", "exit 7"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}
    path.write_text(json.dumps(document))
    return path


def stopped(container: Container) -> Container:
    """The container, whose program was killed."""
    container.up().kill("KILL").ok()
    container.wait_for_status("stopped")
    return container


# Options


def test_options_go_with_one_dash_and_in_any_order(container: Container, place: Path) -> None:
    container.bundle.args("sleep", "1000")
    options = ["-no-subreaper", "-pid-file", str(place / "pid"), f"-bundle={container.bundle.write()}"]

    container.runtime("run", "-d", *options, "-no-pivot=false", container.id).ok()

    assert (place / "pid").read_text() == str(container.pid)


def test_options_go_behind_the_id(container: Container, place: Path) -> None:
    """go-runc puts --bundle behind the other options; users put options behind the id."""
    path = container.bundle.write()

    container.runtime("create", container.id, "-pid-file", place / "pid", "--bundle", path).ok()

    assert (place / "pid").read_text() == str(container.pid)


@pytest.mark.parametrize("option", ["--all", "-all", "-a", "--all=true", "-a=true", "--all=false"])
def test_kill_takes_each_form_of_all(running: Container, option: str) -> None:
    running.runtime("kill", option, running.id, "0").ok()


@pytest.mark.parametrize(
    "form",
    [["--process", "{}"], ["--process={}"], ["-process", "{}"], ["-process={}"], ["-p", "{}"], ["-p={}"]],
    ids=" ".join,
)
def test_exec_takes_each_form_of_process(running: Container, process: Path, form: list[str]) -> None:
    running.exec(flags=[word.format(process) for word in form]).failed(status=7)


def test_last_log_wins_when_there_are_several(runtime: Runtime, place: Path) -> None:
    options = ["--log", str(place / "first"), "--log-format", "text", "--log-format=json", "--log", str(place / "last")]

    runtime("state", "nobody", options=options).failed()

    assert json.loads((place / "last").read_text())["level"] == "error"
    assert not (place / "first").exists()


def test_unknown_option_ends_with_1_though_it_is_of_exec(running: Container) -> None:
    """255 is for programs that could not be run."""
    running.exec("true", flags=["--frobnicate"]).failed("flag provided but not defined: -", "frobnicate")


@pytest.mark.parametrize("command", ["create", "run", "exec"])
def test_option_without_its_argument_is_named(runtime: Runtime, command: str) -> None:
    runtime(command, "--console-socket").failed("flag needs an argument: -", "console-socket")


# What callers give


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("ps ID", marks=pytest.mark.differs("runc finds no ps")),
        *("state ID", "ps -f json ID", "list", "pause ID", "kill ID 0", "update --memory 64m ID"),
    ],
)
@pytest.mark.parametrize("environment", [{}, {"XDG_RUNTIME_DIR": ""}], ids=["empty", "as podman leaves it"])
def test_command_works_without_an_environment(running: Container, line: str, environment: dict[str, str]) -> None:
    words = [running.id if word == "ID" else word for word in line.split()]

    result = running.runtime(*words, env=environment, cwd="/").ok()

    assert result.stderr == ""
    if line.startswith("pause"):
        running.runtime("resume", running.id, env=environment).ok()


def test_delete_works_without_an_environment(running: Container) -> None:
    running.delete("--force", env={"XDG_RUNTIME_DIR": ""}).ok()

    running.runtime("state", running.id).failed("does not exist")


@pytest.mark.parametrize("command", ["create", "exec"])
def test_pid_file_is_complete_as_soon_as_it_is_seen(container: Container, place: Path, command: str) -> None:
    """Whoever reads while it is replaced sees the one or the other: it is renamed, not written over."""
    path = place / "pid"
    path.write_text("older")
    with path.open() as before:
        if command == "create":
            container.create("--pid-file", path).ok()
        else:
            container.up().exec("true", flags=["--pid-file", str(path)]).ok()

        assert before.read() == "older"
    assert path.read_bytes().isdigit()
    assert [name for name in os.listdir(place) if "pid" in name] == ["pid"]


def test_no_pid_file_is_left_when_the_program_is_missing(running: Container, place: Path) -> None:
    """conmon takes an exec without a pid file for the one that failed."""
    flags = ["--detach", "--pid-file", str(place / "pid")]

    running.exec("no-such-program", flags=flags).failed("executable file not found in $PATH", status=255)

    assert not (place / "pid").exists()


def test_exec_resizes_its_terminal_when_the_window_changes(running: Container) -> None:
    """BuildKit sends SIGWINCH to the runtime, whose terminal it is."""
    terminal, slave = open_terminal()
    terminal.resize(21, 81)
    script = "until stty size | grep '21 81'; do sleep 0.05; done; until stty size | grep '33 99'; do sleep 0.05; done"
    foreground = running.runtime.spawn(
        "exec", "-t", running.id, "sh", "-c", script,
        prefix=["setsid", "--ctty"], stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    terminal.read_until("21 81")

    terminal.resize(33, 99)
    foreground.send_signal(signal.SIGWINCH)

    terminal.read_until("33 99")
    assert foreground.wait(10) == 0
    terminal.close()


def test_exec_reports_137_when_its_process_is_killed(running: Container, place: Path) -> None:
    """BuildKit and conmon kill the process by the pid in the file."""
    foreground = running.runtime.spawn("exec", "--pid-file", place / "pid", running.id, "sh", "-c", "kill -9 $$")

    assert foreground.wait(10) == 128 + signal.SIGKILL
    foreground.communicate()


# What callers read out of the answers


def as_podman(text: str) -> int:
    """The exit status podman derives (libpod/oci_util.go)."""
    if re.search("permission denied|operation not permitted", text, re.IGNORECASE):
        return 126
    return 127 if re.search("executable file not found in|no such file or directory|open executable", text) else 125


def as_docker(text: str) -> int:
    """The exit status docker derives (daemon/errors.go)."""
    if "permission denied" in text or "is a directory" in text:
        return 126
    words = ("not a directory", "executable file not found", "no such file or directory", "no such file or directory")
    return 127 if any(word in text for word in words) else 128


@pytest.mark.parametrize(
    ("executable", "podman", "docker"),
    [
        pytest.param("no-such-program", 127, 127, id="missing in PATH"),
        pytest.param("/no/such/program", 127, 127, id="missing"),
        pytest.param("/etc/passwd", 126, 126, id="not executable"),
        pytest.param("group", 127, 127, id="not executable in PATH"),
        pytest.param("/etc", 126, 126, id="directory"),
        pytest.param("/etc/passwd/x", None, 127, id="below a file"),
    ],
)
@pytest.mark.parametrize("command", ["create", "exec"])
def test_callers_derive_the_status_from_the_text(
    container: Container, command: str, executable: str, podman: int | None, docker: int
) -> None:
    result = with_program(container, command, executable)

    assert as_docker(result.stderr) == docker, result
    if podman:
        assert as_podman(result.stderr) == podman, result


def with_program(container: Container, command: str, executable: str) -> Result:
    """What *command* says that was to run *executable*; /etc is in PATH."""
    container.bundle.process["env"] = ["PATH=/bin:/etc"]
    if command == "create":
        container.bundle.args(executable)
        return container.create().failed()
    return container.up().exec(executable).failed(status=255)


@pytest.mark.differs("runc's detail is the errno of execve alone")
def test_podman_tells_126_of_a_directory(container: Container) -> None:
    """podman's own test: 126, and one of these words."""
    text = with_program(container, "create", "/etc").stderr

    assert re.search("is not a regular file|permission denied|is a directory", text)


@pytest.mark.parametrize("words", [("kill", "ID", "9"), ("kill", "ID", "KILL")], ids=" ".join)
def test_killing_a_stopped_container_is_known_to_callers(container: Container, words: tuple[str, ...]) -> None:
    """containerd and cri-o take it for done by these words."""
    stopped(container)

    container.runtime(*(container.id if word == "ID" else word for word in words)).failed("container not running")


@pytest.mark.parametrize(
    "line", ["state ID", "start ID", "kill ID 9", "kill --all ID 9", "delete ID", "pause ID", "resume ID", "ps ID"]
)
def test_missing_container_is_known_to_callers(runtime: Runtime, line: str) -> None:
    """containerd's shim looks for these words in what the runtime printed, wherever."""
    words = ["nobody" if word == "ID" else word for word in line.split()]

    result = runtime(*words).failed("container does not exist")

    assert result.stdout == ""


@pytest.mark.parametrize("line", ["state ID", "ps --format json ID", "events --stats ID", "list --format=json"])
def test_nothing_is_on_standard_error_when_a_machine_reads(running: Container, line: str) -> None:
    """go-runc and cri-o read both streams as one document."""
    result = running.runtime(*(running.id if word == "ID" else word for word in line.split())).ok()

    json.loads(result.stdout)
    assert result.stderr == ""


@pytest.mark.differs("runc says its own name, wherever it is called")
@pytest.mark.parametrize("name", ["runc", "crun"])
def test_answers_as_the_peer_it_is_linked_as(program: str, place: Path, name: str) -> None:
    """podman knows by the name who writes JSON, docker and go-runc read the first line of the version."""
    (place / name).symlink_to(program)

    version = subprocess.run([place / name, "--version"], env={}, capture_output=True, text=True, check=True)
    failed = subprocess.run(
        [place / name, "create", "-b", "/nowhere", "x"], env={}, capture_output=True, text=True, check=False
    )

    assert version.stdout.startswith(f"{name} version ")
    assert failed.stderr.startswith(f"{name} create failed: ")


def test_version_is_read_as_go_runc_reads_it(runtime: Runtime) -> None:
    lines = subprocess.run([runtime.path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()

    assert re.fullmatch(rf"{runtime.name} version \d+\.\d+\.\d+\S*", lines[0])
    found = {name: value for name, colon, value in (line.partition(": ") for line in lines[1:]) if colon}
    assert found["commit"]
    assert re.fullmatch(r"1\.\d+\.\d+\S*", found["spec"])


# Probes


def test_probe_for_checkpoints_ends_with_0(runtime: Runtime) -> None:
    """podman asks so whether the command is known."""
    assert "--leave-running" in runtime("checkpoint", "--help").ok().stdout


def test_probe_for_restoring_into_a_pod_is_understood(runtime: Runtime) -> None:
    """podman looks for these words."""
    result = runtime("restore", "--lsm-mount-context")

    assert result.status
    assert "flag needs an argument" in result.stdout + result.stderr


# Whole lives, in the callers' words: BUNDLE, PID, LOG, PROCESS and ID are replaced


_RUNNING = "create --bundle BUNDLE --pid-file PID"
_LIVES: dict[str, list[tuple[str, int]]] = {
    "containerd": [
        (f"--log LOG --log-format json {_RUNNING} --no-pivot --no-new-keyring ID", 0),
        ("--log LOG --log-format json start ID", 0),
        ("--log LOG --log-format json exec --process PROCESS --detach --pid-file PID2 ID", 0),
        ("--log LOG --log-format json ps --format json ID", 0),
        ("--log LOG --log-format json ps --format table ID -ef", 0),
        ("--log LOG --log-format json pause ID", 0),
        ("--log LOG --log-format json resume ID", 0),
        ("--log LOG --log-format json events --stats ID", 0),
        ("--log LOG --log-format json kill --all ID 9", 0),
        ("--log LOG --log-format json delete ID", 0),
        ("--log LOG --log-format json delete --force ID", 0),
    ],
    "BuildKit": [
        ("--log LOG --log-format json --rootless=false run --detach --bundle BUNDLE --keep ID", 0),
        ("state ID", 0),
        ("exec --process PROCESS --pid-file PID ID", 7),
        ("kill ID 9", 0),
        ("delete --force ID", 0),
    ],
    "podman": [
        (f"--log-format=json --log LOG {_RUNNING} ID", 0),
        ("start ID", 0),
        ("--log-format=json --log LOG exec --pid-file PID2 --process PROCESS --detach ID", 0),
        ("pause ID", 0),
        ("resume ID", 0),
        ("kill ID 15", 0),
        ("kill --all ID 9", 0),
        ("delete --force ID", 0),
    ],
    "cri-o": [
        (f"{_RUNNING} ID", 0),
        ("start ID", 0),
        ("state ID", 0),
        ("exec --process PROCESS ID", 7),
        ("kill ID KILL", 0),
        ("kill -a ID 9", 0),
        ("delete --force ID", 0),
    ],
    "conmon-rs": [
        (f"--root=ROOT --root=ROOT {_RUNNING} ID", 0),
        ("--root=ROOT --root=ROOT start ID", 0),
        ("--root=ROOT --root=ROOT exec -d --pid-file=PID2 ID sh -c true", 0),
        ("kill ID 9", 0),
        ("delete --force ID", 0),
    ],
    "buildah": [
        (f"{_RUNNING} --no-new-keyring --no-pivot ID", 0),
        ("start ID", 0),
        ("state ID", 0),
        ("kill ID SIGKILL", 0),
    ],
}


@pytest.mark.parametrize("caller", _LIVES)
def test_container_lives_when_spoken_to_as_by(caller: str, container: Container, process: Path, place: Path) -> None:
    container.bundle.args("sleep", "1000")
    words: dict[str, Any] = {"BUNDLE": container.bundle.write(), "PROCESS": process, "ID": container.id,
                             "ROOT": container.runtime.root, "LOG": place / "log.json", "PID": place / "pid",
                             "PID2": place / "pid2"}  # fmt: skip

    for line, status in _LIVES[caller]:
        if " delete ID" in f" {line}" or line.startswith(("delete", "kill -a ")):
            container.wait_for_status("stopped")
        command = re.sub("[A-Z]+2?", lambda found: str(words.get(found[0], found[0])), line).split()
        result = container.runtime(*command)

        assert (result.status, result.stderr) == (status, "")
    assert not (place / "log.json").exists() or not (place / "log.json").read_text()


def test_conmon_rs_asks_for_a_terminal_of_its_own(running: Container, recvtty: ConsoleSocket, place: Path) -> None:
    flags = ["-d", f"--console-socket={recvtty.path}", "--tty", f"--pid-file={place / 'pid'}"]

    running.exec("sh", "-c", "read line; echo got $line", flags=flags).ok()

    terminal = recvtty.terminal()
    terminal.write("word\n")
    assert "got word" in terminal.read_until("got word")
    assert int((place / "pid").read_text()) > 1
