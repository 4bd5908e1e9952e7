from __future__ import annotations

import os

import pytest

from pyoci.container import store
from pyoci.errors import WrongStatus
from pyoci.runtime.wait import wait
from pyoci.syscalls import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyoci.container.container import Container



@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """A container that is claimed, and locked by us."""
    claimed = store.Store(str(tmp_path)).claim("box")
    yield claimed
    store.unlock(claimed)


def completed(container: Container, **more: object) -> Container:
    """The container, as create leaves it."""
    container.record.update({"complete": True, **more})
    container.save()
    store.unlock(container)
    return container


def child(status: int) -> int:
    """The process id of a child that ends with *status* at once."""
    if (pid := os.fork()) == 0:
        os._exit(status)
    return pid


def test_collects_the_init_that_is_a_child_of_the_caller(container: Container, tmp_path: Path) -> None:
    pid = child(7)
    completed(container, pid=pid, startTime=process.start_time(pid))

    assert wait(str(tmp_path), "box") == 7
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_knows_nothing_when_another_process_has_the_number(container: Container, tmp_path: Path) -> None:
    completed(container, pid=os.getpid(), startTime=1)

    assert wait(str(tmp_path), "box") is None


def test_tells_what_run_wrote_down(container: Container, tmp_path: Path) -> None:
    completed(container, pid=os.getpid(), startTime=1, exitStatus=137)

    assert wait(str(tmp_path), "box") == 137


def test_knows_nothing_of_one_that_was_never_born(container: Container, tmp_path: Path) -> None:
    container.save()
    store.unlock(container)

    assert wait(str(tmp_path), "box") is None


def test_refuses_one_that_is_being_made(container: Container, tmp_path: Path) -> None:
    with pytest.raises(WrongStatus, match="cannot wait for a container that is still being created"):
        wait(str(tmp_path), "box")
