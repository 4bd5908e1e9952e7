from __future__ import annotations

import os

import pytest

from pyoci.container import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyoci.container.container import Container


@pytest.fixture
def home(tmp_path: Path) -> store.Store:
    """A store that has no directory yet."""
    return store.Store(str(tmp_path / "run" / "pyoci"))


@pytest.fixture
def container(home: store.Store) -> Iterator[Container]:
    """A container that is claimed, and locked by us."""
    claimed = home.claim("box")
    yield claimed
    store.unlock(claimed)


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The process id of a child that waits until the test is over."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    yield pid
    os.close(writer)
    os.waitpid(pid, 0)
