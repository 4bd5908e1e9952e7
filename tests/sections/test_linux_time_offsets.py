"""linux.timeOffsets."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.container import Container

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

_CLOCKS = "cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime"


@pytest.mark.clause("linux.time-offsets.set")
@pytest.mark.needs("timens")
@pytest.mark.differs("runc knows time since 1.2")
def test_time_offsets_shift_the_clocks(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.namespace("time")
    offsets = {"monotonic": {"secs": 1000, "nanosecs": 5}, "boottime": {"secs": 86400 * 365}}
    container.bundle.linux["timeOffsets"] = offsets
    container.up()
    expected = time.clock_gettime(time.CLOCK_BOOTTIME) + 86400 * 365

    *words, uptime = exec_process(args=["sh", "-c", _CLOCKS]).ok().stdout.split()

    assert words == ["monotonic", "1000", "5", "boottime", str(86400 * 365), "0"]
    assert abs(int(uptime) - expected) < 10


@pytest.mark.clause("linux.time-offsets.set")
@pytest.mark.needs("timens", "userns")
@pytest.mark.differs("runc knows time since 1.2")
def test_time_offsets_shift_the_clocks_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace().namespace("time").linux["timeOffsets"] = {"boottime": {"secs": 7, "nanosecs": 0}}

    assert container.output(_CLOCKS).split()[:6] == ["monotonic", "0", "0", "boottime", "7", "0"]


@pytest.mark.clause("linux.time-offsets.bad")
@pytest.mark.needs("timens")
@pytest.mark.differs("runc knows time since 1.2")
@pytest.mark.parametrize(
    ("offsets", "text"),
    [
        ({"realtime": {"secs": 1}}, "linux.timeOffsets.realtime"),
        ({"monotonic": {"secs": -(2**40)}}, "negative"),
        ({"monotonic": {"secs": 2**62}}, "146 years"),
        ({"monotonic": {"nanosecs": 10**9}}, "nanosecs"),
        ({"monotonic": {"secs": 2**63}}, "linux.timeOffsets.monotonic.secs"),
    ],
)
def test_time_offsets_are_checked(container: Container, offsets: dict[str, Any], text: str) -> None:
    container.bundle.namespace("time").linux["timeOffsets"] = offsets

    container.create().failed(text)


@pytest.mark.clause("linux.time-offsets.namespace")
@pytest.mark.differs("runc knows time since 1.2")
@pytest.mark.parametrize("path", [None, "/proc/self/ns/time"])
def test_time_offsets_need_a_new_namespace(container: Container, path: str | None) -> None:
    if path:
        container.bundle.namespace("time", path)
    container.bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1}}

    container.create().failed("time namespace offsets specified")
