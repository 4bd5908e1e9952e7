"""``update``: other limits for a container that exists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container
from tests.support.limits import assert_limits, control_file, limit
from tests.support.runtime import Result, Runtime
from tests.support.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.needs("root")

MEBIBYTE = 1 << 20
UNLIMITED = "9223372036854771712"
LIMITS: dict[str, Any] = {
    "memory": {"limit": 64 * MEBIBYTE, "swap": 96 * MEBIBYTE, "reservation": 32 * MEBIBYTE},
    "cpu": {"shares": 512, "quota": 50000, "period": 100000},
    "pids": {"limit": 20},
}
BEFORE = {
    "memory.limit_in_bytes": "67108864", "memory.max": "67108864", "memory.memsw.limit_in_bytes": "100663296",
    "memory.swap.max": "33554432", "memory.soft_limit_in_bytes": "33554432", "memory.low": "33554432",
    "cpu.shares": "512", "cpu.weight": "59", "cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000",
    "cpu.max": "50000 100000", "pids.max": "20",
}  # fmt: skip


@pytest.fixture
def limited(container: Container) -> Container:
    """A running container with limits."""
    container.bundle.linux["resources"].update(LIMITS)
    return container.up()


def update(container: Container, *words: str | Path, **kwargs: Any) -> Result:
    return container.runtime("update", *words, container.id, **kwargs)


def update_from_stdin(container: Container, resources: object) -> Result:
    return update(container, "--resources=-", stdin=json.dumps(resources))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("--memory 50M", {"memory.limit_in_bytes": "52428800", "memory.max": "52428800",
                                      "memory.swap.max": "48234496"}, id="memory"),
        pytest.param("--memory-swap 128M", {"memory.memsw.limit_in_bytes": "134217728", "memory.swap.max": "67108864"},
                     id="memory-swap"),
        pytest.param("--memory-swap -1", {"memory.memsw.limit_in_bytes": UNLIMITED, "memory.swap.max": "max"},
                     id="no limit of swap"),
        pytest.param("--memory -1", {"memory.limit_in_bytes": UNLIMITED, "memory.memsw.limit_in_bytes": UNLIMITED,
                                     "memory.max": "max", "memory.swap.max": "max"}, id="no limit of memory"),
        pytest.param("--memory-reservation 16777216", {"memory.soft_limit_in_bytes": "16777216",
                                                       "memory.low": "16777216"}, id="memory-reservation"),
        pytest.param("--cpu-quota 30000", {"cpu.cfs_quota_us": "30000", "cpu.max": "30000 100000"}, id="cpu-quota"),
        pytest.param("--cpu-quota -1", {"cpu.cfs_quota_us": "-1", "cpu.max": "max 100000"}, id="no quota"),
        pytest.param("--cpu-period 200000", {"cpu.cfs_period_us": "200000", "cpu.max": "50000 200000"},
                     id="cpu-period"),
        pytest.param("--cpu-share 1024", {"cpu.shares": "1024", "cpu.weight": "100"}, id="cpu-share"),
        pytest.param("--pids-limit 10", {"pids.max": "10"}, id="pids-limit"),
        pytest.param("--pids-limit -1", {"pids.max": "max"}, id="no limit of processes"),
        pytest.param("--memory 60M --memory-swap 80M --cpu-period 900000 --cpu-quota 600000 --pids-limit 9",
                     {"memory.limit_in_bytes": "62914560", "memory.memsw.limit_in_bytes": "83886080",
                      "memory.max": "62914560", "memory.swap.max": "20971520", "cpu.cfs_period_us": "900000",
                      "cpu.cfs_quota_us": "600000", "cpu.max": "600000 900000", "pids.max": "9"}, id="many"),
    ],
)  # fmt: skip
def test_changes_what_is_named_and_nothing_else(limited: Container, words: str, expected: dict[str, str]) -> None:
    assert_limits(limited.pid, BEFORE)

    result = update(limited, *words.split()).ok()

    assert (result.stdout, result.stderr) == ("", "")
    assert_limits(limited.pid, BEFORE | expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("--cpuset-cpus 0", {"cpuset.cpus": "0"}, id="cpuset-cpus"),
        pytest.param("--cpuset-mems 0", {"cpuset.mems": "0"}, id="cpuset-mems"),
        pytest.param("--cpu-idle 1", {"cpu.idle": "1"}, id="cpu-idle", marks=pytest.mark.differs("runc 1.1 has none")),
        pytest.param("--cpu-burst 20000", {"cpu.cfs_burst_us": "20000", "cpu.max.burst": "20000"}, id="cpu-burst",
                     marks=pytest.mark.differs("runc 1.1 has none")),
    ],
)  # fmt: skip
def test_sets_what_was_not_set_before(limited: Container, words: str, expected: dict[str, str]) -> None:
    update(limited, *words.split()).ok()

    assert_limits(limited.pid, expected)


def test_sets_the_share_of_block_devices(limited: Container) -> None:
    names = ("blkio.weight", "blkio.bfq.weight", "io.bfq.weight", "io.weight")
    files = [file for name in names if (file := control_file(limited.pid, name))]
    if not files:
        pytest.skip("this kernel has no weights of block devices")

    update(limited, "--blkio-weight", "500").ok()

    assert files[0].read_text().split()[-1] in {"500", "4950"}


@pytest.mark.needs("cgroup1")
def test_sets_real_time_periods_on_v1(limited: Container) -> None:
    if control_file(limited.pid, "cpu.rt_period_us") is None:
        pytest.skip("this kernel has no real-time groups")

    update(limited, "--cpu-rt-period", "900000", "--cpu-rt-runtime", "0").ok()

    assert limit(limited.pid, "cpu.rt_period_us") == "900000"


# Each step must succeed in whichever order the kernel wants the two limits.
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(((30, 50), (60, 80), (30, 50)), id="up above the old sum, and down again"),
        pytest.param(((-1, -1), (30, 30), (-1, -1)), id="no limit, and back"),
        pytest.param(((96, 96), (32, 96), (200, 300)), id="at the sum"),
    ],
)
@pytest.mark.needs("cgroup1")
def test_memory_and_swap_go_up_and_down(limited: Container, steps: tuple[tuple[int, int], ...]) -> None:
    for memory, swap in steps:
        words = [text if text == "-1" else f"{text}M" for text in (str(memory), str(swap))]
        update(limited, "--memory", words[0], "--memory-swap", words[1]).ok()

        sizes = [UNLIMITED if size < 0 else str(size * MEBIBYTE) for size in (memory, swap)]
        assert_limits(limited.pid, {"memory.limit_in_bytes": sizes[0], "memory.memsw.limit_in_bytes": sizes[1]})


def test_quota_and_period_go_up_and_down(limited: Container) -> None:
    for quota, period in ((500000, 1000000), (1000, 1000), (-1, 50000), (900000, 1000000)):
        update(limited, "--cpu-quota", str(quota), "--cpu-period", str(period)).ok()

        shown = "max" if quota < 0 else quota
        expected = {"cpu.cfs_quota_us": str(quota), "cpu.cfs_period_us": str(period), "cpu.max": f"{shown} {period}"}
        assert_limits(limited.pid, expected)


@pytest.mark.parametrize("words", [("--resources=-",), ("--resources", "-"), ("-r", "-"), ("-resources", "-")])
def test_reads_limits_from_standard_input_as_engines_send_them(limited: Container, words: tuple[str, ...]) -> None:
    update(limited, *words, stdin='{"pids":{"limit":7},"cpu":{"quota":20000}}').ok()

    assert_limits(limited.pid, BEFORE | {"pids.max": "7", "cpu.cfs_quota_us": "20000", "cpu.max": "20000 100000"})


def test_reads_limits_from_a_file_and_ignores_options_beside_it(limited: Container, place: Path) -> None:
    (place / "resources.json").write_text('{"pids": {"limit": 7}}\n')

    update(limited, "--resources", place / "resources.json", "--pids-limit", "8").ok()

    assert_limits(limited.pid, BEFORE | {"pids.max": "7"})


def test_zeros_change_nothing_as_docker_sends_them(limited: Container) -> None:
    update_from_stdin(limited, {
        "memory": {"limit": 0, "reservation": 0, "swap": 0, "kernel": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""}, "blockIO": {"weight": 0},
        "pids": {"limit": 20},
    }).ok()  # fmt: skip

    assert_limits(limited.pid, BEFORE)


@pytest.mark.differs("runc 1.1 leaves devices out")
def test_limits_of_single_devices_are_added_and_replaced(limited: Container) -> None:
    device = next((path for path in Path("/sys/block").iterdir() if not path.name.startswith("loop")), None)
    if device is None or not control_file(limited.pid, "blkio.throttle.read_bps_device"):
        pytest.skip("no block device, or no limits of them")
    major, minor = map(int, (device / "dev").read_text().split(":"))

    for rate in (1048576, 2097152, 0):
        throttle = {"major": major, "minor": minor, "rate": rate}
        update_from_stdin(limited, {"blockIO": {"throttleReadBpsDevice": [throttle]}}).ok()

        expected = f"{major}:{minor} {rate}" if rate else ""
        assert limit(limited.pid, "blkio.throttle.read_bps_device") == expected


@pytest.mark.needs("cgroup1")
def test_unified_is_refused_on_v1(limited: Container) -> None:
    update_from_stdin(limited, {"unified": {"memory.high": "max"}}).failed("cannot use unified on cgroup v1")


@pytest.mark.needs("cgroup2", "cgroup2-memory", "cgroup2-pids")
def test_unified_sets_files_of_v2(limited: Container) -> None:
    files = {"memory.high": "48M", "memory.min": "1M", "pids.max": "9"}
    update_from_stdin(limited, {"unified": files}).ok()

    expected = {"memory.high": "50331648", "memory.min": "1048576", "pids.max": "9"}
    assert_limits(limited.pid, BEFORE | expected)


@pytest.mark.differs("on a hybrid host runc uses no v2")
@pytest.mark.needs("hybrid")
def test_unified_sets_files_of_a_hybrid_hosts_v2(limited: Container) -> None:
    update_from_stdin(limited, {"unified": {"cgroup.max.depth": "3"}}).ok()

    assert limit(limited.pid, "cgroup.max.depth") == "3"


def test_takes_a_container_that_was_not_started(container: Container) -> None:
    container.create().ok()

    update(container, "--pids-limit", "9").ok()

    assert limit(container.pid, "pids.max") == "9"
    assert container.status == "created"


def test_leaves_a_paused_container_paused(limited: Container) -> None:
    limited.runtime("pause", limited.id).ok()

    update(limited, "--pids-limit", "9", "--memory", "48M").ok()

    assert limited.status == "paused"
    assert_limits(limited.pid, {"pids.max": "9", "memory.limit_in_bytes": "50331648", "memory.max": "50331648"})


def test_refuses_a_stopped_container(container: Container) -> None:
    container.run("--keep").ok()

    update(container, "--pids-limit", "9").failed("container not running")


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("update", "--pids-limit", "9", "nobody").failed("container does not exist")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param("--memory 10x", "invalid value for memory: invalid size: '10x'", id="size"),
        pytest.param("--cpu-quota many", "invalid value for cpu-quota", id="number"),
        pytest.param("--resources /nonexistent", "open /nonexistent: no such file or directory", id="file"),
        pytest.param("--l3-cache-schema L3:0=f", "Intel RDT/CAT: l3 cache schema is not enabled", id="cache"),
        pytest.param("--mem-bw-schema MB:0=50", "Intel RDT/MBA: memory bandwidth schema is not enabled",
                     id="bandwidth"),
        pytest.param("--memory-swap 4k", "memory", id="swap below memory"),
        pytest.param("--cpuset-cpus 4000", "cpuset.cpus", id="a processor that is not there"),
        pytest.param("--cpu-share 1", "the minimum allowed cpu-shares is 2", id="shares",
                     marks=(pytest.mark.needs("cgroup1"), pytest.mark.differs("runc leaves the 2 it then refuses"))),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(limited: Container, words: str, text: str) -> None:
    if "schema" in words and Path("/sys/fs/resctrl/info").exists():
        pytest.skip("this processor has it")

    update(limited, *words.split()).failed(text)

    assert_limits(limited.pid, BEFORE)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("", "standard input", id="nothing"),
        pytest.param("{", "standard input", id="half of it"),
        pytest.param("[]", "standard input", id="an array"),
        pytest.param('{"pids": {"limit": "9"}}', "linux.resources.pids.limit: expected an integer", id="a text"),
        pytest.param('{"memory": {"limit": -7}}', "linux.resources.memory.limit", id="a negative limit"),
        pytest.param('{"cpu": {"quota": 5000, "burst": 9000}}', "linux.resources.cpu.burst", id="burst above quota"),
        pytest.param('{"cpu": {"burst": 90000}}', "linux.resources.cpu.burst", id="burst above the quota there is"),
    ],
)
@pytest.mark.differs("the place of the mistake is ours")
def test_place_of_a_mistake_is_named(limited: Container, text: str, where: str) -> None:
    update(limited, "--resources", "-", stdin=text).failed(where)

    assert_limits(limited.pid, BEFORE)


@pytest.mark.needs("cgroup1")
def test_limit_below_what_is_used_says_what_is_used(limited: Container) -> None:
    update(limited, "--memory", "4096").failed("unable to set memory limit to 4096 (current usage:", "peak usage:")

    assert_limits(limited.pid, BEFORE)


@pytest.mark.clause("linux.resources.memory.check-before-update")
@pytest.mark.clause("linux.resources.memory.check-before-update")
@pytest.mark.differs("runc 1.1 does not know it")
def test_limit_below_what_is_used_is_refused_when_it_shall_be_checked(limited: Container) -> None:
    update_from_stdin(limited, {"memory": {"limit": 4096, "checkBeforeUpdate": True}}).failed("4096 <= usage")

    assert_limits(limited.pid, BEFORE)


@pytest.mark.differs("runc puts back only what it was told at create")
def test_limits_set_before_the_refused_one_are_put_back(container: Container) -> None:
    container.up()
    names = ("memory.limit_in_bytes", "memory.max", "cpu.shares", "cpu.weight", "pids.max", "cpu.cfs_quota_us")
    files = [file for name in names if (file := control_file(container.pid, name))]
    before = [file.read_text() for file in files]

    refused = {"memory": {"limit": 32 * MEBIBYTE}, "cpu": {"shares": 77, "quota": 9000, "cpus": "4000"},
               "pids": {"limit": 5}}  # fmt: skip
    update_from_stdin(container, refused).failed("cpuset.cpus")

    assert [file.read_text() for file in files] == before


@pytest.mark.differs("runc 1.1 re-writes what it was told at create")
def test_what_others_changed_stays_unless_it_is_named(limited: Container) -> None:
    file = control_file(limited.pid, "pids.max")
    assert file
    file.write_text("77")

    update(limited, "--cpu-share", "300").ok()
    assert limit(limited.pid, "pids.max") == "77"

    update(limited, "--pids-limit", "20").ok()
    assert limit(limited.pid, "pids.max") == "20"


def test_updates_build_on_each_other(limited: Container) -> None:
    update(limited, "--cpu-quota", "20000").ok()
    update(limited, "--cpu-period", "50000").ok()
    update(limited, "--memory", "80M").ok()

    expected = {"cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "50000", "cpu.max": "20000 50000",
                "memory.limit_in_bytes": "83886080", "memory.memsw.limit_in_bytes": "100663296",
                "memory.max": "83886080", "memory.swap.max": "16777216"}  # fmt: skip
    assert_limits(limited.pid, BEFORE | expected)


def test_container_goes_on_as_before(limited: Container) -> None:
    before = limited.state()

    update(limited, "--pids-limit", "9").ok()

    assert limited.state() == before
    assert limited.exec("echo", "alive").ok().output == "alive"
    limited.delete("--force").ok()


@pytest.mark.differs("it looks into pyoci's state directory")
def test_limits_are_remembered_and_a_refused_update_is_not(limited: Container) -> None:
    remembered = limited.runtime.root / limited.id / "config.json"
    update(limited, "--pids-limit", "9", "--memory", "48M").ok()
    update(limited, "--pids-limit", "5", "--cpuset-cpus", "4000").failed("cpuset.cpus")

    resources = json.loads(remembered.read_text())["linux"]["resources"]

    assert resources == {
        **limited.bundle.linux["resources"], "pids": {"limit": 9},
        "memory": {**LIMITS["memory"], "limit": 48 * MEBIBYTE},
    }  # fmt: skip


@pytest.mark.differs("it looks into pyoci's state directory")
def test_updates_at_the_same_time_are_all_done(limited: Container) -> None:
    words = (("--pids-limit", "9"), ("--cpu-share", "300"), ("--memory", "48M"), ("--cpu-quota", "20000"))
    running = [limited.runtime.spawn("update", *pair, limited.id) for pair in words]
    assert [process.communicate(timeout=30 * PATIENCE) for process in running] == [("", "")] * len(words)

    assert_limits(limited.pid, {"pids.max": "9", "cpu.shares": "300", "cpu.weight": "39"})
    remembered = json.loads((limited.runtime.root / limited.id / "config.json").read_text())["linux"]["resources"]
    assert remembered["cpu"] == {"shares": 300, "quota": 20000, "period": 100000}
    assert (remembered["pids"]["limit"], remembered["memory"]["limit"]) == (9, 48 * MEBIBYTE)


BASE = {"allow": False, "access": "rwm"}
LOG = {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rw"}


@pytest.fixture
def device_user(container: Container) -> Container:
    """A container with a node of the kernel's log, which it may not open, and that uses /dev/null all the time."""
    for names in container.bundle.process["capabilities"].values():
        names += ["CAP_MKNOD", "CAP_SYSLOG"]
    container.bundle.script(
        "mknod /dev/log c 1 11; echo ok >/ready; while :; do true </dev/null || echo lost >>/lost; done"
    )
    container.up().wait_for_file("/ready")
    return container


