"""``--systemd-cgroup``: systemd makes the cgroup, as a scope or a slice."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEMD = ("--systemd-cgroup",)


def show(unit: str, *names: str) -> dict[str, str]:
    """What systemd knows of *unit*."""
    options = [word for name in names for word in ("-p", name)]
    text = subprocess.check_output(["systemctl", "show", unit, *options], text=True)
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def unit(container: Container) -> str:
    """The scope the container is to be; three levels of slices down."""
    container.bundle.linux["cgroupsPath"] = f"pyoci-tests.slice:pyoci:{container.id}"
    return f"pyoci-{container.id}.scope"


def up(container: Container) -> int:
    """The container, running; its pid."""
    container.up(options=SYSTEMD)
    return container.pid


@pytest.mark.needs("systemd")
@pytest.mark.clause("linux.cgroups-path.systemd")
def test_is_a_delegated_scope_of_its_slice(container: Container, unit: str) -> None:
    pid = up(container)

    shown = show(unit, "ControlGroup", "Delegate", "Slice", "ActiveState", "Transient")
    place = f"/pyoci.slice/pyoci-tests.slice/{unit}"
    assert shown == {
        "ControlGroup": place, "Delegate": "yes", "Slice": "pyoci-tests.slice", "ActiveState": "active",
        "Transient": "yes",
    }  # fmt: skip
    assert place in places(pid).values()


@pytest.mark.needs("systemd")
def test_is_gone_when_the_container_is_deleted(container: Container, unit: str) -> None:
    up(container)
    container.delete("--force").ok()

    assert show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd")
def test_leaves_no_unit_when_creating_fails(container: Container, unit: str) -> None:
    container.bundle.args("/no/such/program")

    container.run(options=SYSTEMD).failed("no such file or directory")

    assert show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd")
def test_limits_hold_after_systemd_has_reloaded(container: Container, unit: str) -> None:
    container.bundle.linux["resources"] = {
        "memory": {"limit": 64 << 20}, "pids": {"limit": 50},
        "cpu": {"quota": 20_000, "period": 100_000, "shares": 512},
    }  # fmt: skip
    pid = up(container)

    subprocess.run(["systemctl", "daemon-reload"], check=True)

    assert_limits(pid, {
        "memory.max": str(64 << 20), "memory.limit_in_bytes": str(64 << 20),
        "cpu.max": "20000 100000", "cpu.cfs_quota_us": "20000",
        "cpu.weight": "59", "cpu.shares": "512", "pids.max": "50",
    })  # fmt: skip
    assert show(unit, "TasksMax", "CPUQuotaPerSecUSec") == {"TasksMax": "50", "CPUQuotaPerSecUSec": "200ms"}


@pytest.mark.needs("systemd")
def test_devices_hold_after_systemd_has_reloaded(container: Container, unit: str) -> None:
    pid = up(container)
    before = container.exec("sh", "-c", "echo x > /dev/null; head -c 1 /dev/zero | wc -c").ok().output

    subprocess.run(["systemctl", "daemon-reload"], check=True)

    assert container.exec("sh", "-c", "echo x > /dev/null; head -c 1 /dev/zero | wc -c").ok().output == before == "1"
    assert show(unit, "DevicePolicy") == {"DevicePolicy": "strict"}
    assert pid == container.pid


@pytest.mark.needs("systemd")
def test_exec_is_in_the_unit(container: Container, unit: str) -> None:
    pid = up(container)

    inside = container.exec("cat", "/proc/self/cgroup").ok().output

    assert set(places(pid).values()) == {line.split(":", 2)[2] for line in inside.splitlines()} or unit in inside


@pytest.mark.needs("systemd")
def test_annotations_are_properties_of_the_unit(container: Container, unit: str) -> None:
    container.bundle.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "uint64 7"}
    up(container)

    assert show(unit, "TimeoutStopUSec") == {"TimeoutStopUSec": "7s"}


@pytest.mark.needs("systemd")
def test_a_second_container_cannot_have_the_unit(
    container: Container, unit: str, new_container: Callable[[], Container]
) -> None:
    up(container)
    other = new_container()
    other.bundle.linux["cgroupsPath"] = container.bundle.linux["cgroupsPath"]
    other.bundle.args("true")

    other.run(options=SYSTEMD).failed("unable to start unit")

    assert show(unit, "ActiveState") == {"ActiveState": "active"}


@pytest.mark.needs("systemd")
def test_a_slice_can_be_asked_for(container: Container) -> None:
    name = f"pyoci-{container.id.replace('-', '_')}.slice"
    container.bundle.linux["cgroupsPath"] = f"pyoci.slice::{name}"
    pid = up(container)

    assert f"/pyoci.slice/{name}" in places(pid).values()


@pytest.mark.clause("linux.cgroups-path.systemd")
@pytest.mark.parametrize("path", ["/a/b", "one", "a.slice:b", "a:b:c", "a.slice:b:c:d", "a--b.slice:c:d"])
def test_a_path_of_another_form_is_refused(container: Container, path: str) -> None:
    container.bundle.linux["cgroupsPath"] = path

    container.create(options=SYSTEMD).failed("linux.cgroupsPath")


@pytest.mark.needs("no-systemd")
def test_says_so_when_there_is_no_systemd(container: Container) -> None:
    container.bundle.linux["cgroupsPath"] = "system.slice:pyoci:one"

    container.create(options=SYSTEMD).failed("cannot reach systemd on the system bus")
