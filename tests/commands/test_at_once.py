"""The same operation on one container, asked for by two at once."""

from __future__ import annotations

import pytest

from tests.support.container import Container


@pytest.mark.clause("start.only-created")
@pytest.mark.differs("runc has no lock")
def test_of_two_starts_one_wins(container: Container) -> None:
    container.bundle.script("echo started >> /log; sleep 1000")
    container.create().ok()

    starts = [container.runtime.spawn("start", container.id) for _ in range(3)]
    said = [start.communicate()[1] for start in starts]

    assert sorted(start.returncode for start in starts) == [0, 1, 1]
    assert [text for text in said if text and "cannot start an already running container" not in text] == []
    assert container.wait_for_file("/log") == "started\n"


@pytest.mark.clause("delete.missing")
@pytest.mark.differs("runc has no lock")
def test_of_two_deletes_one_wins(container: Container) -> None:
    container.create().ok()

    deletes = [container.runtime.spawn("delete", container.id) for _ in range(3)]
    said = [delete.communicate()[1] for delete in deletes]

    assert sorted(delete.returncode for delete in deletes) == [0, 1, 1]
    assert [text for text in said if text and "container does not exist" not in text] == []
