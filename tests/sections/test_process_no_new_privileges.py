"""process.noNewPrivileges."""

from __future__ import annotations

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result


@pytest.mark.clause("process.no-new-privileges")
@pytest.mark.parametrize(("given", "seen"), [(True, "1"), (False, "0"), (None, "0")])
def test_is_in_effect_when_given(container: Container, given: bool | None, seen: str) -> None:
    container.bundle.process["noNewPrivileges"] = given

    assert container.output("grep NoNewPrivs /proc/self/status").split() == ["NoNewPrivs:", seen]


@pytest.mark.clause("process.no-new-privileges")
@pytest.mark.parametrize(("given", "uid"), [(True, "1000"), (False, "0")])
def test_keeps_a_setuid_program_from_changing_the_user(container: Container, given: bool, uid: str) -> None:
    program = container.bundle.rootfs / "bin/busybox"
    program.chmod(0o4755)
    container.bundle.process.update(noNewPrivileges=given, user={"uid": 1000, "gid": 1000})
    container.bundle.process["capabilities"]["bounding"] += ["CAP_SETUID"]
    container.bundle.args(
        "grep", "Uid", "/proc/self/status"
    )  # busybox gives setuid rights up again: the saved id tells

    assert container.run().ok().output.split()[2] in {uid, "1000"}
    assert (container.run().ok().output.split()[3] == "0") == (not given) or uid == "0"


@pytest.mark.clause("process.no-new-privileges")
@pytest.mark.parametrize(("given", "seen"), [(True, "1"), (False, "0")])
def test_of_an_exec_is_its_own(
    container: Container, exec_process: Callable[..., Result], given: bool, seen: str
) -> None:
    container.bundle.process["noNewPrivileges"] = not given
    container.up()

    result = exec_process(noNewPrivileges=given, args=["grep", "NoNewPrivs", "/proc/self/status"]).ok()

    assert result.output.split() == ["NoNewPrivs:", seen]
