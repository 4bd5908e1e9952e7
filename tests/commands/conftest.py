"""What the tests of checkpoint and restore share."""

from __future__ import annotations

import pytest

from tests.support.checkpoints import Images
from tests.support.pipes import Pipes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def images(place: Path) -> Images:
    """Where images go."""
    return Images(place / "images")


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    """The streams of the container, when it is run or restored."""
    with Pipes() as made:
        yield made
