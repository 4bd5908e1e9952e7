"""Waiting for something to become true, with a limit."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str = "", seconds: float = 10) -> T:
    """The first true value of *condition*, asked again and again. Raises AssertionError after *seconds*."""
    limit = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > limit:
            raise AssertionError(f"still not so after {seconds} s: {what or condition}")
        time.sleep(0.01)
    return value
