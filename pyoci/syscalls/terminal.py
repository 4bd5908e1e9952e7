"""Pseudoterminals and terminal attributes: ioctl_tty(2), termios(3)."""

from __future__ import annotations

import fcntl
import os
import struct

# include/uapi/asm-generic/ioctls.h
TCGETS = 0x5401
TCSETS = 0x5402
TCSETSW = 0x5403
TIOCSCTTY = 0x540E
TIOCGWINSZ = 0x5413
TIOCSWINSZ = 0x5414
TIOCSPTLCK = 0x4004_5431
TIOCGPTPEER = 0x5441

_WINSIZE = struct.Struct("=4H")  # struct winsize: rows, columns, and two that nobody uses
# include/uapi/asm-generic/termbits.h: struct termios, its flags as termios(3) names them, and two of its characters.
_TERMIOS = struct.Struct("=4IB19s")
_IGNBRK, _BRKINT, _PARMRK, _ISTRIP, _INLCR, _IGNCR, _ICRNL, _IXON = 0x1, 0x2, 0x8, 0x20, 0x40, 0x80, 0x100, 0x400
_OPOST = 0x1
_CSIZE, _CS8, _PARENB = 0x30, 0x30, 0x100
_ISIG, _ICANON, _ECHO, _ECHONL, _IEXTEN = 0x1, 0x2, 0x8, 0x40, 0x8000
_VTIME, _VMIN = 5, 6


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


def raw(fd: int) -> bytes:
    """Pass every byte through as it comes (cfmakeraw(3)); the former attributes, for ``restore``."""
    saved = fcntl.ioctl(fd, TCGETS, bytes(_TERMIOS.size))
    inward, outward, control, local, line, characters = _TERMIOS.unpack(saved)
    inward &= ~(_IGNBRK | _BRKINT | _PARMRK | _ISTRIP | _INLCR | _IGNCR | _ICRNL | _IXON)
    outward &= ~_OPOST
    control = control & ~(_CSIZE | _PARENB) | _CS8
    local &= ~(_ECHO | _ECHONL | _ICANON | _ISIG | _IEXTEN)
    wanted = bytearray(characters)
    wanted[_VMIN], wanted[_VTIME] = 1, 0
    fcntl.ioctl(fd, TCSETS, _TERMIOS.pack(inward, outward, control, local, line, wanted))
    return saved


def restore(fd: int, saved: bytes) -> None:
    """Give the terminal back the attributes ``raw`` found, once its output is written."""
    fcntl.ioctl(fd, TCSETSW, saved)
