"""How much of the faults is tried: EVERY=1 takes every system call, and not one in EVERY; SEED says which."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.tracing import Tracer


@pytest.fixture
def nth() -> int:
    """Every how manieth call is taken."""
    return int(os.environ.get("EVERY", "0") or 0) or 41


@pytest.fixture
def tracer(place: Path) -> Tracer:
    """What stops a runtime at its system calls."""
    return Tracer(place)
