"""kill: send a signal to a container (runtime.md#kill)."""

from __future__ import annotations

import _signal
import errno
import os
import time

from pyoci.container import processes, store
from pyoci.errors import ContainerError, Ignoring, WrongStatus
from pyoci.syscalls import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.container import Container

_SIGKILL = 9
_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.1


def kill(root: str, container_id: str, signal: int, all: bool = False) -> None:  # noqa: A002 (the option's name)
    """Send *signal* to init, or with *all* to every process of the container.

    Raises WrongStatus unless the container is created, running or paused; *all* asks for no running init.
    """
    container = store.Store(root).load(container_id)
    if all:
        processes.signal(container, signal)
    elif not container.is_alive():
        raise WrongStatus("container not running")
    else:
        _send(container, signal)


def _send(container: Container, signal: int) -> None:
    if signal == _SIGKILL and not container.record["privatePids"]:
        processes.signal(container, signal)  # no pid namespace dies with init
        return
    try:
        fd = os.pidfd_open(container.pid)
    except ProcessLookupError:
        raise WrongStatus("container not running") from None
    try:
        if not container.is_alive():  # its number may be another's by now
            raise WrongStatus("container not running")
        _signal.pidfd_send_signal(fd, signal)
    except OSError as error:
        raise WrongStatus("container not running" if error.errno == errno.ESRCH else str(error)) from error
    finally:
        os.close(fd)
    if signal == _SIGKILL and container.is_paused():
        container.cgroup().thaw()  # a frozen process of cgroup v1 does not even die


def end(container: Container) -> None:
    """Kill every process of *container* and wait until init is gone. Raises ContainerError after ten seconds."""
    alive = container.is_alive()
    if alive:
        with Ignoring(WrongStatus):
            _send(container, _SIGKILL)
    if alive or not container.record.get("privatePids"):  # nobody outlives the init of a pid namespace
        processes.signal(container, _SIGKILL)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while container.is_alive():
        if time.monotonic() > deadline:
            raise ContainerError(f"container init still running: pid {container.pid} after {_PATIENCE_SECONDS:.0f} s")
        _wait_for_end(container.pid)


def _wait_for_end(pid: int) -> None:
    """Wait a moment for *pid* to end."""
    with Ignoring(ProcessLookupError):
        fd = os.pidfd_open(pid)
        pidfd.wait(fd, _POLL_SECONDS)
        os.close(fd)
