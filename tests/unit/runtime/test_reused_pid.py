"""A container that ends while it is looked at leaves its number to others: processes of the host, for one."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace

import pytest

from pyoci.errors import WrongStatus
from pyoci.runtime import exec as entering
from pyoci.runtime import kill
from tests.support.fake_init import fake_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """The process that has the number now."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def container(stranger: subprocess.Popen[bytes]) -> Any:
    """The container that had it."""
    return SimpleNamespace(pid=stranger.pid, is_alive=lambda: False, record={"privatePids": True}, cgroup=bool)


def test_kill_sends_nothing_when_the_number_is_anothers(container: Any, stranger: subprocess.Popen[bytes]) -> None:
    with pytest.raises(WrongStatus, match="container not running"):
        kill._send(container, 15)

    assert stranger.poll() is None


def test_exec_enters_nothing_when_the_number_is_anothers(container: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entering, "_init", lambda *_: fake_init())
    before = os.listdir("/proc/self/fd")

    with pytest.raises(WrongStatus, match="cannot exec in a stopped container"):
        entering._bear(container, None, None, None)  # type: ignore[arg-type]  # it is not looked at

    assert os.listdir("/proc/self/fd") == before
