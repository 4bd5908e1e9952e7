from __future__ import annotations

import pytest

from pyoci.errors import ConfigError
from pyoci.number_list import numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", set(), id="empty"),
        pytest.param("0", {0}, id="one"),
        pytest.param("0-3,5", {0, 1, 2, 3, 5}, id="range and number"),
        pytest.param("7-7", {7}, id="range of one"),
        pytest.param("1, 3", {1, 3}, id="space after the comma"),
        pytest.param("3,1-3", {1, 2, 3}, id="overlap"),
    ],
)
def test_numbers_reads_a_list(text, expected):
    assert expected == numbers(text)


@pytest.mark.parametrize(
    "text", ["-", "1-", "-1", "a", "1,,2", ",", "3-1", "0x1", "1:2", "0-4294967295", "9" * 20, "²", "1-2-3"]
)
@pytest.mark.clause("process.exec-cpu-affinity.bad", "linux.memory-policy.nodes")
def test_numbers_refuses_what_is_no_list(text):
    with pytest.raises(ConfigError) as caught:
        numbers(text, "final")
    assert caught.value.field == "final"
