"""Standing in front of a process: its terminal shown on ours, our signals sent on to it, its end waited for."""

from __future__ import annotations

import _signal
import errno
import os
import select

from pyoci.errors import Ignoring
from pyoci.syscalls import prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 1 << 16
_SIGCHLD, _SIGWINCH, _SIGURG, _SIGKILL, _SIGSTOP = 17, 28, 23, 9, 19
_KEPT = frozenset((_SIGKILL, _SIGSTOP, _SIGURG))
_FAULTS = frozenset((4, 5, 7, 8, 11, 31))  # ILL TRAP BUS FPE SEGV SYS: ours alone if they come
_FORWARDED = [n for n in range(1, 65) if n not in _KEPT and n not in _FAULTS and n not in (32, 33)]


class Foreground:
    """Between the caller's terminal and signals and one process, from before its birth until its end."""

    def __init__(self, *, adopt: bool) -> None:
        self._signals, self._wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._master = -1
        self._saved: bytes | None = None
        self._pid = 0
        self._watched: dict[int, Callable[[], bool]] = {}
        self._previous = {number: _signal.getsignal(number) for number in _FORWARDED}
        self._adopt = adopt
        if adopt:
            prctl.child_subreaper(True)
        _signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in _FORWARDED:
            _signal.signal(number, _note)

    def leave(self) -> None:
        """Give terminal and signals back."""
        for number, handler in self._previous.items():
            _signal.signal(number, handler or _signal.SIG_DFL)
        _signal.set_wakeup_fd(-1)
        if self._saved is not None:
            from pyoci.syscalls import terminal

            terminal.restore(0, self._saved)
            self._saved = None
        for fd in (self._signals, self._wakeup, self._master):
            if fd >= 0:
                os.close(fd)
        self._master = -1
        if self._adopt:
            prctl.child_subreaper(False)

    def take_terminal(self, master: int) -> None:
        """Show the pty *master* on our own terminal, if we have one."""
        from pyoci.syscalls import terminal  # only now: most processes have none

        self._master = master
        if os.isatty(0):
            self._saved = terminal.raw(0)
            self._resize()

    def watch(self, fd: int, action: Callable[[], bool]) -> None:
        """While waiting, call *action* whenever *fd* is readable, until it returns true."""
        self._watched[fd] = action

    def wait_for(self, pid: int) -> int:
        """Forward until *pid*, a child of ours, ends: its exit status, or 128 + its signal.

        Of its end a pidfd tells, too: a signal is lost when the pipe is full, or the kernel has no memory for a byte.
        """
        self._pid = pid
        ended = os.pidfd_open(pid)
        try:
            status = self._attend(ended)
        finally:
            os.close(ended)
        self._drain()
        return status if status >= 0 else 128 - status

    def _attend(self, ended: int) -> int:
        """Forward until *ended* is: its exit status, negative for a signal."""
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(self._signals, select.POLLIN)
        for fd in self._watched:
            poll.register(fd, select.POLLIN)
        if self._master >= 0:
            poll.register(self._master, select.POLLIN)
            poll.register(0, select.POLLIN)
        status = self._reap()
        while status is None:
            ready = dict(poll.poll())
            if 0 in ready:
                self._type(poll)
            if self._master in ready:
                self._show(poll)
            for fd in self._watched.keys() & ready.keys():
                if self._watched[fd]():
                    poll.unregister(fd)
            if self._signals in ready:
                status = self._receive()
            if ended in ready and status is None:
                status = self._reap()
        return status

    def _receive(self) -> int | None:
        """Act on the signals that came; the exit status when one of them was the end."""
        numbers = os.read(self._signals, _CHUNK)
        for number in numbers:
            if number == _SIGWINCH:
                self._resize()
            elif number != _SIGCHLD:
                with Ignoring(ProcessLookupError):
                    os.kill(self._pid, number)
        return self._reap() if _SIGCHLD in numbers else None

    def _reap(self) -> int | None:
        """Collect whoever ended; the exit status if it was the one we wait for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            if pid == self._pid:
                return os.waitstatus_to_exitcode(status)

    def _resize(self) -> None:
        if self._master < 0:
            return
        from pyoci.syscalls import terminal

        with Ignoring(OSError):  # no terminal of ours has a size to pass on
            terminal.set_size(self._master, *terminal.get_size(0))

    def _type(self, poll: select.poll) -> None:
        """What was typed here goes to the pty."""
        with Ignoring(BlockingIOError):
            typed = os.read(0, _CHUNK)
            if typed:
                _write_all(self._master, typed)
            else:
                poll.unregister(0)

    def _show(self, poll: select.poll) -> None:
        """What was written there comes out here."""
        shown = self._read()
        if shown:
            _write_all(1, shown)
        else:
            poll.unregister(self._master)

    def _read(self) -> bytes:
        try:
            return os.read(self._master, _CHUNK)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the last one holding the other side is gone
                raise
            return b""

    def _drain(self) -> None:
        """Show what was written last; a process that outlives init may hold the pty open, so only what is there."""
        if self._master < 0:
            return
        os.set_blocking(self._master, False)
        with Ignoring(BlockingIOError):
            while shown := self._read():
                _write_all(1, shown)


def _note(*_: object) -> None:
    """Receive a signal; the wakeup descriptor tells which."""


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
