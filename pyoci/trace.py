"""``--trace``: what is done, when and for how long, as a file that Perfetto, Speedscope and chrome://tracing open.

The interpreter tells of each call and return (``sys.setprofile``): nothing is spent on it while it is off, and nowhere
stands a word about it. To be told takes time as well, so short functions look longer than they are.

The file is an array of events in JSON that may lack its end (Trace Event Format, "JSON Array Format"): each process
adds its own before it ends or becomes another one.
"""

from __future__ import annotations

import os
import sys
import time

from pyoci import json_text, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Call = tuple[str, str, int]  # its name, what it does, when it began in ns

_OURS = "pyoci."
_SYSTEM_CALLS = "pyoci.syscalls.call"
_OF_THE_SYSTEM = frozenset(("posix", "_pyoci", "fcntl", "_socket", "select", "time", "_signal"))
_LAST = (os.execve, os._exit)  # after them nobody is left to write


class Trace:
    """The calls of this process that are not over, and the events that are not written yet."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._calls: list[Call] = []
        self._events: list[str] = []
        self._pid = os.getpid()
        self._event("process_name", "M", args={"name": "the runtime"})
        os.register_at_fork(before=self.write, after_in_child=self._become_child)

    def _become_child(self) -> None:
        self._pid = os.getpid()
        self._calls.clear()
        self._event("process_name", "M", args={"name": "in the container"})

    def note(self, frame: FrameType, event: str, argument: Callable[..., object] | None) -> None:
        """Take note of a call or return (``sys.setprofile``)."""
        if event == "call":
            self._calls.append((*_described(frame), time.monotonic_ns()))
        elif event == "c_call":
            assert argument
            if argument in _LAST:
                self._end_all()
            self._calls.append((_of_the_system(argument), "", time.monotonic_ns()))
        elif self._calls:  # else it began before we did
            self._end(*self._calls.pop())

    def _end(self, name: str, does: str, begin: int) -> None:
        if name:
            lasted = (time.monotonic_ns() - begin) / 1000  # µs
            self._event(name, "X", ts=begin / 1000, dur=lasted, **({"args": {"does": does}} if does else {}))

    def _event(self, name: str, phase: str, **more: object) -> None:
        fields = {"name": name, "ph": phase, "pid": self._pid, "tid": self._pid, **more}
        self._events.append(json_text.dumps(fields) + ",\n")

    def _end_all(self) -> None:
        for call in reversed(self._calls):
            self._end(*call)
        self.write()

    def write(self) -> None:
        """Add the events to the file."""
        rest = memoryview("".join(self._events).encode("utf-8", "backslashreplace"))
        self._events.clear()
        while rest:
            rest = rest[os.write(self._fd, rest) :]


def _described(frame: FrameType) -> tuple[str, str]:
    """The name of the function that *frame* runs, and what it does; nothing for one that is not ours."""
    module = frame.f_globals.get("__name__", "")
    if not module.startswith(_OURS) or module == __name__:
        return "", ""
    code = frame.f_code
    if module == _SYSTEM_CALLS and code.co_name == "syscall":
        return f"{frame.f_locals['name']}(2)", ""
    text = code.co_consts[0] if code.co_consts and isinstance(code.co_consts[0], str) else ""
    return f"{module.removeprefix(_OURS).removeprefix('config.')}.{code.co_qualname}", text.partition("\n")[0]


def _of_the_system(function: Callable[..., object]) -> str:
    """The name of a *function* in C that asks the system for something, or nothing."""
    module = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
    return f"{module.strip('_')}.{function.__name__}" if module in _OF_THE_SYSTEM else ""


def start(path: str) -> None:
    """Write what is done from now on to *path*, which is replaced. Raises OSError."""
    fd = log.moved_up(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644))
    os.write(fd, b"[\n")
    sys.setprofile(Trace(fd).note)
