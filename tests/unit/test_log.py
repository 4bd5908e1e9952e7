from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pyoci.log import Log, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Log]:
    target = Log()
    target.open(str(tmp_path / "log"))
    yield target
    target.close()


def lines(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


def test_json_line_has_level_message_time_and_details(target: Log, tmp_path: Path) -> None:
    target.format = "json"
    target.error('say "no"\n', {"errno": 2, "file": "/x"})
    (line,) = map(json.loads, lines(tmp_path))
    assert ["level", "msg", "time", "errno", "file"] == list(line)
    assert datetime.fromisoformat(line.pop("time"))
    assert {"level": "error", "msg": 'say "no"\n', "errno": 2, "file": "/x"} == line


def test_text_line_is_quoted_where_it_must_be() -> None:
    fields = {
        "level": "error",
        "msg": 'a "b"',
        "time": "T",
        "step": "root.pivot",
        "file": "/a b",
        "warnings": ["x", "y"],
    }
    assert r'time="T" level=error msg="a \"b\"" step=root.pivot file="/a b" warnings="x; y"' == as_text(fields)


def test_appends_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    target = Log()
    target.open(str(tmp_path / "log"))
    target.error("x", {})
    target.close()
    assert ["before"] == lines(tmp_path)[:1]
    assert 2 == len(lines(tmp_path))


def test_warnings_are_written_when_the_operation_has_succeeded(target: Log, tmp_path: Path) -> None:
    target.warning("one")
    target.warning("two")
    assert [] == lines(tmp_path)
    target.finish()
    target.finish()
    assert ["level=warning", "level=warning"] == [line.split()[1] for line in lines(tmp_path)]


def test_warnings_are_dropped_when_only_errors_count(target: Log, tmp_path: Path) -> None:
    target.level = "error"
    target.warning("one")
    target.finish()
    assert [] == lines(tmp_path)


def test_debug_is_silent_unless_asked_for(target: Log, tmp_path: Path) -> None:
    target.debug("one")
    assert [] == lines(tmp_path)
    target.level = "debug"
    target.debug("two", step="root.pivot")
    target.warning("three")
    assert ['msg="two"', 'msg="three"'] == [line.split()[2] for line in lines(tmp_path)]


def test_nothing_is_written_without_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    target = Log()
    target.debug("one")
    target.warning("two")
    target.error("three", {})
    target.finish()
    assert ("", "") == capfd.readouterr()


def test_descriptor_is_out_of_the_way_and_not_inherited(target: Log) -> None:
    """Descriptor 3 and those behind it are what --preserve-fds passes on."""
    assert target.fd >= 100
    assert fcntl.fcntl(target.fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def test_text_that_is_no_utf_8_stays_readable_json(target: Log, tmp_path: Path) -> None:
    target.format = "json"
    target.error(os.fsdecode(b"a\xff"), {})
    assert "a\udcff" == json.loads(lines(tmp_path)[0])["msg"]
