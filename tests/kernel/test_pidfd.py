"""Waiting for processes: children of ours, and those of somebody else who asks for their status or does not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pyoci.syscalls import pidfd, process

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDINGS = [
    pytest.param(0, id="success"),
    pytest.param(255, id="the largest status"),
    pytest.param(-15, id="a signal"),
    pytest.param(-3, id="a signal that dumps core"),
]


def end(status: int) -> None:
    """End with *status*, or of the signal it is minus."""
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


class Stranger:
    """A process with a parent other than us, which ends or collects it when told to."""

    def __init__(self, status: int) -> None:
        self._reader, self._writer = os.pipe()
        told, self._tell = os.pipe()
        collect, self._collect = os.pipe()
        self.parent = os.fork()
        if self.parent == 0:
            os.close(self._tell)
            os.close(self._collect)
            self._be_parent(status, told, collect)
        os.close(told)
        os.close(collect)
        self.pid = int(os.read(self._reader, 20))
        self.start_time = process.start_time(self.pid) or 0
        self.pidfd = os.pidfd_open(self.pid)

    def _be_parent(self, status: int, told: int, collect: int) -> None:
        pid = os.fork()
        if pid == 0:
            os.read(told, 1)
            end(status)
        os.write(self._writer, str(pid).encode())
        os.read(collect, 1)
        os.waitpid(pid, 0)
        os._exit(0)

    def end(self) -> None:
        """Let it end; it stays a zombie."""
        os.close(self._tell)
        self._tell = -1
        assert pidfd.wait(self.pidfd)

    def be_collected(self) -> None:
        """Let its parent ask for the status."""
        os.close(self._collect)
        self._collect = -1
        os.waitpid(self.parent, 0)
        self.parent = 0

    def close(self) -> None:
        """Leave nothing."""
        for fd in (self._tell, self._collect, self._reader, self._writer, self.pidfd):
            if fd >= 0:
                os.close(fd)
        if self.parent:
            os.waitpid(self.parent, 0)


@pytest.fixture
def status() -> int:
    return 3


@pytest.fixture
def stranger(status: int) -> Iterator[Stranger]:
    made = Stranger(status)
    yield made
    made.close()


@pytest.mark.parametrize("status", ENDINGS)
def test_collects_a_child(status: int) -> None:
    pid = os.fork()
    if pid == 0:
        end(status)
    fd = os.pidfd_open(pid)

    assert pidfd.wait_for_status(fd, pid, process.start_time(pid) or 0) == status

    os.close(fd)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


@pytest.mark.parametrize("status", ENDINGS)
def test_reads_the_status_of_a_stranger_that_nobody_has_collected(stranger: Stranger, status: int) -> None:
    stranger.end()

    assert pidfd.wait_for_status(stranger.pidfd, stranger.pid, stranger.start_time) == status


@pytest.mark.needs("pidfd-exit")
@pytest.mark.parametrize("status", ENDINGS)
def test_reads_the_status_of_a_stranger_that_was_collected(stranger: Stranger, status: int) -> None:
    stranger.end()
    stranger.be_collected()

    assert pidfd.wait_for_status(stranger.pidfd, stranger.pid, stranger.start_time) == status


def test_knows_nothing_where_the_kernel_forgets(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pidfd, "_PIDFD_GET_INFO", 0)  # what an older kernel makes of the number: ENOTTY
    stranger.end()
    stranger.be_collected()

    assert pidfd.wait_for_status(stranger.pidfd, stranger.pid, stranger.start_time) is None


def test_believes_no_process_that_only_has_the_number(stranger: Stranger) -> None:
    stranger.end()

    assert pidfd._of_uncollected(stranger.pid, stranger.start_time + 1) is None


@pytest.mark.needs("root")
def test_does_not_take_a_hidden_status_for_success(stranger: Stranger) -> None:
    stranger.end()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os._exit(42 if pidfd._of_uncollected(stranger.pid, stranger.start_time) is None else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42


def test_waits_no_longer_than_it_may(stranger: Stranger) -> None:
    assert not pidfd.wait(stranger.pidfd, 0.01)
