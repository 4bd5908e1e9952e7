"""What goes wrong ends as one line on stderr, one line in the log, and an exit status."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from pyoci import cli, log
from pyoci.errors import ConfigError, ContainerNotFound, StepError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conftest import Fake

TOP = Path(__file__).parents[3]


def refused() -> OSError:
    error = OSError(errno.EPERM, "Operation not permitted", "/x")
    error.add_note("mount(2)")
    return error


FAILURES = [
    pytest.param(ContainerNotFound("web"), 'container does not exist: "web"', {}, id="text alone"),
    pytest.param(
        StepError("no", step="root.pivot", call="pivot_root(2)", file="/x", errno=22, hint="try"),
        "no (try)",
        {"step": "root.pivot", "call": "pivot_root(2)", "file": "/x", "errno": 22, "hint": "try"},
        id="all details",
    ),
    pytest.param(ConfigError("is required", "root.path"), "root.path: is required", {"field": "root.path"}, id="place"),
    pytest.param(
        refused(),
        'mount(2): "/x": operation not permitted',
        {"call": "mount(2)", "file": "/x", "errno": 1},
        id="OSError with a call",
    ),
    pytest.param(OSError(errno.EIO, "Input/output error"), "input/output error", {"errno": 5}, id="OSError without"),
    pytest.param(
        ImportError("No module named 'x'", name="x"),
        "cannot import x: No module named 'x' (is pyoci installed completely?)",
        {"hint": "is pyoci installed completely?"},
        id="ImportError",
    ),
    pytest.param(StepError("a\n  b\n\nc"), "a; b; c", {}, id="several lines"),
]


@pytest.mark.parametrize(("error", "message", "details"), FAILURES)
def test_failure_is_one_line_and_one_object(
    fake: Fake,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: Exception,
    message: str,
    details: dict[str, object],
) -> None:
    fake("start", "start", error)
    path = tmp_path / "log.json"
    assert 1 == cli.call(["pyoci", "--log", str(path), "--log-format=json", "start", "web"])
    assert ("", f"{message}\n") == capfd.readouterr()
    line = json.loads(path.read_text())
    assert datetime.fromisoformat(line.pop("time"))
    assert {"level": "error", "msg": message, **details} == line


@pytest.mark.parametrize(
    ("module", "function", "line", "prefix", "status"),
    [
        pytest.param("create", "create", ["create", "web"], "pyoci create failed: ", 1, id="create"),
        pytest.param("run", "run", ["run", "web"], "pyoci run failed: ", 1, id="run"),
        pytest.param("exec", "execute", ["exec", "-p", "FILE", "web"], "exec failed: ", 255, id="exec"),
        pytest.param("delete", "delete", ["delete", "web"], "", 1, id="delete"),
        pytest.param("state", "state", ["state", "web"], "", 1, id="state"),
    ],
)
def test_message_begins_as_runcs(
    fake: Fake,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    module: str,
    function: str,
    line: list[str],
    prefix: str,
    status: int,
) -> None:
    fake(module, function, StepError("no"))
    (tmp_path / "FILE").write_text("{}")
    assert status == cli.call(["pyoci", *(str(tmp_path / "FILE") if word == "FILE" else word for word in line)])
    assert f"{prefix}no\n" == capfd.readouterr().err


@pytest.mark.parametrize("name", ["runc", "crun"])
def test_answers_as_the_peer_it_is_linked_as(fake: Fake, capfd: pytest.CaptureFixture[str], name: str) -> None:
    fake("create", "create", StepError("no"))
    cli.call([f"/usr/bin/{name}", "create", "web"])
    assert f"{name} create failed: no\n" == capfd.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(["bogus"], 'unknown command "bogus" (see pyoci --help)', id="unknown command"),
        pytest.param(["--bogus", "create", "x"], "flag provided but not defined: --bogus (see pyoci --help)",
                     id="global"),
        pytest.param(["state", "--bogus", "x"], "flag provided but not defined: --bogus (see pyoci state --help)",
                     id="of a command"),
        pytest.param(["state"], 'pyoci: "state" requires exactly 1 argument(s) (see pyoci state --help)', id="no id"),
        pytest.param(["create", "a", "b"], 'pyoci: "create" requires exactly 1 argument(s) (see pyoci create --help)',
                     id="two ids"),
        pytest.param(["--root", "/", "state", "x"],
                     "--root: / is refused: every directory of the host would be taken for a container "
                     "(see pyoci state --help)", id="root"),
        pytest.param(["--root", "/x/..//", "state", "x"],
                     "--root: / is refused: every directory of the host would be taken for a container "
                     "(see pyoci state --help)", id="root in disguise"),
        pytest.param(["--rootless=maybe", "create", "x"],
                     'pyoci create failed: invalid value "maybe" for flag --rootless: it is one of true, false, auto '
                     "(see pyoci create --help)", id="rootless"),
        pytest.param(["--log-format=xml", "state", "x"], "invalid log-format: xml (see pyoci --help)", id="log-format"),
        pytest.param(["help", "bogus"], 'unknown command "bogus" (see pyoci --help)', id="help of nothing"),
        pytest.param(["exec", "-u", "x"], None, id="exec without an id"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["json", "text"])
def test_usage_error_is_logged_too(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, line: list[str], message: str | None, form: str
) -> None:
    path = tmp_path / "log"
    assert 1 == cli.call(["pyoci", "--log-format", form, "--log", str(path), *line])
    out, err = capfd.readouterr()
    assert out == ""
    assert 1 == err.count("\n")
    assert message is None or f"{message}\n" == err
    (logged,) = path.read_text().splitlines()
    if form == "json" and "--log-format=xml" not in line:
        assert err.rstrip() == json.loads(logged)["msg"]
    else:
        assert logged.startswith('time="')
        assert " level=error msg=" in logged


def test_log_behind_an_unknown_option_is_found(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """podman puts the user's --runtime-flag before its own --log."""
    path = tmp_path / "log"
    assert 1 == cli.call(["pyoci", "--invalidflag", "--log-format=json", "--log", str(path), "create", "x"])
    assert "--invalidflag" in json.loads(path.read_text())["msg"]