def may_read_the_log(container: Container) -> bool:
    return container.exec("sh", "-c", ": </dev/log").status == 0


@pytest.mark.differs("runc leaves device rules alone")
def test_device_rules_are_exchanged(device_user: Container) -> None:
    assert not may_read_the_log(device_user)
    update_from_stdin(device_user, {"devices": [BASE, LOG]}).ok()
    assert may_read_the_log(device_user)
    update_from_stdin(device_user, {"devices": [BASE]}).ok()
    assert not may_read_the_log(device_user)


@pytest.mark.differs("runc leaves device rules alone")
def test_devices_in_use_stay_usable_while_rules_are_exchanged(device_user: Container) -> None:
    for rules in ([BASE, LOG], [BASE]) * 3:
        update_from_stdin(device_user, {"devices": rules}).ok()

    assert not (device_user.bundle.rootfs / "lost").exists()


@pytest.mark.needs("cgroup1")
def test_what_drivers_allowed_stays_when_engines_send_the_same_rules_again(device_user: Container) -> None:
    allow = control_file(device_user.pid, "devices.allow")
    if allow is None:
        pytest.skip("no devices controller on v1")
    allow.write_text("c 1:11 r")

    update_from_stdin(device_user, {"devices": device_user.bundle.linux["resources"]["devices"]}).ok()
    update(device_user, "--pids-limit", "30").ok()

    assert may_read_the_log(device_user)


@pytest.mark.differs("runc leaves device rules alone")
def test_device_rules_are_put_back_when_something_else_is_refused(device_user: Container) -> None:
    update_from_stdin(device_user, {"devices": [BASE, LOG], "cpu": {"cpus": "4000"}}).failed("cpuset.cpus")

    assert not may_read_the_log(device_user)


def test_takes_a_container_that_runs_in_front_of_somebody(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    front = container.runtime.spawn("run", "--bundle", container.bundle.write(), container.id)
    wait_for(lambda: '"running"' in container.runtime("state", container.id).stdout)

    update(container, "--pids-limit", "9").ok()

    assert limit(container.pid, "pids.max") == "9"
    container.kill("KILL").ok()
    assert front.communicate(timeout=30 * PATIENCE) == ("", "")
    assert front.returncode == 137
