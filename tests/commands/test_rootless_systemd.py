"""``--systemd-cgroup`` for a user: his own systemd makes the cgroup, and limits hold in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, places
from tests.support.machine import alone, lingering
from tests.support.systemd import Systemd
from tests.support.user import User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "userns")

SYSTEMD = ("--systemd-cgroup",)
_LIMITS = {
    "memory": {"limit": 64 << 20}, "pids": {"limit": 50}, "cpu": {"quota": 20_000, "period": 100_000},
}  # fmt: skip
_FILES = {"memory.max": str(64 << 20), "pids.max": "50", "cpu.max": "20000 100000"}


@pytest.fixture(scope="module")
def session() -> Iterator[Path]:
    """The runtime directory of the user `tester`, whose systemd runs though nobody is logged in."""
    with alone(), lingering("tester") as directory:
        yield directory


@pytest.fixture
def user(container: Container, place: Path, session: Path) -> User:
    """A user who has a session, but whose commands begin outside it, as after a login."""
    user = User(container, place, int(session.name))
    user.environment["XDG_RUNTIME_DIR"] = str(session)
    return user


def systemctl_of(user: User) -> Systemd:
    """The user's own."""
    return Systemd(*user.become(), "systemctl", "--user")


@pytest.mark.needs("systemd", "tester", "cgroup2")
def test_has_limits_that_hold_after_a_reload(user: User) -> None:
    user.container.bundle.linux["resources"] = _LIMITS
    pid = user.up(SYSTEMD).container.pid
    unit = f"pyoci-{user.container.id}.scope"

    assert places(pid)[""].endswith(f"/user@{user.uid}.service/user.slice/{unit}")
    assert_limits(pid, _FILES)
    systemctl_of(user)("daemon-reload")
    assert_limits(pid, _FILES)
    user("update", "--pids-limit=60", user.container.id).ok()
    assert_limits(pid, {**_FILES, "pids.max": "60"})
    assert systemctl_of(user).show(unit, "TasksMax") == {"TasksMax": "60"}
    user("delete", "--force", user.container.id).ok()
    assert systemctl_of(user).show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd", "tester", "cgroup1")
@pytest.mark.differs("runc takes no user's systemd on v1")
def test_is_a_unit_without_limits_on_v1(user: User) -> None:
    pid = user.up(SYSTEMD).container.pid
    unit = f"pyoci-{user.container.id}.scope"

    assert places(pid)["name=systemd"].endswith(f"/user@{user.uid}.service/user.slice/{unit}")
    user("update", "--pids-limit=60", user.container.id).failed("cannot set pids limit")
    user("exec", user.container.id, "true").ok()
    user("delete", "--force", user.container.id).ok()
    assert systemctl_of(user).show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd", "tester", "cgroup1")
@pytest.mark.differs("the hint is ours")
def test_says_that_on_v1_such_a_user_has_no_limits(user: User) -> None:
    user.container.bundle.linux["resources"] = _LIMITS

    user.run(options=SYSTEMD).failed("cannot set", "permission denied", "where a cgroup of v2 is delegated to him")

    unit = f"pyoci-{user.container.id}.scope"
    assert systemctl_of(user).show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd", "tester", "cgroup2")
def test_exec_is_moved_into_the_unit(user: User) -> None:
    pid = user.up(SYSTEMD).container.pid

    user("exec", "--detach", user.container.id, "sleep", "1000").ok()

    procs = Path(f"/sys/fs/cgroup{places(pid)['']}/cgroup.procs").read_text().split()
    assert len(procs) == 2
    user("pause", user.container.id).ok()
    assert user.container.status == "paused"
    user("resume", user.container.id).ok()
    assert user("events", "--stats", user.container.id).ok().stdout.startswith('{"type":"stats"')


@pytest.mark.needs("systemd", "tester", "cgroup2")
def test_finds_the_bus_from_within_a_user_namespace(user: User) -> None:
    user.container.bundle.user_namespace(0, 0, 1)
    user.inside = ["unshare", "--user", "--map-root-user"]
    user.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={user.environment.pop('XDG_RUNTIME_DIR')}/bus"

    pid = user.up(SYSTEMD).container.pid

    assert f"/user@{user.uid}.service/" in places(pid)[""]
    user("delete", "--force", user.container.id).ok()


@pytest.mark.needs("systemd", "tester", "cgroup2")
def test_is_deleted_when_systemd_cannot_be_reached_any_more(user: User) -> None:
    user.up(SYSTEMD)
    user.environment["XDG_RUNTIME_DIR"] = "/nonexistent"

    user("delete", "--force", user.container.id).ok()


@pytest.mark.needs("systemd", "tester", "cgroup2")
@pytest.mark.differs("the hint is ours")
def test_says_that_without_systemd_such_a_user_has_no_limits(user: User) -> None:
    user.container.bundle.linux["resources"] = _LIMITS

    user.run().failed("cannot set", "permission denied", "--systemd-cgroup")


@pytest.mark.differs("the hint is ours")
def test_says_that_there_is_no_bus(container: Container, place: Path) -> None:
    User(container, place).run(options=SYSTEMD).failed("could not find the user's D-Bus", "install dbus-user-session")
