"""process.user."""

from __future__ import annotations

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.runtime import Result

_NO_ID = 2**32 - 1
_HALF = pytest.mark.differs("runc takes no id above 2**31")
_LOOK = "grep -E '^(Uid|Gid|Groups|Umask)' /proc/self/status; touch /tmp/new; stat -c '%a %u %g' /tmp/new"


def look(container: Container, **user: Any) -> list[str]:
    """What the program finds of *user*: four lines of its status, and what a file it makes looks like."""
    container.bundle.process["user"] = {"uid": 0, "gid": 0, **user}
    return [" ".join(line.split()) for line in container.output(_LOOK).splitlines()]


@pytest.mark.clause("process.user.ids", "process.user.additional-gids", "process.user.umask")
@pytest.mark.parametrize(
    ("user", "seen"),
    [
        pytest.param({}, ["0", "0", "", "0022", "644 0 0"], id="root"),
        pytest.param({"uid": 1000, "gid": 100}, ["1000", "100", "", "0022", "644 1000 100"], id="a user"),
        pytest.param({"additionalGids": [7, 5, 5000]}, ["0", "0", "5 7 5000", "0022", "644 0 0"], id="groups"),
        pytest.param({"umask": 0o077, "uid": 4}, ["4", "0", "", "0077", "600 4 0"], id="umask"),
        pytest.param({"umask": 0}, ["0", "0", "", "0000", "666 0 0"], id="no umask"),
        pytest.param({"umask": 0o777}, ["0", "0", "", "0777", "0 0 0"], id="the largest umask"),
        pytest.param(
            {"uid": _NO_ID - 1, "gid": _NO_ID - 1},
            [str(_NO_ID - 1)] * 2 + ["", "0022"],
            id="the largest id",
            marks=_HALF,
        ),
        pytest.param({"username": "alice"}, ["0", "0", "", "0022", "644 0 0"], id="the name is for Windows"),
    ],
)
def test_is_who_the_program_is(container: Container, user: dict[str, Any], seen: list[str]) -> None:
    uid, gid, groups, umask, *file = seen
    lines = look(container, **user)

    assert lines[0] == f"Umask: {umask}"
    assert lines[1:4] == [f"Uid: {' '.join([uid] * 4)}", f"Gid: {' '.join([gid] * 4)}", f"Groups: {groups}".strip()]
    assert lines[4:][: len(file)] == file


@pytest.mark.clause("process.user.umask.unset")
def test_without_a_umask_it_is_not_the_callers(container: Container) -> None:
    container.bundle.script("umask")

    assert container.run(prefix=["sh", "-c", 'umask 0077; exec "$@"', "-"]).ok().output == "0022"


@pytest.mark.clause("process.user.additional-gids")
def test_has_none_of_the_callers_groups(container: Container) -> None:
    container.bundle.args("id", "-G")

    assert container.run(prefix=["setpriv", "--groups", "12,13"]).ok().output == "0"


@pytest.mark.clause("process.user.ids")
@pytest.mark.differs("runc takes 4294967295 for no change")
@pytest.mark.parametrize(
    "user",
    [{"uid": _NO_ID}, {"gid": _NO_ID}, {"additionalGids": [_NO_ID]}, {"uid": -1}, {"gid": 2**32}, {"uid": "root"}],
)
def test_is_given_by_numbers(container: Container, user: dict[str, Any]) -> None:
    container.bundle.process["user"] = {"uid": 0, "gid": 0, **user}

    container.create().failed(f"process.user.{next(iter(user))}")


@pytest.mark.clause("process.user.umask")
@pytest.mark.differs("runc cuts the other bits off")
@pytest.mark.parametrize("umask", [0o1000, 0o7777, -1, 2**32])
def test_umask_has_nine_bits(container: Container, umask: int) -> None:
    container.bundle.process["user"]["umask"] = umask

    container.create().failed("process.user.umask")


@pytest.mark.clause("process.user.unmapped")
@pytest.mark.needs("userns")
@pytest.mark.parametrize("user", [{"uid": 70000}, {"gid": 70000}, {"additionalGids": [70000]}], ids=str)
def test_is_mapped(container: Container, user: dict[str, Any]) -> None:
    container.bundle.user_namespace().process["user"] = {"uid": 0, "gid": 0, **user}

    container.run().failed()


@pytest.mark.clause("process.user.ids", "process.user.additional-gids")
@pytest.mark.needs("userns")
def test_is_meant_inside_a_user_namespace(container: Container) -> None:
    (container.bundle.user_namespace().rootfs / "tmp").chmod(0o1777)

    lines = look(container, uid=1000, gid=1000, additionalGids=[5, 65535])

    assert lines[1:] == [f"Uid:{' 1000' * 4}", f"Gid:{' 1000' * 4}", "Groups: 5 65535", "644 1000 1000"]
    assert (container.bundle.rootfs / "tmp/new").stat().st_uid == 101000


@pytest.mark.clause("process.user.additional-gids.denied")
@pytest.mark.needs("userns")
def test_groups_cannot_be_had_rootless(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.process["user"]["additionalGids"] = [0]

    container.run(**as_user).failed("additional groups in a rootless container")


@pytest.mark.clause("process.user.ids")
def test_of_an_exec_is_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 0o027}
    container.up()
    changed = {"uid": 1000, "gid": 1000, "additionalGids": [8, 9]}

    result = exec_process(user=changed, args=["sh", "-c", "id -u; id -g; id -G"]).ok()
    plain = exec_process(user={"uid": 0, "gid": 0}, args=["sh", "-c", "id -u; id -G"]).ok()

    assert result.stdout.splitlines() == ["1000", "1000", "1000 8 9"]
    assert plain.stdout.splitlines() == ["0", "0"]


@pytest.mark.differs("runc takes 4294967295 for no change")
@pytest.mark.parametrize("user", [{"uid": _NO_ID, "gid": 0}, {"uid": 0, "gid": -1}, {"gid": 0}, {"uid": 1.5, "gid": 0}])
def test_of_an_exec_is_checked(container: Container, exec_process: Callable[..., Result], user: dict[str, Any]) -> None:
    container.up()

    exec_process(user=user).failed("process.user.", status=exec_process(user=user).status)
    assert container.status == "running"


@pytest.mark.clause("process.user.umask", "process.user.umask.unset")
@pytest.mark.differs("runc 1.1 forgets it")
@pytest.mark.parametrize(("user", "seen"), [({"umask": 0o007}, "0007"), ({}, "0022")])
def test_of_an_exec_has_its_own_umask(
    container: Container, exec_process: Callable[..., Result], user: dict[str, Any], seen: str
) -> None:
    container.bundle.process["user"]["umask"] = 0o027
    container.up()

    assert exec_process(user={"uid": 0, "gid": 0, **user}, args=["sh", "-c", "umask"]).ok().output == seen
