"""The birth of a process in a container, seen from both sides: the fork, and the conversation until it is ready.

``create`` and ``exec`` differ in their lists of steps and in what the runtime does when asked; this is what
they share.
"""

from __future__ import annotations

import errno
import os

from pyoci.container import exec_fifo
from pyoci.container.channel import Channel, described
from pyoci.errors import ConfigError, ContainerError, HookError, Ignoring, PyociError, StepError, Unsupported
from pyoci.runtime import steps
from pyoci.syscalls import clone3, process  # noqa: F401 (clone3: nothing can be imported after the fork)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from pyoci.container.init import Init
    from pyoci.runtime.steps import Step

    Message = dict[str, object]
    Names = tuple[str | Step, ...]

_SIGKILL = 9
_UNKNOWN = -1  # no process
_HINTS = {
    errno.EPERM: "without root's privileges a container needs a user namespace of its own: linux.namespaces",
    errno.EACCES: "to leave our cgroup for the container's takes cgroup.procs of one above both: "
    "'systemd-run --user --scope' starts a command where a user has that",
}
_KINDS = {kind.__name__: kind for kind in (ConfigError, ContainerError, HookError, StepError, Unsupported)}


class Birth:
    """One process on its way into a container. ``answers`` says what the runtime does for each thing asked."""

    def __init__(self, init: Init, stage: Names, inside: Names, start: Names) -> None:
        self.init = init
        self.pid = 0
        """Init, once it is born."""
        self.stage_pid = 0
        self._unborn = 0 if init.is_its_own_stage else _UNKNOWN
        """What stage has forked: it is ours to wait for even when it dies at once."""
        self.answers: dict[str, Callable[[Message], None]] = {}
        self.on_born: Callable[[], object] = bool
        """What init has to wait for."""
        self.meanwhile: Callable[[], object] = bool
        """What the runtime does while init works."""
        self.on_terminal: Callable[[int], None] = os.close
        self.on_warning: Callable[[str], object] = str
        self.on_death: Callable[[int], str] = str
        self.kept_from_child: list[int] = []
        """Descriptors the child must not hold, such as the lock on the container."""
        self.kept_from_runtime: list[int] = []
        """Descriptors that are only for the child."""
        self._waits = init.start_fd >= 0
        self._stage, self._inside, self._start_steps = [steps.find(names, init) for names in (stage, inside, start)]
        self._channel, init.channel = Channel.pair()

    def fork(self, cgroup_fd: int = -1) -> None:
        """Fork *stage*, on v2 straight into the cgroup of *cgroup_fd*, which is closed. It goes on by itself."""
        try:
            self.stage_pid = process.clone(self.init.clone_flags, cgroup_fd=cgroup_fd)
        except OSError as error:
            _close(cgroup_fd)
            raise steps.explain("", error, _HINTS.get(error.errno or 0)) from error
        if self.stage_pid == 0:
            _exit_with(lambda: self._be_stage(cgroup_fd), self._report)
        self.init.channel.close()
        _close(cgroup_fd, *self.kept_from_runtime)

    # The child's side. Nothing here returns.

    def _be_stage(self, cgroup_fd: int) -> None:
        """Let go of what is the runtime's, enter and make namespaces, then fork the process that will live in them."""
        self._channel.close()
        _close(cgroup_fd, *self.kept_from_child)  # a directory of the host leads out (CVE-2024-21626)
        steps.forbid_imports()
        steps.take(self._stage, self.init)
        pid = 0 if self.init.is_its_own_stage else process.clone(process.CLONE_PARENT)
        if pid == 0:
            _exit_with(self._be_init, self._report)
        self.init.channel.send({"forked": pid})

    def _be_init(self) -> NoReturn:
        self.init.channel.send({"born": True})
        self.init.channel.wait("born")
        steps.take(self._inside, self.init)
        self.init.channel.send({"ready": True})
        if self._waits:
            _exit_with(self._start_when_told, self._report_start)  # nobody listens at the channel any more
        _exit_with(self._start, self._report)

    def _start_when_told(self) -> None:
        self.init.channel.wait("ready")
        self.init.channel.close()
        exec_fifo.wait_for_start(self.init)
        self._start()

    def _start(self) -> None:
        steps.take(self._start_steps, self.init)

    def _report(self, error: PyociError) -> None:
        self.init.channel.send({"error": described(error)})

    def _report_start(self, error: PyociError) -> None:
        exec_fifo.report(self.init, error)

    # The runtime's side.

    def converse(self) -> None:
        """Answer what the child asks until it is ready for ``start``, or else until it has executed the program.

        Of the latter the kernel tells, by closing its end of the channel. Raises PyociError with what went wrong.
        """
        ready = False
        while not (ready and self._waits and self._unborn != _UNKNOWN):  # what is not read resets the connection
            message, fds = self._channel.receive()
            if message is None and ready:
                break
            if message is None:
                raise StepError(self.on_death(self._status()))
            if "ready" in message:
                ready = True
            else:
                self._meet(message, fds)
        if not self._waits:
            self._channel.close()

    def _meet(self, message: Message, fds: list[int]) -> None:
        if "ask" in message:
            self.answers[str(message["ask"])](message)
            self._channel.answer()
        elif "forked" in message:
            self._unborn = 0 if self.pid else int(str(message["forked"]))  # whichever of the two was faster
        elif "born" in message:
            self._note_born()
        elif "terminal" in message:
            self.on_terminal(fds[0])
        elif "warning" in message:
            self.on_warning(str(message["warning"]))
        else:
            raise _rebuilt(message["error"])

    def _note_born(self) -> None:
        if self.pid:
            raise StepError("init was born twice")  # by somebody who took it over, and would have another one killed
        self.pid, self._unborn = self._channel.sender, min(self._unborn, 0)
        if self.pid == self.stage_pid:
            self.stage_pid = 0
        self.on_born()
        self._channel.answer()
        if self.stage_pid:
            if os.waitpid(self.stage_pid, 0)[1]:
                self._unborn = 0  # it did not get so far as to say
            self.stage_pid = 0
        self.meanwhile()

    def leave(self) -> None:
        """Let init wait for ``start`` by itself; until then it ends with the runtime."""
        self._channel.answer()
        self._channel.close()

    def abort(self) -> None:
        """Kill what was forked, and wait until it is gone."""
        for pid in (self.stage_pid, self.pid):
            if pid:
                _kill(pid)
        self._channel.close()
        if self._unborn > 0:
            _wait(self._unborn)
        self.stage_pid = self.pid = self._unborn = 0

    def _status(self) -> int:
        """The wait status of the process that hung up."""
        forked = self.pid or max(self._unborn, 0)
        if forked and self.stage_pid:
            _wait(self.stage_pid)
        pid = forked or self.stage_pid
        self.pid = self.stage_pid = self._unborn = 0
        return os.waitpid(pid, 0)[1]


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)


