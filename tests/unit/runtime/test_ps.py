from __future__ import annotations

import os

import pytest

from pyoci.errors import PyociError
from pyoci.runtime import ps
from pyoci.runtime.ps import _only


@pytest.mark.parametrize(
    ("pids", "listing", "expected"),
    [
        pytest.param([12], "PID CMD\n 1 a\n 12 b\n 121 c\n", "PID CMD\n 12 b\n", id="whole numbers"),
        pytest.param([1], "UID PID\n 1 2\n 2 1\n", "UID PID\n 2 1\n", id="in the column of pids"),
        pytest.param([], "PID\n1\n", "PID\n", id="no process"),
        pytest.param([1], "UID PID\n\n 0\n", "UID PID\n", id="lines that are too short"),
    ],
)
def test_only(pids: list[int], listing: str, expected: str) -> None:
    assert _only(pids, listing) == expected


@pytest.mark.parametrize("listing", ["", "CMD\na\n"])
def test_refuses_a_table_without_pids(listing: str) -> None:
    with pytest.raises(PyociError, match="couldn't find PID field in ps output"):
        _only([1], listing)


@pytest.fixture
def us(monkeypatch: pytest.MonkeyPatch) -> int:
    """The only process of every container: this one."""
    monkeypatch.setattr(ps, "pids", lambda *_: [os.getpid()])
    return os.getpid()


@pytest.mark.parametrize("options", ["", "-ef", "-e -o user,pid,args", "-eo pid"])
def test_table_is_the_hosts_with_the_processes_of_the_container(us: int, options: str) -> None:
    heading, row = ps.table("/r", "web", options.split()).splitlines()
    assert str(us) == row.split()[heading.split().index("PID")]


@pytest.mark.usefixtures("us")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["-eo", "user"], "couldn't find PID field in ps output", id="no pids"),
        pytest.param(["--bogus-option"], "ps --bogus-option: exit status 1: ", id="ps fails"),
    ],
)
def test_tells_why_there_is_no_table(options: list[str], message: str) -> None:
    with pytest.raises(PyociError) as caught:
        ps.table("/r", "web", options)
    assert caught.value.message.startswith(message)


@pytest.mark.usefixtures("us")
def test_tells_that_there_is_no_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ps, "_PATH", "/nonexistent")
    with pytest.raises(PyociError, match="cannot run ps: No such file or directory"):
        ps.table("/r", "web")
