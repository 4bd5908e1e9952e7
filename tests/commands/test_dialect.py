"""How the command line is spelled by those who call runc: dashes, orders, repetitions, probes, names.

What each command does in the end is tested in its own file; here it only has to be understood.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.container import Container, leftovers
from tests.support.runtime import Runtime
from tests.support.terminal import ConsoleSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# No PATH, no HOME, no LANG: what podman and cri-o leave.
_BARE = [pytest.param({}, id="nothing"), pytest.param({"XDG_RUNTIME_DIR": ""}, id="an empty XDG_RUNTIME_DIR")]


def called(program: str | Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """*program* with *words*, both streams in one, as go-runc and cri-o read them."""
    return subprocess.run(
        [program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
    )  # fmt: skip


# Dashes


def test_takes_long_options_with_one_dash(container: Container, place: Path, recvtty: ConsoleSocket) -> None:
    """go-runc writes -no-subreaper."""
    runtime, pid_file = container.runtime, place / "pid"
    container.bundle.process["terminal"] = True
    container.bundle.args("sleep", "1000")
    words: list[str | Path] = [
        "-detach", "-no-subreaper", "-no-pivot", "-no-new-keyring", "-bundle", container.bundle.write(),
        f"-pid-file={pid_file}", "-console-socket", recvtty.path, container.id,
    ]  # fmt: skip

    runtime("run", *words, options=["-log", str(place / "log"), "-log-format=json"]).ok()

    assert pid_file.read_text() == str(container.pid)
    assert runtime("list", "-quiet").ok().output == container.id
    assert runtime("ps", "-format", "json", container.id).ok().output == f"[{container.pid}]"
    assert container.exec("pwd", flags=["-cwd", "/tmp", "-env=A=B", "-user", "0:0"]).ok().output == "/tmp"
    runtime("kill", "-all", container.id, "9").ok()
    runtime("delete", "-force", container.id).ok()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--bundle", "@", "--pid-file", "@pid", "ID"], id="in front of the id"),
        pytest.param(["ID", "--bundle", "@", "--pid-file", "@pid"], id="behind the id"),
        pytest.param(["--pid-file=@pid", "ID", "-b=@"], id="on both sides"),
        pytest.param(["--no-pivot", "-b", "@", "--pid-file", "@pid", "--no-new-keyring", "ID"], id="flags between"),
        pytest.param(["--no-pivot=false", "-b", "@", "--pid-file", "@pid", "ID"], id="a flag with its value"),
        pytest.param(["-b", "/nowhere", "-b", "@", "--pid-file", "@pid", "ID"], id="the last one counts"),
    ],
)
def test_takes_options_of_create_in_any_order(container: Container, place: Path, words: Sequence[str]) -> None:
    named = {"ID": container.id}
    filled = [named.get(word, word.replace("@pid", f"{place}/pid")) for word in words]

    container.runtime("create", *(word.replace("@", str(container.bundle.write())) for word in filled)).ok()

    assert (place / "pid").read_text() == str(container.pid)


@pytest.mark.parametrize("words", [["ID", "--force"], ["--force", "ID"], ["ID", "-f"]], ids=" ".join)
def test_takes_options_of_delete_on_both_sides(container: Container, words: Sequence[str]) -> None:
    container.up()

    container.runtime("delete", *(word.replace("ID", container.id) for word in words)).ok()

    assert leftovers(container.runtime, container.id) == {}


def test_takes_repeated_global_options(container: Container, place: Path) -> None:
    """conmon-rs gives --root twice; a wrapper script of docker's puts its own in front."""
    options = ["--debug", "--log", "/nowhere/log", "--log-format", "text", "--root=/nowhere", "--debug"]
    last = ["--log", str(place / "log"), "--log-format", "json", f"--root={container.runtime.root}"]

    created = subprocess.run(
        [container.runtime.path, *options, *last, "create", "-b", container.bundle.write(), container.id],
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip

    assert created.returncode == 0
    assert container.status == "created"


@pytest.mark.differs("runc refuses the option, with every command, where systemd is not the init")
def test_minds_systemd_cgroup_only_where_a_cgroup_is_made(container: Container) -> None:
    """engines put it in front of every command."""
    container.create().ok()
    systemd = ["--systemd-cgroup", "--systemd-cgroup"]

    container.start(options=systemd).ok()
    container.runtime("state", container.id, options=systemd).ok()
    container.runtime("ps", "-f", "json", container.id, options=systemd).ok()
    container.delete("--force", options=systemd).ok()


def test_takes_the_option_of_older_callers(container: Container) -> None:
    container.create(options=["--criu", "/usr/sbin/criu"]).ok()


# Environment


@pytest.mark.needs("cgroup1")
@pytest.mark.parametrize("environment", _BARE)
def test_leads_a_life_with_next_to_no_environment(container: Container, environment: dict[str, str]) -> None:
    runtime = container.runtime
    container.bundle.args("sleep", "1000")

    container.create(env=environment).ok()
    for words in (
        ["start"], ["state"], ["ps", "--format", "json"], ["pause"], ["resume"], ["kill"], ["delete", "--force"],
    ):  # fmt: skip
        result = runtime(*words, container.id, env=environment).ok()
        assert result.stderr == ""
    assert runtime("list", "--format=json", env=environment).ok().output == "null"


@pytest.mark.parametrize(
    "environment",
    [
        *_BARE,
        pytest.param({"LANG": "xx_XX.bogus", "LC_ALL": "tlh"}, id="a locale that is none"),
        pytest.param({"LC_ALL": "POSIX"}, id="no UTF-8"),
        pytest.param({"PYTHONWARNINGS": "always", "PYTHONDEVMODE": "1", "PYTHONVERBOSE": "1"}, id="a chatty Python"),
        pytest.param({"GODEBUG": "x", "NOTIFY_SOCKET": "/nowhere", "LISTEN_PID": "1"}, id="somebody else's"),
    ],
)
@pytest.mark.parametrize(
    ("words", "begin"),
    [
        pytest.param(["state", "ID"], "{\n", id="state"),
        pytest.param(["ps", "--format", "json", "ID"], "[", id="ps"),
        pytest.param(["list", "--format=json"], "[{", id="list"),
        pytest.param(["features"], "{\n", id="features"),
        pytest.param(["--version"], "", id="version"),
    ],
)
def test_says_nothing_besides_the_answer(
    container: Container, environment: dict[str, str], words: list[str], begin: str
) -> None:
    container.bundle.config["annotations"] = {"org.example": "Grüße"}
    container.create().ok()
    asked = [word.replace("ID", container.id) for word in words]

    plain = called(container.runtime.path, "--root", str(container.runtime.root), *asked, LC_ALL="C.UTF-8")
    other = called(container.runtime.path, "--root", str(container.runtime.root), *asked, **environment)

    assert plain.returncode == other.returncode == 0
    assert other.stdout == plain.stdout
    assert other.stdout.startswith(begin)


# Files


@pytest.mark.parametrize("command", ["create", "run", "exec"])
def test_a_pid_file_appears_complete(container: Container, place: Path, command: str) -> None:
    """Whoever has the old one open never sees half of the new one: it is another file that takes its name."""
    directory = place / "pids"
    directory.mkdir()
    (directory / "pid").write_text("old")
    before = (directory / "pid").open()
    if command == "exec":
        container.up()
        container.exec("true", flags=["--pid-file", str(directory / "pid")]).ok()
    else:
        container.bundle.args("sleep", "1000")
        options = ["--detach"] if command == "run" else []
        container.runtime(
            command, *options, "-b", container.bundle.write(), "--pid-file", directory / "pid", container.id
        ).ok()

    assert before.read() == "old"
    assert os.fstat(before.fileno()).st_nlink == 0
    assert (directory / "pid").read_bytes().isdigit()
    assert os.listdir(directory) == ["pid"]
    before.close()


def test_descriptors_of_the_caller_stay_outside(container: Container) -> None:
    """conmon has pipes on 3 and 4, and says so in _OCI_SYNCPIPE and _OCI_STARTPIPE."""
    container.bundle.script("ls /proc/self/fd | tr '\\n' ' '; env | grep -c _OCI_")
    prefix = ["sh", "-c", 'exec "$@" 3</dev/null 4</dev/null 9</dev/null', "-"]
    environment = {**os.environ, "_OCI_SYNCPIPE": "3", "_OCI_STARTPIPE": "4"}

    assert container.run(prefix=prefix, env=environment).stdout == "0 1 2 3 0\n"  # the last one is ls's directory


# Probes


@pytest.mark.differs("runc can checkpoint")
@pytest.mark.parametrize(
    "words", [["checkpoint", "--help"], ["restore", "--lsm-mount-context"], ["restore", "--help"]], ids=" ".join
)
def test_claims_no_checkpoint_while_it_has_none(runtime: Runtime, words: list[str]) -> None:
    """podman takes exit status 0 of the first, and the second's complaint about a value, for the ability."""
    result = called(runtime.path, *words)

    assert result.returncode == 1
    assert f'unknown command "{words[0]}"' in result.stdout
    assert "flag needs an argument" not in result.stdout


@pytest.mark.parametrize("words", [["create", "--bundle"], ["exec", "--process"], ["list", "--format"]], ids=" ".join)
def test_says_that_an_option_lacks_its_value(runtime: Runtime, words: list[str]) -> None:
    """In the words podman looks for when it tries whether an option is known."""
    result = called(runtime.path, *words)

    assert result.returncode == 1
    assert "flag needs an argument" in result.stdout


def test_names_an_unknown_option_in_the_log_behind_it(runtime: Runtime, place: Path) -> None:
    """podman --runtime-flag puts it in front of its own --log."""
    result = called(runtime.path, "--invalidflag", "--log-format=json", "--log", f"{place}/log", "state", "x")

    assert result.returncode == 1
    assert "flag provided but not defined: -" in result.stdout
    assert "invalidflag" in result.stdout


@pytest.mark.differs("runc logs nothing of it")
def test_logs_an_unknown_option(runtime: Runtime, place: Path) -> None:
    called(runtime.path, "--invalidflag", "--log-format=json", "--log", f"{place}/log", "state", "x")

    assert "flag provided but not defined: --invalidflag" in (place / "log").read_text()


# Names


@pytest.mark.differs("runc is always called runc")
@pytest.mark.parametrize("name", ["runc", "crun"])
def test_answers_by_the_name_of_its_link(container: Container, place: Path, name: str) -> None:
    """podman reads JSON errors, and disables cgroups, only of programs with names it knows."""
    (place / name).symlink_to(container.runtime.path)
    linked = Runtime(str(place / name), place)
    container.bundle.args("no-such-program")

    version = called(place / name, "--version").stdout
    failed = linked("create", "-b", container.bundle.write(), container.id).failed()

    assert version.startswith(f"{name} version ")
    assert failed.stderr.startswith(f"{name} create failed: unable to start container process: ")
    assert f"usage: {name} " in called(place / name, "--help").stdout


@pytest.mark.differs("runc is always called runc")
def test_keeps_its_containers_in_one_place_whatever_its_name(runtime: Runtime, place: Path) -> None:
    (place / "runc").symlink_to(runtime.path)

    result = called(place / "runc", "state", "nobody", XDG_RUNTIME_DIR="")

    assert result.stdout == 'container does not exist: "nobody" below /run/pyoci\n'


def test_can_be_wrapped_in_a_script(container: Container, place: Path) -> None:
    """docker writes one when daemon.json gives a runtime arguments of its own."""
    wrapper = place / "wrapper"
    wrapper.write_text(f'#!/bin/sh\n{container.runtime.path} --debug --log {place}/own.log "$@"\n')
    wrapper.chmod(0o755)

    Runtime(str(wrapper), place)("create", "-b", container.bundle.write(), container.id).ok()

    assert container.status == "created"
    assert "level=debug" in (place / "own.log").read_text()
