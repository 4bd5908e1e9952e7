from __future__ import annotations

import errno

import pytest

from pyoci.syscalls import capabilities, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]

CHOWN, KILL, SETPCAP, BPF = 0, 5, 8, 39
NONE: frozenset[int] = frozenset()


@pytest.fixture(params=["python-prctl", "own"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to call: through the library, and without it."""
    if request.param == "own":
        monkeypatch.setattr(prctl, "library", None)
    elif prctl.library is None:
        pytest.skip("needs python-prctl: it cannot be imported here")
    return str(request.param)


def _status() -> dict[str, frozenset[int]]:
    """The sets as /proc/self/status shows them."""
    found = {}
    names = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding",
             "CapAmb": "ambient"}  # fmt: skip
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key in names:
                found[names[key]] = frozenset(bit for bit in range(64) if int(value, 16) >> bit & 1)
    return found


def test_names_are_all_that_the_kernel_knows_when_it_is_not_newer() -> None:
    assert len(capabilities.NAMES) == len(set(capabilities.NAMES)) == 41
    assert capabilities.NAMES[21] == "CAP_SYS_ADMIN"
    assert capabilities.NAMES[40] == "CAP_CHECKPOINT_RESTORE"
    assert capabilities.last() >= 40


def test_current_agrees_with_proc_when_read() -> None:
    assert capabilities.current() == _status()


def test_set_all_replaces_the_three_sets_when_smaller(in_child: InChild, way: str) -> None:
    def child() -> dict[str, frozenset[int]]:
        capabilities.set_all({CHOWN}, {CHOWN, KILL, BPF}, {BPF})
        assert _status() == capabilities.current()
        return _status()

    sets = in_child(child, 0)
    assert isinstance(sets, dict)
    assert sets | {"bounding": NONE} == {
        "effective": {CHOWN}, "permitted": {CHOWN, KILL, BPF}, "inheritable": {BPF}, "bounding": NONE, "ambient": NONE,
    }  # fmt: skip


def test_set_all_can_take_everything_when_empty(in_child: InChild, way: str) -> None:
    def child() -> list[frozenset[int]]:
        capabilities.set_all((), (), ())
        return [capabilities.current()[name] for name in ("effective", "permitted", "inheritable")]

    assert in_child(child, 0) == [NONE, NONE, NONE]


def test_set_all_fails_when_more_than_is_permitted(in_child: InChild, way: str) -> None:
    def child() -> None:
        capabilities.set_all({CHOWN}, {CHOWN}, ())
        capabilities.set_all({CHOWN, KILL}, {CHOWN, KILL}, ())

    with pytest.raises(OSError, match="Operation not permitted") as caught:
        in_child(child, 0)

    assert caught.value.errno == errno.EPERM
    assert "capset(2)" in caught.value.__notes__


def test_drop_bounding_removes_what_is_named_when_called_again(in_child: InChild) -> None:
    def child() -> frozenset[int]:
        capabilities.drop_bounding(_status()["bounding"] - {CHOWN, SETPCAP})
        capabilities.drop_bounding(frozenset({SETPCAP}))
        return _status()["bounding"]

    assert in_child(child, 0) == {CHOWN}


def test_drop_bounding_needs_no_privilege_when_there_is_nothing_to_drop(in_child: InChild) -> None:
    def child() -> frozenset[int]:
        capabilities.drop_bounding(_status()["bounding"])
        capabilities.set_all((), (), ())
        capabilities.drop_bounding(NONE)
        return _status()["bounding"]

    assert in_child(child, 0) == NONE


def test_set_ambient_replaces_the_set_when_called_again(in_child: InChild) -> None:
    def child() -> list[frozenset[int]]:
        capabilities.set_all({CHOWN, KILL}, {CHOWN, KILL}, {CHOWN, KILL})
        capabilities.set_ambient(frozenset({CHOWN}))
        first = capabilities.current()["ambient"]
        capabilities.set_ambient(frozenset({KILL}))
        return [first, _status()["ambient"]]

    assert in_child(child, 0) == [{CHOWN}, {KILL}]


def test_set_ambient_fails_when_it_is_not_inheritable(in_child: InChild) -> None:
    def child() -> None:
        capabilities.set_all({CHOWN}, {CHOWN}, ())
        capabilities.set_ambient(frozenset({CHOWN}))

    with pytest.raises(OSError, match="Operation not permitted"):
        in_child(child, 0)
