"""Where init waits for ``start``: two fifos in the container's directory.

``exec.fifo`` carries the word to go from ``start`` to init; that init listens there means *created*. Over
``exec.result`` init tells what became of it: an error document, or nothing at all. Init holds both open for reading
and writing from before the pivot, close-on-exec, so it need open nothing inside the container, waits with a mere
read(2), and the kernel itself reports success when execve(2) closes the second. So when ``start`` returns, the
program runs (runtime.md#start).
"""

from __future__ import annotations

import errno
import os
import select

from pyoci import json_text
from pyoci.container.channel import described
from pyoci.errors import ContainerError, Ignoring, PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.container import Container
    from pyoci.container.init import Init

_GO = b"0"
_LARGEST = 1 << 16


def make(container: Container) -> tuple[int, int]:
    """Make both fifos; init's descriptors of them."""
    fds = []
    for name in ("exec.fifo", "exec.result"):
        path = f"{container.path}/{name}"
        os.mkfifo(path, 0o600)
        fds.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    return fds[0], fds[1]


def wait_for_start(init: Init) -> None:
    """Block until ``start`` gives the word."""
    os.read(init.start_fd, 1)
    os.close(init.start_fd)


def report(init: Init, error: PyociError) -> None:
    """Tell ``start`` why the program could not be executed."""
    os.write(init.result_fd, json_text.dumps(described(error)).encode())


def give_the_word(container: Container) -> None:
    """Let init go on, and wait until it has executed the program. Raises ContainerError with what init reports."""
    result = os.open(f"{container.path}/exec.result", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _write(container)
        outcome = _read(result)
    finally:
        os.close(result)
    if outcome:
        report = json_text.loads(outcome)
        assert isinstance(report, dict)
        raise ContainerError(report["message"], **report["details"])


def _write(container: Container) -> None:
    try:
        fd = os.open(container.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(fd, _GO)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in {errno.ENXIO, errno.EPIPE}:  # nobody reads any more
            raise
        raise ContainerError("cannot start a container that has stopped", errno=error.errno) from error
    for name in ("exec.fifo", "exec.result"):
        with Ignoring(FileNotFoundError):
            os.unlink(f"{container.path}/{name}")


def _read(result: int) -> bytes:
    """What comes until init's end is closed."""
    poll = select.poll()
    poll.register(result, select.POLLIN)
    outcome = b""
    while True:
        poll.poll()
        part = os.read(result, _LARGEST)
        if not part:
            return outcome
        outcome += part
