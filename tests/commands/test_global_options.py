"""What stands before the command: ``--root``, ``--log``, ``--log-format``, ``--debug``, ``--version``, ``--help``."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.runtime import Result, Runtime
from tests.support.waiting import PATIENCE

_COMMANDS = [
    *("create", "start", "state", "kill", "delete", "run", "exec", "list"),
    *("ps", "pause", "resume", "spec", "features"),
]


def bare(runtime: Runtime, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The runtime with *args* alone, without ``--root``."""
    environment = {**os.environ, **environment}
    return subprocess.run(
        [runtime.path, *args], capture_output=True, text=True, timeout=20 * PATIENCE, check=False, env=environment
    )


def log_entries(path: Path) -> list[dict[str, str]]:
    """The lines of a log file in JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("option", ["--version", "-v"])
def test_prints_its_version_first(runtime: Runtime, option: str) -> None:
    result = bare(runtime, option)

    first, *others = result.stdout.splitlines()
    assert first.startswith(f"{runtime.name} version ")
    assert {"commit: ", "spec: "} <= {line[: line.index(" ") + 1] for line in others}
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("help",), ()], ids=["--help", "-h", "help", "nothing"])
def test_prints_help(runtime: Runtime, args: tuple[str, ...]) -> None:
    result = bare(runtime, *args)

    assert result.returncode == 0
    for command in _COMMANDS:
        assert command in result.stdout


@pytest.mark.parametrize("command", _COMMANDS)
def test_prints_help_for_a_command(runtime: Runtime, command: str) -> None:
    result = bare(runtime, command, "--help")

    assert result.returncode == 0
    assert command in result.stdout


def test_refuses_an_unknown_command(runtime: Runtime) -> None:
    result = bare(runtime, "frobnicate")

    assert result.returncode != 0
    assert "frobnicate" in result.stderr + result.stdout


@pytest.mark.parametrize("args", [["--frobnicate", "list"], ["list", "--frobnicate"]], ids=["global", "command"])
def test_refuses_an_unknown_option(runtime: Runtime, args: list[str]) -> None:
    """podman's users see this text, and it must name the option."""
    result = bare(runtime, *args)

    assert result.returncode != 0
    assert "frobnicate" in result.stderr


@pytest.mark.parametrize("form", [["--root", "{}"], ["--root={}"], ["-root", "{}"], ["-root={}"]], ids=" ".join)
def test_takes_each_form_of_an_option(runtime: Runtime, container: Container, form: list[str]) -> None:
    container.create().ok()

    result = bare(runtime, *(word.format(runtime.root) for word in form), "list", "-q")

    assert result.stdout.split() == [container.id]


def test_lets_the_last_of_a_repeated_option_win(runtime: Runtime, container: Container, place: Path) -> None:
    """conmon-rs repeats --root and --systemd-cgroup."""
    container.create().ok()

    result = bare(runtime, "--root", str(place / "other"), "--root", str(runtime.root), "list", "-q")

    assert result.stdout.split() == [container.id]


def test_lets_the_root_directory_be_missing(runtime: Runtime) -> None:
    assert runtime("list", "-q").ok().stdout == ""


def test_makes_the_root_directory_private(container: Container) -> None:
    container.create().ok()

    assert container.runtime.root.stat().st_mode & 0o077 == 0


def test_removes_the_state_with_the_container(container: Container) -> None:
    container.create().ok()
    assert (container.runtime.root / container.id).is_dir()

    container.delete().ok()

    assert list(container.runtime.root.iterdir()) == []


# The log


def failing(runtime: Runtime, *options: str) -> Result:
    """A command that fails."""
    return runtime("state", "nobody", options=options).failed()


def test_writes_one_json_object_for_a_failure(runtime: Runtime, place: Path) -> None:
    """podman reads the whole file as one object, containerd takes the last of level error."""
    failing(runtime, "--log", str(place / "log.json"), "--log-format", "json")

    (entry,) = log_entries(place / "log.json")
    assert entry["level"] == "error"
    assert "container does not exist" in entry["msg"]
    dt.datetime.fromisoformat(entry["time"][:19] + "+00:00")


