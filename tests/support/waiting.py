"""Waiting for something to become true, with a limit."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

# How many times longer than elsewhere things may take on a slow machine, for one that is emulated.
PATIENCE = float(os.environ.get("PYOCI_TEST_PATIENCE", "1"))


def wait_for(condition: Callable[[], T], what: str = "", seconds: float = 10) -> T:
    """The first true value of *condition*, asked again and again. Raises AssertionError after *seconds* × PATIENCE."""
    limit = time.monotonic() + seconds * PATIENCE
    while not (value := condition()):
        if time.monotonic() > limit:
            raise AssertionError(f"still not so after {seconds} s: {what or condition}")
        time.sleep(0.01)
    return value