@pytest.mark.parametrize("repeated", ["--root=/a --root=/r", "--root /a --root /r"])
def test_last_one_wins_when_a_global_option_is_repeated(fake: Fake, repeated: str) -> None:
    calls = fake("start", "start")
    assert 0 == cli.call(["pyoci", *repeated.split(), "start", "web"])
    assert [(("/r", "web"), {})] == calls


def test_internal_error_names_its_place_and_hides_its_traceback(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake("start", "start", KeyError("x"))
    assert 1 == cli.call(["pyoci", "start", "web"])
    err = capfd.readouterr().err
    assert err.startswith("internal error at ")
    assert err.endswith("conftest.py:37: KeyError: 'x' (--debug logs how it came about)\n")


def test_debug_logs_the_traceback_before_the_error(fake: Fake, tmp_path: Path) -> None:
    fake("start", "start", KeyError("x"))
    path = tmp_path / "log"
    cli.call(["pyoci", "--debug", "--log", str(path), "--log-format", "json", "start", "web"])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert ["debug", "error"] == [line["level"] for line in lines]
    assert lines[0]["msg"].startswith("Traceback")


def test_debug_goes_to_stderr_when_there_is_no_log(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake("start", "start", StepError("no"))
    cli.call(["pyoci", "--debug", "start", "web"])
    first, last = capfd.readouterr().err.splitlines()
    assert ' level=debug msg="Traceback' in first
    assert "no" == last


def test_success_is_silent(fake: Fake, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fake("start", "start")
    path = tmp_path / "log"
    assert 0 == cli.call(["pyoci", "--log", str(path), "start", "web"])
    assert ("", "") == capfd.readouterr()
    assert "" == path.read_text()


def test_log_that_cannot_be_opened_is_said_on_stderr(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "none/log"
    assert 1 == cli.call(["pyoci", "--log", str(path), "start", "web"])
    assert f"cannot open the log {path}: No such file or directory\n" == capfd.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        pytest.param(KeyboardInterrupt(), 130, id="interrupted"),
        pytest.param(SystemExit(141), 141, id="asked to exit"),
        pytest.param(SystemExit("x"), 1, id="asked to exit with a text"),
    ],
)
def test_ends_quietly(fake: Fake, capfd: pytest.CaptureFixture[str], raised: BaseException, status: int) -> None:
    fake("start", "start", raised)
    assert status == cli.call(["pyoci", "start", "web"])
    assert ("", "") == capfd.readouterr()


@pytest.mark.parametrize("line", [[], ["--help"], ["-h"], ["help"], ["-help"], ["--help", "create"]])
def test_help_lists_every_command(capfd: pytest.CaptureFixture[str], line: list[str]) -> None:
    assert 0 == cli.call(["pyoci", *line])
    out, err = capfd.readouterr()
    assert "" == err
    if line[-1:] != ["create"]:
        assert set(cli.COMMANDS) <= set(out.split())


@pytest.mark.parametrize(
    ("command", "form"),
    [
        *((command, form) for command in cli.COMMANDS for form in ("{} --help", "{} -h", "help {}")),
        *((name, "{} x --help") for name in cli.COMMANDS if len(cli._command(name).OPERANDS.split()) < 2),
    ],
)
def test_help_of_a_command_names_its_options(capfd: pytest.CaptureFixture[str], command: str, form: str) -> None:
    assert 0 == cli.call(["pyoci", *form.format(command).split()])
    out, err = capfd.readouterr()
    assert out.startswith(f"usage: pyoci {command} [OPTION...]")
    assert "" == err
    for option in cli._command(command).OPTIONS:
        assert set(option.names) <= set(out.replace(",", " ").split())


@pytest.mark.parametrize(
    ("path", "name"), [("/usr/bin/pyoci", "pyoci"), ("runc", "runc"), ("/x/crun", "crun"), ("x", "pyoci")]
)
def test_version_begins_with_the_programs_name(capfd: pytest.CaptureFixture[str], path: str, name: str) -> None:
    assert 0 == cli.call([path, "-v"])
    first, *rest = capfd.readouterr().out.splitlines()
    assert f"{name} version 0.1.0" == first
    assert "spec: 1.3.0" in rest


def pyoci(*words: str, stdout: int = subprocess.PIPE, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, as it is installed: -I -S."""
    start = code or "from pyoci.cli import main; main()"
    script = f"import sys; sys.path.insert(0, {str(TOP)!r}); {start}"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *words],
        check=False, stdout=stdout, stderr=subprocess.PIPE, text=True, env={}, timeout=60,
    )  # fmt: skip


def test_ends_quietly_when_nobody_reads() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = pyoci("--help", stdout=writer)
    os.close(writer)
    assert (141, "") == (done.returncode, done.stderr)


def test_works_without_any_standard_descriptor(tmp_path: Path) -> None:
    """What the caller left closed must not become the log."""
    script = f"exec <&- >&- 2>&-; exec {sys.executable} -I -S -c 'import sys; sys.path.insert(0, {str(TOP)!r}); "
    script += f"""from pyoci.cli import main; main()' --log {tmp_path}/log --log-format json state none"""
    assert 1 == subprocess.run(["/bin/sh", "-c", script.replace(repr(str(TOP)), f'"{TOP}"')], check=False).returncode
    assert 'container does not exist: "none" below /run/pyoci' == json.loads((tmp_path / "log").read_text())["msg"]


def test_reports_a_damaged_installation_in_the_log(tmp_path: Path) -> None:
    code = "sys.modules['pyoci.cli.state'] = None; from pyoci.cli import main; main()"
    done = pyoci("--log", f"{tmp_path}/log", "--log-format", "json", "state", "x", code=code)
    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "cannot import pyoci.cli.state" in json.loads((tmp_path / "log").read_text())["msg"]


def test_words_that_are_no_utf_8_are_reported_and_logged(tmp_path: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(TOP)!r}); from pyoci.cli import main; main()"
    words = [b"--log", f"{tmp_path}/log".encode(), b"--log-format", b"json", b"state", b"a\xff"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", script, *words], check=False, capture_output=True
    )
    assert 1 == done.returncode
    assert 1 == done.stderr.count(b"\n")
    assert "invalid container ID format" in json.loads((tmp_path / "log").read_text())["msg"]


def test_warnings_are_part_of_the_one_object_of_a_failure(tmp_path: Path) -> None:
    log.choose("json")
    log.open_file(str(tmp_path / "log"))
    log.warning("odd")
    assert 1 == cli._report(UsageError("no"), cli.Arguments("pyoci"))
    assert ["odd"] == json.loads((tmp_path / "log").read_text())["warnings"]
