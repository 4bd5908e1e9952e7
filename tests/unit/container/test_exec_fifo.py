from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyoci.container import exec_fifo
from pyoci.container.container import Container
from pyoci.errors import ContainerError, StepError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Waiting:
    """Init as far as it waits: it has both fifos open, in a thread of ours."""

    def __init__(self, container: Container) -> None:
        start_fd, result_fd = exec_fifo.make(container)
        self.init: Any = SimpleNamespace(start_fd=start_fd, result_fd=result_fd)
        self.thread = threading.Thread()

    def then(self, action: Callable[[], None]) -> None:
        """Wait for start, do *action*, and close the last descriptor as execve(2) or an exit does."""

        def live() -> None:
            exec_fifo.wait_for_start(self.init)
            self.init.start_fd = -1
            action()
            self.die()

        self.thread = threading.Thread(target=live)
        self.thread.start()

    def die(self) -> None:
        """Close what is still open."""
        for name in ("start_fd", "result_fd"):
            if (fd := getattr(self.init, name)) >= 0:
                os.close(fd)
                setattr(self.init, name, -1)


@pytest.fixture
def waiting(container: Container) -> Iterator[Waiting]:
    waiting = Waiting(container)
    yield waiting
    if waiting.thread.ident:
        waiting.thread.join()
    waiting.die()


def test_make_makes_two_fifos_for_the_owner_that_no_program_inherits(container: Container, waiting: Waiting) -> None:
    for name in ("exec.fifo", "exec.result"):
        mode = Path(container.path, name).stat().st_mode
        assert stat.S_ISFIFO(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not os.get_inheritable(waiting.init.start_fd)
    assert not os.get_inheritable(waiting.init.result_fd)


@pytest.mark.clause("create.program-waits")
def test_init_waits_until_it_is_given_the_word(container: Container, waiting: Waiting) -> None:
    done: list[str] = []
    waiting.then(lambda: done.append("executed"))
    assert waiting.thread.is_alive()
    assert done == []
    exec_fifo.give_the_word(container)
    assert done == ["executed"]
    assert list(Path(container.path).iterdir()) == []


def test_start_fails_with_what_init_reports(container: Container, waiting: Waiting) -> None:
    error = StepError("exec /x: exec format error ☹", errno=8, file="/x", hint="no #!")
    waiting.then(lambda: exec_fifo.report(waiting.init, error))
    with pytest.raises(ContainerError) as caught:
        exec_fifo.give_the_word(container)
    assert (caught.value.message, caught.value.details) == (error.message, error.details)
    assert not Path(container.fifo).exists()


@pytest.mark.clause("start.only-created")
def test_start_fails_when_nobody_waits_any_more(container: Container, waiting: Waiting) -> None:
    waiting.die()
    with pytest.raises(ContainerError, match="cannot start a container that has stopped"):
        exec_fifo.give_the_word(container)
    assert Path(container.fifo).exists()


def test_start_succeeds_when_one_fifo_was_removed_by_a_delete_meanwhile(container: Container, waiting: Waiting) -> None:
    waiting.then(lambda: Path(container.path, "exec.result").unlink(missing_ok=True))
    exec_fifo.give_the_word(container)
    assert not Path(container.path, "exec.result").exists()
