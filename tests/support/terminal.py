"""The other end of a container's terminal: a console socket that receives it, or a terminal of the test's own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import socket
import struct
import termios
import time
from pathlib import Path

from tests.support.waiting import PATIENCE

_TIMEOUT_SECONDS = 10 * PATIENCE


class Terminal:
    """A pseudo-terminal's master; owns the descriptor."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.text = ""

    def read_until(self, wanted: str, seconds: float = _TIMEOUT_SECONDS) -> str:
        """Everything read so far, once *wanted* is in it. Raises AssertionError after *seconds* or at the end."""
        limit = time.monotonic() + seconds
        while wanted not in self.text:
            remaining = limit - time.monotonic()
            assert remaining > 0, f"no {wanted!r} in {self.text!r}"
            if select.select([self.master], [], [], remaining)[0]:
                assert self._read(), f"the terminal closed, and no {wanted!r} in {self.text!r}"
        return self.text

    def read_to_end(self, seconds: float = _TIMEOUT_SECONDS) -> str:
        """Everything, until the last process has closed its side. Raises AssertionError after *seconds*."""
        limit = time.monotonic() + seconds
        while True:
            remaining = limit - time.monotonic()
            assert remaining > 0, f"the terminal is still open after {self.text!r}"
            if select.select([self.master], [], [], remaining)[0] and not self._read():
                return self.text

    def _read(self) -> bool:
        try:
            read = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            return False
        self.text += read.decode(errors="replace")
        return bool(read)

    def write(self, text: str) -> None:
        """Type *text*."""
        os.write(self.master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Set the size; the foreground process group gets SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        """Hang up."""
        if self.master >= 0:
            master, self.master = self.master, -1
            os.close(master)


class ConsoleSocket:
    """An AF_UNIX socket that takes the descriptor a runtime sends with ``--console-socket``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.message = b""
        self.received: list[int] = []
        self._terminals: list[Terminal] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.settimeout(_TIMEOUT_SECONDS)

    def descriptors(self) -> list[int]:
        """All descriptors of the one message that arrives; ``message`` is the text beside them."""
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            self.message, self.received, _, _ = socket.recv_fds(connection, 4096, 8)
        return self.received

    def terminal(self) -> Terminal:
        """The terminal of the one message that arrives."""
        (master,) = self.descriptors()
        self._terminals.append(Terminal(master))
        return self._terminals[-1]

    def close(self) -> None:
        """Stop listening and hang up."""
        self._listener.close()
        for terminal in self._terminals:
            terminal.close()


def open_terminal() -> tuple[Terminal, int]:
    """A new terminal and its other side, for a runtime in the foreground."""
    master, slave = pty.openpty()
    return Terminal(master), slave
