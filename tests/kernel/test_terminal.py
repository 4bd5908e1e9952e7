from __future__ import annotations

import errno
import os
import termios

import pytest

from pyoci.syscalls import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    InChild = Callable[..., Any]


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    """Both ends of a new pty."""
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    slave = terminal.open_pty(master)
    yield master, slave
    os.close(slave)
    os.close(master)


def test_open_pty_opens_the_other_end_when_only_the_master_is_known(pty: tuple[int, int]) -> None:
    master, slave = pty
    os.write(slave, b"hello\n")

    assert os.isatty(slave)
    assert os.read(master, 16) == b"hello\r\n"
    assert os.get_inheritable(slave) is False


def test_open_pty_fails_when_it_is_no_pty(root: int) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    with pytest.raises(OSError, match="ioctl") as caught:
        terminal.open_pty(null)
    os.close(null)

    assert caught.value.errno == errno.ENOTTY


def test_size_is_seen_at_both_ends_when_set(pty: tuple[int, int]) -> None:
    terminal.set_size(pty[0], 25, 132)

    assert terminal.get_size(pty[1]) == (25, 132)


def test_raw_passes_bytes_through_when_on_and_restore_undoes_it(pty: tuple[int, int]) -> None:
    master, slave = pty
    before = termios.tcgetattr(slave)

    saved = terminal.raw(slave)
    os.write(master, b"\x03\r")
    assert os.read(slave, 16) == b"\x03\r"  # neither a signal nor a newline
    os.write(slave, b"a\n")
    assert os.read(master, 16) == b"a\n"  # no echo came before, and no carriage return

    terminal.restore(master, saved)
    assert termios.tcgetattr(slave) == before


def test_make_controlling_gives_the_session_its_terminal_when_it_leads(in_child: InChild) -> None:
    def child() -> bool:
        os.setsid()
        slave = terminal.open_pty(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
        terminal.make_controlling(slave)
        return os.tcgetpgrp(os.open("/dev/tty", os.O_RDWR)) == os.getpid()

    assert in_child(child, 0) is True
