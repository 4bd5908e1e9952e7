"""``--systemd-cgroup``: systemd makes the cgroup, as a scope or a slice."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.bus import SYSTEMD as ANSWERS
from tests.support.bus import FakeBus
from tests.support.container import Container, leftovers
from tests.support.limits import assert_limits, control_file, places
from tests.support.runtime import Result
from tests.support.systemd import systemctl
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEMD = ("--systemd-cgroup",)
SIZE = 64 << 20
LOG = {"path": "/dev/log", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}
TRY = "echo > /dev/null && printf null; (: < /dev/log) && printf ' read'; (: >> /dev/log) && printf ' write'; :"
LIMITS = ("memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "cpuset.cpus.effective",
          "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cpu.cfs_quota_us", "cpu.cfs_period_us",
          "cpu.shares")  # fmt: skip


def read_limits(pid: int) -> dict[str, str]:
    """What the files of LIMITS say that the host has."""
    return {name: file.read_text() for name in LIMITS if (file := control_file(pid, name))}


@pytest.fixture
def unit(container: Container) -> str:
    """The scope the container is to be; three levels of slices down."""
    container.bundle.linux["cgroupsPath"] = f"pyoci-tests.slice:pyoci:{container.id}"
    return f"pyoci-{container.id}.scope"


def up(container: Container, **resources: Any) -> int:
    """The container, running with *resources*; its pid."""
    container.bundle.linux["resources"] |= resources
    container.up(options=SYSTEMD)
    return container.pid


def update(container: Container, **resources: Any) -> Result:
    """``update`` to *resources*."""
    return container.runtime("update", "--resources=-", container.id, stdin=json.dumps(resources))


@pytest.mark.needs("systemd")
@pytest.mark.clause("linux.cgroups-path.systemd")
def test_is_a_delegated_scope_of_its_slice(container: Container, unit: str) -> None:
    pid = up(container)

    shown = systemctl.show(unit, "ControlGroup", "Delegate", "Slice", "ActiveState", "Transient")
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

    assert systemctl.show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd")
def test_leaves_no_unit_when_creating_fails(container: Container, unit: str) -> None:
    container.bundle.args("/no/such/program")

    container.run(options=SYSTEMD).failed("no such file or directory")

    assert systemctl.show(unit, "LoadState") == {"LoadState": "not-found"}


reloads = pytest.mark.parametrize("reload", ["daemon-reload", "daemon-reexec"])


@reloads
@pytest.mark.needs("systemd")
def test_limits_hold_after_systemd_has_reloaded(container: Container, unit: str, reload: str) -> None:
    pid = up(container, memory={"limit": SIZE}, pids={"limit": 50}, cpu={"quota": 20_000, "shares": 512})

    systemctl(reload)

    assert_limits(pid, {
        "memory.max": str(SIZE), "memory.limit_in_bytes": str(SIZE),
        "cpu.max": "20000 100000", "cpu.cfs_quota_us": "20000",
        "cpu.weight": "59", "cpu.shares": "512", "pids.max": "50",
    })  # fmt: skip
    assert systemctl.show(unit, "TasksMax", "CPUQuotaPerSecUSec") == {"TasksMax": "50", "CPUQuotaPerSecUSec": "200ms"}


@reloads
@pytest.mark.needs("systemd", "cgroup2")
def test_files_of_v2_hold_after_systemd_has_reloaded(container: Container, unit: str, reload: str) -> None:
    files = {
        "memory.min": "4096", "memory.low": "8192", "memory.high": "33554432", "memory.max": "67108864",
        "memory.swap.max": "12288", "cpu.weight": "77", "cpu.max": "30000 100000",
        "cpu.max.burst": "20000", "cpuset.cpus": "0", "cpuset.mems": "0", "pids.max": "44",
        "hugetlb.2MB.max": "2097152", "cgroup.max.depth": "5", "memory.oom.group": "1",
    }  # fmt: skip
    pid = up(container, unified=files)
    assert_limits(pid, files)

    systemctl(reload)

    assert systemctl.show(unit, "MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax", "CPUWeight",
                "AllowedCPUs", "AllowedMemoryNodes", "TasksMax") == {
        "MemoryMin": "4096", "MemoryLow": "8192", "MemoryHigh": "33554432", "MemoryMax": "67108864",
        "MemorySwapMax": "12288", "CPUWeight": "77", "AllowedCPUs": "0",
        "AllowedMemoryNodes": "0", "TasksMax": "44",
    }  # fmt: skip
    assert_limits(pid, files)


@pytest.mark.needs("systemd")
def test_a_quota_is_not_what_systemd_rounds_it_to(container: Container, unit: str) -> None:
    pid = up(container, cpu={"quota": 33_333, "period": 100_000})
    assert_limits(pid, {"cpu.max": "33333 100000", "cpu.cfs_quota_us": "33333"})

    update(container, cpu={"quota": 44_444}).ok()

    assert_limits(pid, {"cpu.max": "44444 100000", "cpu.cfs_quota_us": "44444"})


@pytest.mark.needs("systemd", "cgroup2")
def test_a_container_is_idle_and_no_longer(container: Container, unit: str) -> None:
    pid = up(container, cpu={"idle": 1})
    assert systemctl.show(unit, "CPUWeight") == {"CPUWeight": "idle"}

    update(container, cpu={"idle": 0}).ok()
    systemctl("daemon-reload")

    assert_limits(pid, {"cpu.idle": "0", "cpu.weight": "100"})


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("asked", [pytest.param(True, id="limited"), pytest.param(False, id="unlimited")])
def test_the_unit_is_as_before_when_an_update_fails_half_way(container: Container, unit: str, asked: bool) -> None:
    limits: dict[str, Any] = {
        "memory": {"limit": 2 * SIZE}, "pids": {"limit": 50}, "cpu": {"quota": 33_333, "shares": 512, "cpus": "0"},
    }  # fmt: skip
    names = ("MemoryMax", "MemorySwapMax", "MemoryLimit", "TasksMax", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec",
             "CPUWeight", "CPUShares", "AllowedCPUs", "IOWeight")  # fmt: skip
    pid = up(container, **limits if asked else {})
    before, files = systemctl.show(unit, *names), read_limits(pid)

    update(
        container, memory={"limit": SIZE, "swap": SIZE}, pids={"limit": 40},
        cpu={"quota": 50_000, "period": 50_000, "shares": 1024, "cpus": "0" if not asked else "0-1"},
        blockIO={"throttleReadBpsDevice": [{"major": 4095, "minor": 77, "rate": 1}]},
    ).failed("No such device")  # fmt: skip

    assert systemctl.show(unit, *names) == before
    assert read_limits(pid) == files


@reloads
@pytest.mark.needs("systemd")
def test_devices_hold_after_systemd_has_reloaded(container: Container, unit: str, reload: str) -> None:
    container.bundle.linux["devices"] = [LOG]
    pid = up(container)
    before = container.exec("sh", "-c", TRY).ok().output

    systemctl(reload)

    assert container.exec("sh", "-c", TRY).ok().output == before == "null"
    assert systemctl.show(unit, "DevicePolicy") == {"DevicePolicy": "strict"}
    assert pid == container.pid


@pytest.mark.needs("systemd")
def test_devices_of_an_update_hold_after_systemd_has_reloaded(container: Container, unit: str) -> None:
    container.bundle.linux["devices"] = [LOG]
    for names in container.bundle.process["capabilities"].values():
        names.append("CAP_SYSLOG")
    up(container)

    update(container, devices=[{"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]).ok()
    before = container.exec("sh", "-c", TRY).ok().output
    systemctl("daemon-reload")

    assert container.exec("sh", "-c", TRY).ok().output == before == "null read"


@pytest.mark.needs("systemd")
def test_every_device_can_be_allowed_by_an_update(container: Container, unit: str) -> None:
    container.bundle.linux["devices"] = [LOG]
    for names in container.bundle.process["capabilities"].values():
        names.append("CAP_SYSLOG")
    up(container)

    update(container, devices=[{"allow": True, "access": "rwm"}]).ok()

    assert container.exec("sh", "-c", TRY).ok().output == "null read write"


@reloads
@pytest.mark.needs("systemd")
def test_a_device_that_is_refused_again_stays_so_after_systemd_has_reloaded(
    container: Container, unit: str, reload: str
) -> None:
    container.bundle.linux["devices"] = [LOG]
    allowed = {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"}
    up(container, devices=[allowed, {**allowed, "allow": False}])

    systemctl(reload)

    assert container.exec("sh", "-c", TRY).ok().output == "null"


@pytest.mark.needs("systemd")
def test_a_refusal_holds_when_an_update_adds_another(container: Container, unit: str) -> None:
    container.bundle.linux["devices"] = [LOG]
    rules = [{"allow": True, "access": "rwm"}, {"allow": False, "type": "c", "major": 1, "minor": 11}]
    up(container, devices=rules)

    update(container, devices=[*rules, {"allow": False, "type": "c", "major": 1, "minor": 12}]).ok()

    assert container.exec("sh", "-c", TRY).ok().output == "null"


@pytest.mark.needs("systemd")
@pytest.mark.parametrize(
    "rules",
    [pytest.param([], id="few devices"), pytest.param([{"allow": True, "access": "rwm"}], id="all devices")],
)
def test_is_where_its_limits_are_whatever_becomes_of_the_slice(
    container: Container, unit: str, new_container: Callable[[], Container], rules: list[Any]
) -> None:
    pid = up(container, devices=rules)
    slice_alone = {"/pyoci.slice/pyoci-tests.slice"}  # where systemd moves what it does not count to the unit
    assert not slice_alone & set(places(pid).values())
    before = places(pid)

    systemctl("daemon-reload")
    other = new_container()
    other.bundle.linux["cgroupsPath"] = f"pyoci-tests.slice:pyoci:{other.id}"
    up(other)
    update(container, pids={"limit": 60}, devices=[{"allow": True, "type": "c", "major": 1, "minor": 11}]).ok()
    other.delete("--force").ok()

    assert places(pid) == before


@pytest.mark.needs("systemd")
def test_a_pause_holds_when_systemd_reloads(container: Container, unit: str) -> None:
    up(container)
    container.runtime("pause", container.id).ok()

    systemctl("daemon-reload")

    assert container.status == "paused"
    container.runtime("resume", container.id).ok()


@pytest.mark.needs("systemd")
def test_a_unit_stopped_behind_our_back_is_a_stopped_container(container: Container, unit: str) -> None:
    container.bundle.script("trap 'exit 0' TERM; while :; do sleep 1; done")
    up(container)

    systemctl("stop", unit)

    container.wait_for_status("stopped")
    update(container, pids={"limit": 5}).failed("container not running")
    container.delete().ok()
    assert systemctl.show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd")
def test_a_unit_that_systemd_killed_leaves_nothing(container: Container, unit: str) -> None:
    container.bundle.config["annotations"] = {"org.systemd.property.TimeoutStopUSec": "uint64 200000"}
    up(container)  # its program ends at no SIGTERM, for it is the first of its pid namespace
    subprocess.run(["systemctl", "stop", unit], check=False)

    assert systemctl.show(unit, "ActiveState") == {"ActiveState": "failed"}
    container.wait_for_status("stopped")
    container.delete().ok()

    assert systemctl.show(unit, "LoadState") == {"LoadState": "not-found"}


@pytest.mark.needs("systemd")
def test_a_unit_of_that_name_that_failed_gives_way(container: Container, unit: str) -> None:
    options = ["--property=RuntimeMaxSec=200ms", "--property=TimeoutStopSec=1s", "--scope", "--quiet"]
    subprocess.run(["systemd-run", *options, f"--unit={unit}", "sleep", "1000"], check=False)
    wait_for(lambda: systemctl.show(unit, "ActiveState") == {"ActiveState": "failed"}, f"the failure of {unit}")

    up(container)

    assert systemctl.show(unit, "ActiveState") == {"ActiveState": "active"}


@pytest.mark.needs("systemd", "cgroup2")
@pytest.mark.clause("linux.cgroup-ownership.condition", "linux.cgroup-ownership.files")
def test_the_cgroup_belongs_to_the_user_who_can_see_it_writable(container: Container, unit: str) -> None:
    container.bundle.namespace("cgroup").user_namespace()
    container.bundle.config["mounts"][-1]["options"].remove("ro")
    pid = up(container)

    systemctl("daemon-reload")

    place = Path("/sys/fs/cgroup" + places(pid)[""])
    delegated = {name for name in Path("/sys/kernel/cgroup/delegate").read_text().split() if (place / name).exists()}
    assert place.stat().st_uid == 100000
    assert {path.name for path in place.iterdir() if path.stat().st_uid == 100000} == delegated
    container.exec("mkdir", "/sys/fs/cgroup/mine").ok()


@pytest.mark.needs("systemd")
def test_exec_is_in_the_unit(container: Container, unit: str) -> None:
    pid = up(container)

    inside = container.exec("cat", "/proc/self/cgroup").ok().output

    assert set(places(pid).values()) == {line.split(":", 2)[2] for line in inside.splitlines()} or unit in inside


@pytest.mark.needs("systemd")
def test_annotations_are_properties_of_the_unit(container: Container, unit: str) -> None:
    container.bundle.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "uint64 7"}
    up(container)

    assert systemctl.show(unit, "TimeoutStopUSec") == {"TimeoutStopUSec": "7s"}


@pytest.mark.needs("systemd")
def test_a_second_container_cannot_have_the_unit(
    container: Container, unit: str, new_container: Callable[[], Container]
) -> None:
    up(container)
    other = new_container()
    other.bundle.linux["cgroupsPath"] = container.bundle.linux["cgroupsPath"]
    other.bundle.args("true")

    other.run(options=SYSTEMD).failed("unable to start unit")

    assert systemctl.show(unit, "ActiveState") == {"ActiveState": "active"}


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


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("answers", "text"),
    [
        pytest.param(None, "cannot reach systemd on the system bus", id="nobody at home"),
        pytest.param({name: ANSWERS[name] for name in ANSWERS if name != "StartTransientUnit"},
                     "systemd does not answer StartTransientUnit: timed out", id="no answer"),
    ],
)  # fmt: skip
def test_leaves_nothing_when_systemd_does_not_answer(
    container: Container, place: Path, answers: Any, text: str
) -> None:
    bus = FakeBus(place / "bus", answers)
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address}

    try:
        container.create(options=SYSTEMD, env=environment).failed(text)
    finally:
        bus.close()

    assert leftovers(container.runtime, container.id) == {}
