from __future__ import annotations

import pytest

from pyoci.config.linux import time_offsets
from pyoci.config.linux.time_offsets import TimeOffset
from pyoci.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"nanosecs": 10**9}, "nanosecs", id="a whole second"),
        pytest.param({"nanosecs": -1}, "nanosecs", id="negative nanoseconds"),
        pytest.param({"secs": 2**63}, "secs", id="beyond 64 bits"),
        pytest.param({"secs": "1"}, "secs", id="text"),
    ],
)
def test_read_refuses(value, field):
    with pytest.raises(ConfigError) as caught:
        TimeOffset.read(value)
    assert field == caught.value.field


def test_text_has_a_line_for_each_clock():
    offsets = {"boottime": TimeOffset.read({"secs": -3}), "monotonic": TimeOffset.read({"secs": 1, "nanosecs": 5})}
    assert time_offsets.text(offsets) == "boottime -3 0\nmonotonic 1 5\n"


def test_check_refuses_a_clock_a_namespace_does_not_have():
    with pytest.raises(ConfigError) as caught:
        time_offsets.check({"monotonic": TimeOffset(), "realtime": TimeOffset()})
    assert caught.value.message == "realtime: is not one of monotonic, boottime"
