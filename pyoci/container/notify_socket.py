"""NOTIFY_SOCKET: a program in a container tells the service manager that it is ready (sd_notify(3)).

The manager's own socket is not shown to the container. It gets one of its own at /run/notify/notify.sock, and
while ``start`` waits, READY=1 and its companions are passed on with MAINPID set to the container's init.
"""

from __future__ import annotations

import _socket
import os

from pyoci.errors import Ignoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config import Config
    from pyoci.container.container import Container

_DIRECTORY = "/run/notify"
_NAME = "notify.sock"
INSIDE = f"{_DIRECTORY}/{_NAME}"
"""The path of its socket in the container."""
_POLL_SECONDS = 0.1
_LARGEST = 4096


def manager() -> str:
    """The address the caller's service manager listens at, or ""."""
    return os.environ.get("NOTIFY_SOCKET", "")


def shown(config: Config, container: Container) -> Config:
    """*config* with a mount that shows the container the directory of its socket, made now."""
    from pyoci.config.mounts import Mount

    directory = f"{container.path}/notify"
    os.mkdir(directory, 0o755)
    container.record["notify"] = True
    extra = Mount(destination=_DIRECTORY, source=directory, options=("bind", "nosuid", "noexec", "nodev", "ro"))
    return type(config)(**{**vars(config), "mounts": (*config.mounts, extra)})


class NotifySocket:
    """The container's socket, bound by ``start`` before the program runs."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._manager = manager()
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        directory = os.open(f"{container.path}/notify", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        with Ignoring(FileNotFoundError):
            os.unlink(_NAME, dir_fd=directory)
        self._socket.bind(f"/proc/self/fd/{directory}/{_NAME}")
        os.chmod(f"/proc/self/fd/{directory}/{_NAME}", 0o777)  # noqa: S103 (whatever user the program runs as)
        os.close(directory)

    def forward_until_ready(self) -> None:
        """Pass on what the program says until it is ready, or gone."""
        self._socket.settimeout(_POLL_SECONDS)
        is_ready = False
        while not is_ready and self._container.is_alive():
            with Ignoring(TimeoutError):
                is_ready = self.forward()
        self._socket.close()

    def fileno(self) -> int:
        """The descriptor that is readable when the program has said something."""
        return self._socket.fileno()

    def forward(self) -> bool:
        """Receive one message and pass it on if it says that the program is ready; whether it did."""
        message = self._socket.recv(_LARGEST)
        lines = [line for line in message.split(b"\n") if line and not line.startswith(b"MAINPID=")]
        is_ready = b"READY=1" in lines
        if is_ready:
            self._send(b"\n".join([*lines, f"MAINPID={self._container.pid}".encode()]))
        return is_ready

    def _send(self, message: bytes) -> None:
        """Tell the manager; an address beginning with @ is abstract."""
        address = "\0" + self._manager[1:] if self._manager.startswith("@") else self._manager
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        with Ignoring(OSError):  # a manager that is gone does not want to know
            connection.sendto(message, address)
        connection.close()
