"""systemd on a bus that leaves us waiting, or refuses us."""

from __future__ import annotations

import pytest

from pyoci.cgroups import bus
from pyoci.cgroups.systemd import SystemdCgroup
from pyoci.cgroups.unified import UnifiedDirectory
from pyoci.errors import SystemdError, Unsupported
from tests.support.bus import GREETING, SYSTEMD, FakeBus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    Serve = Callable[..., FakeBus]

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """``serve(answers)`` is the system's bus from then on, and nobody waits long for it."""
    served: list[FakeBus] = []

    def start(answers: Any, lost: Sequence[str] = ()) -> FakeBus:
        served.append(FakeBus(tmp_path / "bus", answers, lost))
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", served[-1].address)
        return served[-1]

    monkeypatch.setattr(bus, "_CALL_SECONDS", 0.2)
    monkeypatch.setattr(bus, "_JOB_SECONDS", 0.2)
    yield start
    for one in served:
        one.close()


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        pytest.param(None, "timed out", id="nobody at home"),
        pytest.param({}, "it does not answer", id="no greeting"),
        pytest.param({"Hello": ("error", ("org.freedesktop.DBus.Error.LimitsExceeded",))}, "LimitsExceeded", id="full"),
    ],
)
def test_a_bus_that_does_not_take_us_is_named(serve: Serve, answers: Any, text: str) -> None:
    address = serve(answers).address

    with pytest.raises(Unsupported, match=f"cannot reach systemd on the system bus {address}: .*{text}"):
        bus.Systemd(user=False)


@pytest.mark.parametrize("address", ["tcp:host=localhost,port=1", "unix:guid=1", "unix:path", "nonsense", ""])
def test_an_address_of_no_socket_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)

    with pytest.raises(Unsupported, match="cannot reach systemd on the system bus"):
        bus.Systemd(user=False)


@pytest.mark.parametrize("silent", ["AddMatch", "Subscribe", "StartTransientUnit"])
def test_a_call_without_an_answer_is_named(serve: Serve, silent: str) -> None:
    serve({name: answer for name, answer in SYSTEMD.items() if name != silent})

    with bus.Systemd(user=False) as systemd, pytest.raises(SystemdError, match=f"does not answer {silent}: timed out"):
        systemd.start("a.scope", [])


@pytest.mark.parametrize("silent", ["SetUnitProperties", "Get"])
def test_a_change_without_an_answer_is_named(serve: Serve, silent: str) -> None:
    serve({name: answer for name, answer in SYSTEMD.items() if name != silent})

    with bus.Systemd(user=False) as systemd, pytest.raises(SystemdError, match=f"does not answer {silent}: timed out"):
        systemd.change("a.scope", [])


@pytest.mark.parametrize(
    ("unit", "properties"),
    [
        pytest.param("\udcff.scope", [], id="no Unicode"),
        pytest.param("a.scope", [("CPUWeight", ("t", 2**64))], id="a large number"),
        pytest.param("a.scope", [("Description", ("s", "\ud800"))], id="half a surrogate pair"),
    ],
)
def test_what_d_bus_has_no_words_for_is_an_error(serve: Serve, unit: str, properties: list[Any]) -> None:
    serve(SYSTEMD)

    with bus.Systemd(user=False) as systemd, pytest.raises(SystemdError, match="cannot say what StartTransientUnit is"):
        systemd.start(unit, properties)


def test_a_job_that_does_not_end_is_named(serve: Serve) -> None:
    serve(SYSTEMD)

    with bus.Systemd(user=False) as systemd, pytest.raises(SystemdError, match="has not finished StartTransientUnit"):
        systemd.start("a.scope", [])


def test_a_change_waits_until_it_is_done(serve: Serve) -> None:
    served = serve(SYSTEMD)

    with bus.Systemd(user=False) as systemd:
        systemd.change("a.scope", [])

    assert served.calls[len(GREETING) :] == ["SetUnitProperties", "Get"]


def test_what_was_lost_when_systemd_executed_itself_anew_is_said_again(serve: Serve) -> None:
    served = serve(SYSTEMD, lost=["SetUnitProperties", "Get"])

    with bus.Systemd(user=False) as systemd:
        systemd.change("a.scope", [])

    assert served.calls[len(GREETING) :] == ["SetUnitProperties", "SetUnitProperties", "Get", "Get"]


def test_what_is_lost_again_is_an_error(serve: Serve) -> None:
    serve({**SYSTEMD, "SetUnitProperties": ("error", ("org.freedesktop.DBus.Error.NoReply",))})

    with bus.Systemd(user=False) as systemd, pytest.raises(SystemdError, match="NoReply"):
        systemd.change("a.scope", [])


def test_a_users_bus_is_in_the_directory_of_the_session(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve({**SYSTEMD, "AttachProcessesToUnit": ("", ())})
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    with bus.Systemd(user=True) as systemd:
        systemd.attach("a.scope", "", 1)

    assert served.calls[len(GREETING) :] == ["AttachProcessesToUnit"]


def test_a_unit_is_deleted_though_its_systemd_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    (tmp_path / "group").mkdir()
    directory = UnifiedDirectory((), str(tmp_path), f"{tmp_path}/group", [f"{tmp_path}/group"])

    SystemdCgroup([], directory, {"name": "a.scope", "user": True, "started": True}, rootless=True).delete()

    assert not (tmp_path / "group").exists()


def test_a_unit_of_the_system_stays_until_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    (tmp_path / "group").mkdir()
    directory = UnifiedDirectory((), str(tmp_path), f"{tmp_path}/group", [f"{tmp_path}/group"])

    with pytest.raises(Unsupported, match="cannot reach systemd on the system bus"):
        SystemdCgroup([], directory, {"name": "a.scope", "user": False, "started": True}).delete()

    assert (tmp_path / "group").exists()
