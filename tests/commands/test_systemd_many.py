"""``--systemd-cgroup`` with many containers at once, and with a bus that does not answer."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.container import Container, cgroups_named, leftovers
from tests.support.systemd import systemctl
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.bundle import Bundle
    from tests.support.runtime import Runtime

SYSTEMD = ("--systemd-cgroup",)
_AT_ONCE = 50
_SECONDS = 120


@pytest.mark.needs("systemd")
@pytest.mark.timeout(1200)
def test_leaves_no_unit_of_containers_at_once(runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]) -> None:
    batch = new_id()
    bundle.linux.pop("cgroupsPath", None)
    bundle.args("sleep", "1000").write()

    def live(number: int) -> str:
        container = Container(runtime, bundle, f"{batch}.{number}")
        runtime("create", "--bundle", bundle.path, container.id, options=SYSTEMD, timeout=_SECONDS).ok()
        container.start(timeout=_SECONDS).ok()
        said = container.exec("cat", "/proc/self/cgroup", timeout=_SECONDS).ok().output
        container.kill("KILL", timeout=_SECONDS).ok()
        container.delete("--force", timeout=_SECONDS).ok()
        return said

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        said = list(pool.map(live, range(_AT_ONCE)))

    assert len(said) == _AT_ONCE
    wait_for(lambda: not systemctl.units(f"*{batch}*"), "no unit is left")  # systemd forgets them between two answers
    assert cgroups_named(batch) == []
    assert os.listdir(runtime.root) == []


@pytest.fixture
def silent(place: Path) -> Iterator[dict[str, str]]:
    """An environment in which the system bus is one that never answers."""
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(place / "bus"))
        bus.listen()
        yield {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={place}/bus"}


@pytest.mark.differs("runc takes no other bus")
def test_create_fails_in_a_line_when_the_bus_does_not_answer(container: Container, silent: dict[str, str]) -> None:
    container.bundle.linux.pop("cgroupsPath", None)

    said = container.create(options=SYSTEMD, env=silent).failed("cannot reach systemd on the system bus")

    assert len(said.stderr.splitlines()) == 1
    assert leftovers(container.runtime, container.id) == {}
