"""process.capabilities."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.runtime import Result

_NUMBERS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_SYS_CHROOT": 18, "CAP_AUDIT_WRITE": 29}
_SETS = {
    "CapInh": "inheritable",
    "CapPrm": "permitted",
    "CapEff": "effective",
    "CapBnd": "bounding",
    "CapAmb": "ambient",
}
_LOOK = ["grep", "^Cap", "/proc/self/status"]
_THREE = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def sets(text: str) -> dict[str, set[int]]:
    """The five sets in the text of /proc/PID/status."""
    found = {}
    for line in text.splitlines():
        name, _, mask = line.partition(":")
        if name in _SETS:
            found[_SETS[name]] = {number for number in range(64) if int(mask, 16) >> number & 1}
    return found


def numbers(*names: str) -> set[int]:
    """The kernel's numbers of capabilities."""
    return {_NUMBERS[name] for name in names}


def _logged(container: Container, **kwargs: Any) -> tuple[str, str]:
    """What the program prints, and the log."""
    log = container.bundle.path.parent / "log"
    return container.run(options=("--log", str(log)), **kwargs).ok().stdout, log.read_text()


def _run(container: Container, uid: int, **given: Any) -> dict[str, set[int]]:
    """The sets of a program of the user *uid*."""
    container.bundle.args(*_LOOK).process.update(user={"uid": uid, "gid": uid}, capabilities=given)
    return sets(container.run().ok().stdout)


@pytest.mark.clause("process.capabilities.sets")
def test_of_root_are_those_given(container: Container) -> None:
    seen = _run(container, 0, bounding=_THREE, permitted=_THREE, effective=_THREE, inheritable=["CAP_KILL"])

    assert seen["bounding"] == seen["permitted"] == seen["effective"] == numbers(*_THREE)
    assert (seen["inheritable"], seen["ambient"]) == (numbers("CAP_KILL"), set())


@pytest.mark.clause("process.capabilities.sets")
def test_of_a_user_come_by_the_ambient_set(container: Container) -> None:
    one = ["CAP_NET_BIND_SERVICE"]

    seen = _run(container, 1000, bounding=_THREE, permitted=_THREE, effective=_THREE, inheritable=one, ambient=one)

    assert seen["bounding"] == numbers(*_THREE)
    assert seen["permitted"] == seen["effective"] == seen["inheritable"] == seen["ambient"] == numbers(*one)


@pytest.mark.clause("process.capabilities.sets")
@pytest.mark.parametrize("uid", [0, 1000])
def test_may_be_none_at_all(container: Container, uid: int) -> None:
    seen = _run(container, uid)

    assert seen == {name: set() for name in _SETS.values()}


@pytest.mark.clause("process.capabilities.sets")
def test_of_a_user_without_the_ambient_set_are_none(container: Container) -> None:
    seen = _run(container, 1000, bounding=_THREE, permitted=_THREE, effective=_THREE)

    assert (seen["bounding"], seen["permitted"], seen["effective"]) == (numbers(*_THREE), set(), set())


@pytest.mark.clause("process.capabilities.unknown")
def test_an_unknown_one_is_left_out_with_a_warning(container: Container) -> None:
    names = ["CAP_KILL", "CAP_NOPE", "kill", ""]
    given = dict.fromkeys(("bounding", "permitted", "effective"), names)
    container.bundle.args(*_LOOK).process["capabilities"] = given

    seen, log = _logged(container)

    assert "unknown or unavailable capabilities" in log
    assert "CAP_NOPE" in log
    assert sets(seen)["effective"] == numbers("CAP_KILL")


@pytest.mark.clause("process.capabilities.unknown")
@pytest.mark.differs("runc 1.1 fails")
def test_one_the_runtime_does_not_have_is_left_out_with_a_warning(container: Container) -> None:
    names = ["CAP_KILL", "CAP_AUDIT_WRITE"]
    given = dict.fromkeys(("bounding", "permitted", "effective"), names)
    container.bundle.args(*_LOOK).process["capabilities"] = given

    seen, log = _logged(container, prefix=["setpriv", "--bounding-set=-audit_write"])

    assert "CAP_AUDIT_WRITE" in log
    assert sets(seen)["bounding"] == sets(seen)["effective"] == numbers("CAP_KILL")


@pytest.mark.clause("process.capabilities.ambient")
@pytest.mark.differs("runc says nothing")
def test_ambient_ones_must_be_permitted_and_inheritable(container: Container) -> None:
    container.bundle.args(*_LOOK).process.update(
        user={"uid": 1000, "gid": 1000},
        capabilities={"bounding": _THREE, "permitted": _THREE, "ambient": _THREE, "inheritable": ["CAP_KILL"]},
    )

    seen, log = _logged(container)

    assert "CAP_CHOWN" in log
    assert sets(seen)["ambient"] == numbers("CAP_KILL")


@pytest.mark.clause("process.capabilities.absent")
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.differs("runc leaves none before 1.2")
def test_are_left_as_they_are_without_the_object(container: Container, uid: int) -> None:
    container.bundle.process.pop("capabilities")
    container.bundle.args(*_LOOK).process["user"] = {"uid": uid, "gid": uid}
    ours = sets(Path("/proc/self/status").read_text())

    seen = sets(container.run().ok().stdout)

    assert seen["bounding"] == ours["bounding"]
    assert seen["effective"] == seen["permitted"] == (ours["permitted"] if uid == 0 else set())


@pytest.mark.clause("process.capabilities.exec")
def test_of_an_exec_are_not_inheritable(container: Container, exec_process: Callable[..., Result]) -> None:
    container.up()
    three = dict.fromkeys(("bounding", "permitted", "effective"), _THREE)

    own = exec_process(capabilities=three, args=_LOOK).ok()
    added = container.exec(*_LOOK, flags=("--cap", "CAP_SYS_CHROOT")).ok()

    assert sets(own.stdout)["effective"] == sets(own.stdout)["bounding"] == numbers(*_THREE)
    assert sets(own.stdout)["inheritable"] == sets(added.stdout)["inheritable"] == set()
    assert numbers("CAP_SYS_CHROOT") <= sets(added.stdout)["effective"]


@pytest.mark.clause("process.capabilities.sets")
@pytest.mark.needs("userns")
def test_are_those_given_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace()

    seen = _run(container, 0, bounding=_THREE, permitted=_THREE, effective=_THREE)

    assert seen["bounding"] == seen["permitted"] == seen["effective"] == numbers(*_THREE)


@pytest.mark.clause("process.capabilities.sets")
@pytest.mark.needs("userns")
def test_can_be_any_for_root_of_a_user_namespace(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.args(*_LOOK).process["capabilities"] = {
        name: [*_THREE, "CAP_AUDIT_WRITE"] for name in ("bounding", "permitted", "effective")
    }

    seen = sets(container.run(**as_user).ok().stdout)

    assert seen["effective"] == seen["bounding"] == numbers(*_THREE, "CAP_AUDIT_WRITE")
