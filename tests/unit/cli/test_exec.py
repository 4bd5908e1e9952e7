from __future__ import annotations

import json

import pytest

from pyoci import cli
from pyoci.cli import exec as exec_command
from pyoci.cli.arguments import Arguments, parse
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fake

OPTIONS = {
    "console_socket": "",
    "pidfd_socket": "",
    "pid_file": "",
    "preserve_fds": 0,
    "detach": False,
    "cgroup": [],
    "ignore_paused": False,
}


@pytest.mark.parametrize(
    ("text", "uid", "gid"),
    [
        pytest.param("1", 1, 0, id="uid alone has gid 0"),
        pytest.param("1:2", 1, 2, id="both"),
        pytest.param("0:0", 0, 0, id="root"),
        pytest.param("4294967294:4294967294", 2**32 - 2, 2**32 - 2, id="the largest"),
    ],
)
def test_user(text: str, uid: int, gid: int) -> None:
    assert {"uid": uid, "gid": gid} == exec_command.parse_user(text)


@pytest.mark.parametrize(
    "text",
    ["", ":", "1:", ":1", "-1", "1:-1", "0x1", "1:0x1", "1:2:3", " 1", "1 ", "+1", "root", "1:root", "4294967295",
     "1_0", "٣", "1\n"],
)  # fmt: skip
def test_user_is_refused_when_it_is_no_number(text: str) -> None:
    """CVE-2026-30892: what cannot be read must never become root."""
    with pytest.raises(UsageError):
        exec_command.parse_user(text)


def changes(*words: str) -> dict[str, object]:
    """What the options *words* ask to be changed."""
    arguments = Arguments("pyoci")
    parse(words, exec_command.OPTIONS, arguments.values)
    return {name: value for name, value in exec_command.changes(arguments).items() if value not in ("", [], None)}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("-t", {"terminal": True}, id="tty"),
        pytest.param("--cwd /y", {"cwd": "/y"}, id="cwd"),
        pytest.param("-e B=2 --env A=3", {"env": ["B=2", "A=3"]}, id="env"),
        pytest.param("-u 1", {"user": {"uid": 1, "gid": 0}}, id="user"),
        pytest.param("-g 9 -g 10", {"additional_gids": [9, 10]}, id="groups"),
        pytest.param("--process-label l --apparmor p", {"selinux_label": "l", "apparmor_profile": "p"}, id="labels"),
        pytest.param("--no-new-privs=false", {"no_new_privileges": False}, id="no-new-privs switched off"),
        pytest.param("--no-new-privs", {"no_new_privileges": True}, id="no-new-privs"),
        pytest.param("-c CAP_X --cap CAP_Y", {"capabilities": ["CAP_X", "CAP_Y"]}, id="capabilities"),
    ],
)
def test_options_change_the_process(line: str, changed: dict[str, object]) -> None:
    assert {"terminal": False, **changed} == changes(*line.split())


@pytest.mark.parametrize("group", ["", "-1", "0x1", "wheel", "1,2"])
def test_additional_group_is_refused_when_it_is_no_number(group: str) -> None:
    with pytest.raises(UsageError):
        changes(f"-g={group}")


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        pytest.param("exec --process {} web", {}, id="process"),
        pytest.param("exec -d -p {} --pid-file /p web", {"detach": True, "pid_file": "/p"}, id="as conmon does"),
        pytest.param("exec -p={} --cgroup a --cgroup cpu:b --ignore-paused web",
                     {"cgroup": ["a", "cpu:b"], "ignore_paused": True}, id="cgroup"),
        pytest.param("exec -p {} --preserve-fds=2 --console-socket /c --pidfd-socket /d web",
                     {"preserve_fds": 2, "console_socket": "/c", "pidfd_socket": "/d"}, id="the rest"),
    ],
)  # fmt: skip
def test_exec_passes_its_options_on(fake: Fake, tmp_path: Path, line: str, changes: dict[str, object]) -> None:
    calls = fake("exec", "execute", 3)
    process = {"args": ["ls"], "cwd": "/"}
    (tmp_path / "process.json").write_text(json.dumps(process))
    assert 3 == cli.call(["pyoci", "--root", "/r", *line.format(tmp_path / "process.json").split()])
    assert [(("/r", "web", process), {**OPTIONS, **changes})] == calls


def test_command_is_taken_as_it_stands_behind_the_id(fake: Fake, tmp_path: Path) -> None:
    calls = fake("exec", "execute", 0)
    (tmp_path / "web").mkdir()
    (tmp_path / "web/state.json").write_text("{}")
    (tmp_path / "web/config.json").write_text('{"process": {"cwd": "/x", "args": ["sh"]}}')
    assert 0 == cli.call(["pyoci", "--root", str(tmp_path), "exec", "-t", "web", "ls", "-d", "--", "--cwd=/"])
    process = calls[0][0][2]
    assert isinstance(process, dict)
    assert (["ls", "-d", "--", "--cwd=/"], "/x", True) == (process["args"], process["cwd"], process["terminal"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[]", "exec failed: {} does not describe a process: it is no object\n", id="no object"),
        pytest.param("{", "exec failed: {} is not JSON: ", id="no JSON"),
        pytest.param(None, 'exec failed: "{}": no such file or directory\n', id="no file"),
    ],
)
def test_says_what_is_wrong_with_the_process_file(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "process.json"
    if text is not None:
        path.write_text(text)
    assert 255 == cli.call(["pyoci", "exec", "-p", str(path), "web"])
    assert capfd.readouterr().err.startswith(message.format(path))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(["web"], "exec args cannot be empty", id="no command"),
        pytest.param(
            ["-u", "x", "web", "ls"],
            'invalid user in "x": an id is a number from 0 to 4294967294',
            id="bad user",
        ),
    ],
)
def test_wrong_use_that_only_exec_can_see_is_a_failure_of_exec(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, line: list[str], message: str
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/state.json").write_text("{}")
    (tmp_path / "web/config.json").write_text("{}")
    assert cli.call(["pyoci", "--root", str(tmp_path), "exec", *line]) == 255
    assert capfd.readouterr().err == f"exec failed: {message} (see pyoci exec --help)\n"
