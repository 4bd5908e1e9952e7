"""A D-Bus with a systemd behind it that answers what it is told to, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from jeepney import HeaderFields, Parser, new_error, new_method_return

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

GREETING: dict[str, tuple[str, tuple[Any, ...]]] = {"Hello": ("s", (":1.1",))}
SYSTEMD = GREETING | {
    "AddMatch": ("", ()),
    "Subscribe": ("", ()),
    "Get": ("v", (("s", "257"),)),
    "StartTransientUnit": ("o", ("/org/freedesktop/systemd1/job/1",)),
    "SetUnitProperties": ("", ()),
}
_NO_REPLY = ("error", ("org.freedesktop.DBus.Error.NoReply",))


class FakeBus:
    """Listens at *path*. *answers* has signature and body by method; one named ``error`` is an error's name.

    The first messages to the methods *lost* are lost, as when systemd executes itself anew.
    """

    def __init__(
        self, path: Path, answers: Mapping[str, tuple[str, tuple[Any, ...]]] | None, lost: Iterable[str] = ()
    ) -> None:
        self.address = f"unix:path={path}"
        self.calls: list[str] = []
        self._answers = answers
        self._lost = set(lost)
        self._connections: list[socket.socket] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        """Take one connection after the other until told to stop."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            if self._answers is not None:  # else nobody is at home
                with contextlib.suppress(OSError):  # who has hung up, there or here, does not wait for answers
                    self._converse(connection, self._answers)

    def _converse(self, connection: socket.socket, answers: Mapping[str, tuple[str, tuple[Any, ...]]]) -> None:
        """Answer until the other end hangs up."""
        greeting = b""
        while not greeting.endswith(b"BEGIN\r\n"):
            greeting += connection.recv(1)
        connection.sendall(b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n")
        parser = Parser()
        while data := connection.recv(4096):
            parser.add_data(data)
            while message := parser.get_next_message():
                member = message.header.fields[HeaderFields.member]
                self.calls.append(member)
                if member in answers:
                    signature, body = _NO_REPLY if member in self._lost else answers[member]
                    self._lost.discard(member)
                    reply = (new_error(message, body[0]) if signature == "error"
                             else new_method_return(message, signature or None, body))  # fmt: skip
                    connection.sendall(reply.serialise(serial=len(self.calls)))

    def close(self) -> None:
        """Stop, and hang up."""
        self._socket.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            connection.close()
        self._thread.join()
        self._socket.close()
