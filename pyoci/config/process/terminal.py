"""process.terminal, process.consoleSize: the terminal of the process (config.md#process)."""

from __future__ import annotations

import errno
import os

from pyoci.errors import StepError
from pyoci.record import Record, uint64
from pyoci.syscalls import files, mount
from pyoci.syscalls import terminal as tty
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


class ConsoleSize(Record):
    """The size of the terminal, in characters."""

    height: uint64
    width: uint64


def attach(init: Init) -> None:
    """Open a pty in the container's devpts and make it the standard streams and the controlling terminal.

    The other end is opened by TIOCGPTPEER, not by its path, which the container could replace (CVE-2025-52565).
    """
    if not init.process.terminal:
        return
    master = _open_master(init)
    slave = tty.open_pty(master)
    if "console_size" in init.process:
        tty.set_size(master, init.process.console_size.height, init.process.console_size.width)
    if not init.joining:
        _show_console(init, slave)
    init.channel.send({"terminal": True}, [master])
    os.close(master)
    tty.make_controlling(slave)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(slave)


def _open_master(init: Init) -> int:
    """Open a new terminal of the container's devpts, which is looked at before: a device is not opened to see."""
    try:
        with Fd(files.open_in_root(init.root, "/dev/pts", os.O_PATH | os.O_DIRECTORY)) as directory:
            if files.filesystem(directory.fileno()) != files.DEVPTS_SUPER_MAGIC:
                raise StepError("/dev/pts is not a devpts filesystem", field="process.terminal", errno=errno.EXDEV)
            return files.openat2(directory.fileno(), "ptmx", os.O_RDWR | os.O_NOCTTY,
                                 resolve=files.RESOLVE_NO_XDEV | files.RESOLVE_NO_SYMLINKS)
    except OSError as error:
        raise StepError(f"cannot open a terminal at /dev/pts/ptmx: {str(error.strerror).lower()}", errno=error.errno,
                        field="process.terminal", hint="mounts needs an entry of type devpts at /dev/pts") from error


def _show_console(init: Init, slave: int) -> None:
    """Mount the terminal on /dev/console."""
    target = files.make_file(init.root, "/dev/console", 0o755)
    tree = mount.clone(slave, "")
    mount.attach(tree, target)
    os.close(tree)
    os.close(target)
