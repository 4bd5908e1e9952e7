from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from pyoci import cli, journal, log
from pyoci.log import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    yield
    log.close()
    log.choose()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of both services."""
    path = str(tmp_path / "socket")
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    receiver.settimeout(5)
    monkeypatch.setattr(journal, "SOCKETS", {"journald": path, "syslog": path})
    yield receiver
    receiver.close()


def fields_of(entry: bytes) -> dict[str, str]:
    """What journald reads in *entry*: a name, a line's end, the length in eight bytes, the value, a line's end."""
    found = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        length = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + length].decode()
        assert rest[8 + length : 9 + length] == b"\n"
        entry = rest[9 + length :]
    return found


def test_entry_of_the_journal_has_what_is_known_as_fields() -> None:
    entry = journal.for_journald(
        "web", {"level": "error", "msg": "a\nb=é", "time": "T", "errno": 2, "file": "/x", "warnings": ["y", "z"]}
    )

    assert fields_of(entry) == {
        "SYSLOG_IDENTIFIER": "web", "PRIORITY": "3", "MESSAGE": "a\nb=é", "PYOCI_ERRNO": "2", "PYOCI_FILE": "/x",
        "PYOCI_WARNINGS": json.dumps(["y", "z"], separators=(",", ":")),
    }  # fmt: skip


@pytest.mark.parametrize(("level", "number"), [("error", 11), ("warning", 12), ("info", 14), ("debug", 15)])
def test_line_of_syslog_begins_with_facility_and_level(level: str, number: int) -> None:
    assert journal.for_syslog("web", {"level": level, "msg": "no"}) == f"<{number}>web: no".encode()


def test_failure_is_one_entry(service: socket.socket, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--root", str(tmp_path / "root"), "--log=journald:web", "--log-level", "error", "state", "nobody"]
    assert cli.call(["pyoci", *words]) == 1

    entry = fields_of(service.recv(65536))
    assert (entry["SYSLOG_IDENTIFIER"], entry["PRIORITY"]) == ("web", "3")
    assert f"{entry['MESSAGE']}\n" == capfd.readouterr().err


def test_syslog_gets_the_message(service: socket.socket) -> None:
    target = Log()
    target.open("syslog:")
    target.error("no", {"errno": 2})
    target.close()

    assert service.recv(65536) == b"<11>pyoci: no"


def test_debugging_goes_there_too(service: socket.socket) -> None:
    target = Log()
    target.level = "debug"
    target.open("journald:web")
    target.debug("said", step="x")
    target.close()

    assert fields_of(service.recv(65536))["PYOCI_STEP"] == "x"


def test_file_may_be_called_one(tmp_path: Path) -> None:
    target = Log()
    target.open(f"file:{tmp_path}/log")
    target.error("no", {})
    target.close()

    assert "msg=" in (tmp_path / "log").read_text()


def test_service_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(journal, "SOCKETS", {"journald": f"{tmp_path}/none"})
    assert cli.call(["pyoci", "--log", "journald:web", "list"]) == 1
    assert capfd.readouterr().err == "cannot open the log journald:web: No such file or directory\n"
