"""An agent for seccomp notifications (seccomp_unotify(2)), in threads of its own."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")  # id, pid, flags, number of the call, architecture, address, arguments
_RESPONSE = struct.Struct("=QqiI")  # id, value, error, flags
_RECEIVE = 3 << 30 | _NOTIFICATION.size << 16 | ord("!") << 8
_SEND = 3 << 30 | _RESPONSE.size << 16 | ord("!") << 8 | 1
ANSWER = errno.ENOMEDIUM


class Agent:
    """Listens at *path*; answers each call with the error ENOMEDIUM."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: list[dict[str, Any]] = []
        self.descriptors: list[int] = []
        self.calls: list[int] = []
        self._stop, self._stopped = os.pipe()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o777)
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        """Take connections and answer calls until told to stop."""
        poll = select.poll()
        poll.register(self._stop, select.POLLIN)
        poll.register(self._socket, select.POLLIN)
        while True:
            for fd, events in poll.poll():
                if fd == self._stop:
                    return
                if fd == self._socket.fileno():
                    poll.register(self._accept(), select.POLLIN)
                elif not events & select.POLLIN or not self._answer(fd):
                    poll.unregister(fd)

    def _accept(self) -> int:
        """The listener that comes with one connection, which has to be closed behind its one message."""
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(10 * PATIENCE)
            text, received, _, _ = socket.recv_fds(connection, 1 << 16, 8)
            while more := connection.recv(1 << 16):
                text += more
        self.states.append(json.loads(text))
        self.descriptors += received
        return received[0]

    def _answer(self, listener: int) -> bool:
        """Answer one call; whether there may be more."""
        try:
            notification = fcntl.ioctl(listener, _RECEIVE, bytes(_NOTIFICATION.size))
            number, _, _, call, *_ = _NOTIFICATION.unpack(notification)
            self.calls.append(call)
            fcntl.ioctl(listener, _SEND, _RESPONSE.pack(number, 0, -ANSWER, 0))
        except OSError as error:
            return error.errno == errno.ENOENT  # the caller is gone; only the listener of a dead filter hangs up
        return True

    def close(self) -> None:
        """Stop, and give everything back; once is enough."""
        if self._socket.fileno() < 0:
            return
        os.close(self._stopped)
        self._thread.join(10)
        self._socket.close()
        for fd in (self._stop, *self.descriptors):
            os.close(fd)
