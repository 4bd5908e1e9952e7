"""Pseudoterminals and terminal attributes: ioctl_tty(2), termios(3).

The module termios is loaded only where attributes are changed, and never in a container.
"""

from __future__ import annotations

import fcntl
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# include/uapi/asm-generic/ioctls.h
TIOCSCTTY = 0x540E
TIOCGWINSZ = 0x5413
TIOCSWINSZ = 0x5414
TIOCSPTLCK = 0x4004_5431
TIOCGPTPEER = 0x5441

_WINSIZE = struct.Struct("=4H")  # struct winsize: rows, columns, and two that nobody uses
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6  # where tcgetattr(3) lists them in Python


def open_pty(ptmx_fd: int) -> int:
    """The other end of the pty whose master is *ptmx_fd*, by the descriptor alone: no path is looked up."""
    fcntl.ioctl(ptmx_fd, TIOCSPTLCK, struct.pack("=i", 0))
    return fcntl.ioctl(ptmx_fd, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


def set_size(fd: int, rows: int, columns: int) -> None:
    """Set the size of the terminal in characters; its foreground group gets SIGWINCH."""
    fcntl.ioctl(fd, TIOCSWINSZ, _WINSIZE.pack(rows, columns, 0, 0))


def get_size(fd: int) -> tuple[int, int]:
    """Rows and columns of the terminal."""
    rows, columns, _, _ = _WINSIZE.unpack(fcntl.ioctl(fd, TIOCGWINSZ, bytes(_WINSIZE.size)))
    return rows, columns


def make_controlling(fd: int) -> None:
    """Make *fd* the controlling terminal of our session, which we have to lead and which has none yet."""
    fcntl.ioctl(fd, TIOCSCTTY, 0)


def raw(fd: int) -> list[Any]:
    """Pass every byte through as it comes (cfmakeraw(3)); the former attributes, for ``restore``."""
    import termios

    saved = termios.tcgetattr(fd)
    wanted = [*saved[:_CC], list(saved[_CC])]
    wanted[_IFLAG] &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
        | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
    )  # fmt: skip
    wanted[_OFLAG] &= ~termios.OPOST
    wanted[_CFLAG] = wanted[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    wanted[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    wanted[_CC][termios.VMIN], wanted[_CC][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, wanted)
    return saved


def restore(fd: int, saved: list[Any]) -> None:
    """Give the terminal back the attributes ``raw`` found, once its output is written."""
    import termios

    termios.tcsetattr(fd, termios.TCSADRAIN, saved)
