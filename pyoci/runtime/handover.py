"""What a caller is given of a new process: its terminal, its number, a descriptor of it."""

from __future__ import annotations

import os

from pyoci.syscalls import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.runtime.options import Options


def console_taker(options: Options) -> Callable[[int], None]:
    """What passes the master of a pty on to ``--console-socket``, connected before anything is made."""
    if not options.console_socket:
        return os.close
    from pyoci.container import console

    connection = console.connect(options.console_socket, "console socket")

    def take(master: int) -> None:
        console.hand_over(connection, master, "/dev/ptmx")
        os.close(master)
        connection.close()

    return take


def tell(pid: int, options: Options) -> None:
    """Tell the caller who the process is: ``--pid-file``, ``--pidfd-socket``.

    The file holds the number in decimal, without a newline, complete as soon as it can be seen.
    """
    if options.pid_file:
        files.publish(options.pid_file, str(pid).encode(), 0o644)
    if options.pidfd_socket:
        _send_pidfd(options.pidfd_socket, pid)


def _send_pidfd(path: str, pid: int) -> None:
    from pyoci.container import console

    connection = console.connect(path, "pidfd socket")
    pidfd = os.pidfd_open(pid)
    console.hand_over(connection, pidfd, "pidfd")
    os.close(pidfd)
    connection.close()
