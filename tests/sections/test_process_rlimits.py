"""process.rlimits."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.runtime import Result

_INFINITY = 2**64 - 1
# the specification's names after RLIMIT_, the kernel's in /proc/PID/limits, the kernel's numbers on most machines
_KINDS = {
    "CPU": ("Max cpu time", 0), "FSIZE": ("Max file size", 1), "DATA": ("Max data size", 2),
    "STACK": ("Max stack size", 3), "CORE": ("Max core file size", 4), "RSS": ("Max resident set", 5),
    "NPROC": ("Max processes", 6), "NOFILE": ("Max open files", 7), "MEMLOCK": ("Max locked memory", 8),
    "AS": ("Max address space", 9), "LOCKS": ("Max file locks", 10), "SIGPENDING": ("Max pending signals", 11),
    "MSGQUEUE": ("Max msgqueue size", 12), "NICE": ("Max nice priority", 13),
    "RTPRIO": ("Max realtime priority", 14), "RTTIME": ("Max realtime timeout", 15),
}  # fmt: skip


def limits(text: str) -> dict[str, tuple[str, str]]:
    """Soft and hard limits by name, from the text of /proc/PID/limits."""
    found = {}
    for name, (label, _) in _KINDS.items():
        (line,) = [line for line in text.splitlines() if line.startswith(label)]
        soft, hard = line[26:].split()[:2]
        found[name] = (soft, hard)
    return found


def _allowed(number: int) -> tuple[int, int]:
    """A pair this process may set: a soft limit below the hard one where there is room."""
    hard = resource.getrlimit(number)[1] % 2**64
    return (max(hard - 1, 0) if hard != _INFINITY else 1 << 40), hard


def _shown(value: int) -> str:
    return "unlimited" if value == _INFINITY else str(value)


def _limit(kind: str, soft: int, hard: int) -> dict[str, Any]:
    return {"type": f"RLIMIT_{kind}", "soft": soft, "hard": hard}


@pytest.mark.clause("process.rlimits.set")
@pytest.mark.parametrize("uid", [0, 1000])
def test_are_exactly_those_given(container: Container, uid: int) -> None:
    wanted = {kind: _allowed(number) for kind, (_, number) in _KINDS.items()}
    container.bundle.process["rlimits"] = [_limit(kind, *pair) for kind, pair in wanted.items()]
    container.bundle.process["user"] = {"uid": uid, "gid": uid}

    seen = limits(container.output("cat /proc/self/limits"))

    assert seen == {kind: (_shown(soft), _shown(hard)) for kind, (soft, hard) in wanted.items()}


@pytest.mark.clause("process.rlimits.set")
def test_the_largest_number_is_infinity(container: Container) -> None:
    container.bundle.process["rlimits"] = [
        _limit("FSIZE", _INFINITY, _INFINITY),
        _limit("AS", _INFINITY - 1, _INFINITY),
    ]

    seen = limits(container.output("cat /proc/self/limits"))

    assert seen["FSIZE"] == ("unlimited", "unlimited")
    assert seen["AS"] == (str(_INFINITY - 1), "unlimited")


@pytest.mark.clause("process.rlimits.set")
def test_are_left_alone_unless_given(container: Container) -> None:
    container.bundle.process.pop("rlimits")
    before = limits(Path("/proc/self/limits").read_text())

    seen = limits(container.output("cat /proc/self/limits"))

    assert {kind: pair for kind, pair in seen.items() if kind != "NOFILE"} == {
        kind: pair for kind, pair in before.items() if kind != "NOFILE"
    }


@pytest.mark.clause("process.rlimits.unknown")
@pytest.mark.parametrize("kind", ["RLIMIT_NOPE", "NOFILE", "rlimit_nofile", ""])
def test_an_unknown_type_is_an_error(container: Container, kind: str) -> None:
    container.bundle.process["rlimits"] = [{"type": kind, "soft": 1, "hard": 1}]

    container.create().failed(kind)


@pytest.mark.clause("process.rlimits.duplicate")
@pytest.mark.differs("runc sets one after the other")
def test_a_type_given_twice_is_an_error(container: Container) -> None:
    container.bundle.process["rlimits"] = [_limit("CORE", 0, 0), _limit("CORE", 0, 0)]

    container.create().failed("RLIMIT_CORE")


@pytest.mark.clause("process.rlimits.raise")
def test_a_hard_limit_out_of_reach_is_an_error(container: Container) -> None:
    """No privilege raises the number of descriptors above fs.nr_open."""
    beyond = int(Path("/proc/sys/fs/nr_open").read_text()) + 1
    container.bundle.process["rlimits"] = [_limit("NOFILE", 1024, beyond)]

    container.create().failed("operation not permitted")


@pytest.mark.differs("the kernel tells runc only that it is invalid")
def test_a_soft_limit_above_the_hard_one_is_an_error(container: Container) -> None:
    container.bundle.process["rlimits"] = [_limit("CORE", 2, 1)]

    container.create().failed("process.rlimits[0].soft")


@pytest.mark.clause("process.rlimits.set")
@pytest.mark.differs("runc 1.1 takes the hard limit for both")
def test_of_an_exec_are_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.up()

    result = exec_process(rlimits=[_limit("NOFILE", 77, 88)], args=["cat", "/proc/self/limits"]).ok()

    assert limits(result.stdout)["NOFILE"] == ("77", "88")


@pytest.mark.clause("process.rlimits.set")
@pytest.mark.needs("userns")
def test_are_set_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace().process["rlimits"] = [_limit("NOFILE", 77, 88), _limit("CORE", 0, 0)]

    seen = limits(container.output("cat /proc/self/limits"))

    assert (seen["NOFILE"], seen["CORE"]) == (("77", "88"), ("0", "0"))
