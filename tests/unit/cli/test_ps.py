from __future__ import annotations

import pytest

from pyoci.cli.ps import only
from pyoci.errors import PyociError


@pytest.mark.parametrize(
    ("pids", "listing", "expected"),
    [
        pytest.param([12], "PID CMD\n 1 a\n 12 b\n 121 c\n", "PID CMD\n 12 b\n", id="whole numbers"),
        pytest.param([1], "UID PID\n 1 2\n 2 1\n", "UID PID\n 2 1\n", id="in the column of pids"),
        pytest.param([], "PID\n1\n", "PID\n", id="no process"),
        pytest.param([1], "UID PID\n\n 0\n", "UID PID\n", id="lines that are too short"),
    ],
)
def test_only(pids: list[int], listing: str, expected: str) -> None:
    assert only(pids, listing) == expected


@pytest.mark.parametrize("listing", ["", "CMD\na\n"])
def test_refuses_a_table_without_pids(listing: str) -> None:
    with pytest.raises(PyociError, match="couldn't find PID field in ps output"):
        only([1], listing)