def _exit_with(action: Callable[[], None], report: Callable[[PyociError], None]) -> NoReturn:
    """Do *action* and exit; what goes wrong is reported, never raised into the runtime's own code."""
    status = 1
    try:
        action()
        status = 0
    except PyociError as error:
        report(error)
    except OSError as error:
        report(steps.explain("start", error))
    except MemoryError:
        report(StepError("out of memory", errno=errno.ENOMEM))
    except BaseException as error:  # noqa: BLE001 (a defect of ours, but still told in one line)
        report(StepError(f"{type(error).__name__}: {error}", **_place(error)))
    finally:
        os._exit(status)


def _place(error: BaseException) -> dict[str, str]:
    """Where in our sources *error* was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return {"source": f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"} if trace else {}


def _rebuilt(report: object) -> PyociError:
    """The error that was raised on the other side."""
    assert isinstance(report, dict)
    message, details = report["message"], report["details"]
    prefix = "" if message.startswith(("exec:", "exec ")) else "error during container init: "
    error = _KINDS.get(report["kind"], StepError)(f"{prefix}{message}")
    error.details.update(details)
    return error


def _kill(pid: int) -> None:
    with Ignoring(ProcessLookupError):
        os.kill(pid, _SIGKILL)
        _wait(pid)


def _wait(pid: int) -> None:
    with Ignoring(ChildProcessError):
        os.waitpid(pid, 0)