def test_says_it_on_standard_error_too(runtime: Runtime, place: Path) -> None:
    result = failing(runtime, "--log", str(place / "log.json"), "--log-format", "json")

    assert "container does not exist" in result.stderr
    assert not result.stderr.startswith("{")


def test_writes_the_message_of_a_failed_create(container: Container, place: Path) -> None:
    container.bundle.args("no-such-program")

    container.create(options=["--log", str(place / "log.json"), "--log-format=json"]).failed()

    last = [entry for entry in log_entries(place / "log.json") if entry["level"] == "error"][-1]
    assert last["msg"].startswith(f"{container.runtime.name} create failed: unable to start container process")
    assert 'exec: "no-such-program": executable file not found in $PATH' in last["msg"]


def test_writes_one_json_object_for_an_exec_that_fails(container: Container, place: Path) -> None:
    container.up()

    log = ["--log", str(place / "log.json"), "--log-format=json"]
    container.exec("no-such-program", options=log).failed(status=255)

    assert [entry["level"] for entry in log_entries(place / "log.json")] == ["error"]


def test_writes_one_json_object_for_wrong_usage(runtime: Runtime, place: Path) -> None:
    runtime("state", options=["--log", str(place / "log.json"), "--log-format", "json"]).failed()

    (entry,) = log_entries(place / "log.json")
    assert "requires exactly 1 argument" in entry["msg"]


def test_appends_to_the_log(runtime: Runtime, place: Path) -> None:
    for _ in range(2):
        failing(runtime, "--log", str(place / "log.json"), "--log-format", "json")

    assert len(log_entries(place / "log.json")) == 2


def test_writes_text_unless_told_otherwise(runtime: Runtime, place: Path) -> None:
    failing(runtime, "--log", str(place / "log"))

    text = (place / "log").read_text()
    assert text.startswith('time="')
    assert 'level=error msg="' in text
    assert "container does not exist" in text


def test_logs_nothing_on_success(container: Container, place: Path) -> None:
    container.create(options=["--log", str(place / "log.json"), "--log-format", "json"]).ok()

    log = place / "log.json"
    assert not log.exists() or log.read_text() == ""


def test_refuses_an_unknown_log_format(runtime: Runtime) -> None:
    runtime("list", options=["--log-format", "xml"]).failed("xml")


def test_keeps_standard_output_clean_with_debug(container: Container) -> None:
    container.create(options=["--debug"]).ok()

    assert json.loads(container.runtime("state", container.id, options=["--debug"]).ok().stdout)["id"] == container.id


def test_logs_more_with_debug(container: Container, place: Path) -> None:
    container.create(options=["--debug", "--log", str(place / "log.json"), "--log-format", "json"]).ok()

    assert {entry["level"] for entry in log_entries(place / "log.json")} & {"debug", "info"}


@pytest.mark.parametrize("value", ["true", "false", "auto"])
def test_takes_rootless(container: Container, value: str) -> None:
    container.create(options=["--rootless", value]).ok()


@pytest.mark.differs("crun's option; runc has none")
@pytest.mark.parametrize("value", ["cgroupfs", "disabled"])
def test_takes_the_cgroup_manager(container: Container, value: str) -> None:
    container.create(options=[f"--cgroup-manager={value}"]).ok()


@pytest.mark.differs("crun's option; runc has none")
def test_makes_no_cgroup_when_they_are_disabled(container: Container) -> None:
    container.bundle.linux.pop("resources")
    container.bundle.args("sleep", "1000")
    container.run("--detach", options=["--cgroup-manager", "disabled"]).ok()

    assert Path(f"/proc/{container.pid}/cgroup").read_text() == Path("/proc/self/cgroup").read_text()


@pytest.mark.differs("runc has it since 1.2")
def test_refuses_the_host_root_as_root_directory(runtime: Runtime) -> None:
    assert bare(runtime, "--root", "/", "list").returncode == 1


@pytest.mark.needs("root")
def test_keeps_its_state_in_run_for_root(runtime: Runtime) -> None:
    result = bare(runtime, "--help")

    assert f"/run/{runtime.name}" in result.stdout
