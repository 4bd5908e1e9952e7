from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyoci import cli
from pyoci.cli import completion
from pyoci.cli.candidates import DIRECTORIES, FILES, candidates
from pyoci.cli.options import GLOBAL

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = [*cli.COMMANDS, "help"]


def words(line: str) -> list[str]:
    """What the end of *line*, behind its last space, could become."""
    return [word for word, _ in candidates(line.split(" "))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("", COMMANDS, id="nothing"),
        pytest.param("--debug ", COMMANDS, id="behind a flag"),
        pytest.param("--root /x ", COMMANDS, id="behind an option and its value"),
        pytest.param("--root --debug ", COMMANDS, id="behind a value that looks like an option"),
        pytest.param("help ", COMMANDS, id="help"),
        pytest.param("help s", ["start", "state", "spec"], id="help for a letter"),
        pytest.param("help state ", [], id="one command is enough for help"),
        pytest.param("-", [name for option in GLOBAL for name in option.names], id="a dash"),
        pytest.param("--log-", ["--log-format", "--log-level"], id="long names"),
        pytest.param("--root ", [DIRECTORIES], id="value of an option"),
        pytest.param("--log=", [FILES], id="value in the same word"),
        pytest.param("-log=", [FILES], id="with one dash"),
        pytest.param("--log-level w", ["warning"], id="choice"),
        pytest.param("--log-format=t", ["text"], id="suggestion"),
        pytest.param("--cgroup-manager ", ["cgroupfs", "systemd", "disabled"], id="all choices"),
        pytest.param("--debug=", [], id="a flag has no value"),
        pytest.param("--bogus=", [], id="nor has an option that is none"),
        pytest.param("bogus ", [], id="unknown command"),
        pytest.param("create ", [], id="new id"),
        pytest.param("create -b", ["-b"], id="short name"),
        pytest.param("create -b ", [DIRECTORIES], id="value of a short name"),
        pytest.param("create web --pid-f", ["--pid-file"], id="option behind the id"),
        pytest.param("exec -dtp ", [FILES], id="letters, of which the last takes a value"),
        pytest.param("exec -dt --cap CAP_SYS_B", ["CAP_SYS_BOOT"], id="capability"),
        pytest.param("exec web -", [], id="behind the id all belongs to the container"),
        pytest.param("exec web --env ", [], id="also what looks like an option"),
        pytest.param("kill web RT", ["RTMIN", "RTMAX"], id="signal"),
        pytest.param("kill -a web KI", ["KILL"], id="signal behind an option"),
        pytest.param("kill web KILL ", [], id="one signal is enough"),
        pytest.param("ps web -", [], id="options of ps"),
        pytest.param("features ", [], id="no operand"),
        pytest.param("completion ", ["bash", "zsh", "fish"], id="shell"),
        pytest.param("completion bash ", [], id="word"),
    ],
)
def test_offers(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_offers_every_option_of_a_command(command: str) -> None:
    module = cli._command(command)

    assert words(f"{command} -") == [*(name for option in module.OPTIONS for name in option.names), "--help", "-h"]


@pytest.mark.parametrize(
    "line", ["--root {} state ", "--root={} state ", "-root {} --debug state ", "--root x --root={} kill "]
)
def test_offers_the_containers_below_root(tmp_path: Path, line: str) -> None:
    for name in ("web", "db"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text("{}")

    assert candidates(line.format(tmp_path).split(" ")) == [("db", "stopped"), ("web", "stopped")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("pyoci", [], id="the name alone"),
        pytest.param("pyoci ", [""], id="behind it"),
        pytest.param("pyoci  list\t-", ["list", "-"], id="white space"),
        pytest.param("pyoci --root 'a b' x\\ y", ["--root", "a b", "x y"], id="quotations"),
    ],
)
def test_splits_a_line_as_bash_does(line: str, expected: list[str]) -> None:
    assert completion._split(line) == expected


def test_offers_bash_nothing_inside_a_quotation(capfd: pytest.CaptureFixture[str]) -> None:
    cli.call(["pyoci", "completion", "bash", "pyoci 'a"])
    assert "" == capfd.readouterr().out
