"""--console-socket and --pidfd-socket: handing a descriptor to whoever called (runc's terminals.md)."""

from __future__ import annotations

import _socket
import os

from pyoci.errors import ContainerError

_FD_SIZE = 4
_MAGIC_DIR = "/proc/self/fd"


def connect(path: str, what: str) -> _socket.socket:
    """A connection to the socket at *path*, however long its name. Raises ContainerError."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:  # sun_path holds 107 bytes; a name below a descriptor is always shorter
            connection.connect(f"{_MAGIC_DIR}/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
    except OSError as error:
        connection.close()
        raise ContainerError(f"cannot connect to the {what} {path}: {str(error.strerror).lower()}", file=path,
                             errno=error.errno) from error
    return connection


def hand_over(connection: _socket.socket, fd: int, name: str) -> None:
    """Send *fd* under *name* in one message."""
    rights = fd.to_bytes(_FD_SIZE, "little")
    connection.sendmsg([name.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
