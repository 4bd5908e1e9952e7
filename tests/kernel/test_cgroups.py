"""Real cgroups of this machine, whatever it has: v1, hybrid or v2."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

import pytest

from pyoci import cgroups
from pyoci.cgroups import hierarchy
from pyoci.config.linux.resources import Resources, device_settings, settings
from pyoci.errors import ContainerError
from pyoci.syscalls import process

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

NAME = f"/pyoci-test-{os.getpid()}"
MEBIBYTE = 1 << 20

on_legacy = pytest.mark.needs("cgroup1")
on_unified = pytest.mark.needs("cgroup2", "cgroup2-memory", "cgroup2-cpu", "cgroup2-pids")


@pytest.fixture
def cgroup():
    """A created cgroup, with a parent of its own; killed and removed afterwards."""
    found = cgroups.find(f"{NAME}/box", "box")
    found.create()
    yield found
    if found.is_frozen():
        found.thaw()
    found.kill()
    found.delete()
    assert not [path for path in found.paths().values() if Path(path).exists() or Path(path).parent.exists()]


@pytest.fixture
def sleeper():
    """``sleeper()`` starts a process that waits for its end."""
    pids = []

    def start(before=lambda: None, after=lambda: None):
        ready, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                before()
                os.write(tell, b"x")
                after()
                while True:
                    time.sleep(100)
            finally:
                os._exit(1)
        pids.append(pid)
        os.close(tell)
        assert os.read(ready, 1) == b"x"
        os.close(ready)
        return pid

    yield start
    for pid in pids:
        try:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


def own_cgroups(pid):
    return {line.split(":", 1)[1] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()}


def apply(cgroup, **resources):
    cgroup.write(settings(Resources.read(resources), cgroup.version))


def content(cgroup, name):
    directory = next(place for place in cgroup.directories if Path(place.path, name).exists())
    return Path(directory.path, name).read_text().strip()


def is_over(pid, seconds=5.0):
    fd = os.pidfd_open(pid)
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    ended = bool(waiting.poll(seconds * 1000))
    os.close(fd)
    return ended


def test_create_makes_it_in_every_hierarchy_and_add_moves_a_process_there(cgroup, sleeper) -> None:
    pid = sleeper()
    cgroup.add(pid)
    for place in hierarchy.mounted():
        names = ",".join(place.names)
        assert f"{names}:{NAME}/box" in own_cgroups(pid)
    assert cgroup.pids() == [pid]


@on_legacy
def test_enter_makes_again_what_others_have_removed_on_v1(cgroup, sleeper) -> None:
    pid = sleeper()
    cgroup.create()
    for directory in cgroup.legacy:
        os.rmdir(directory.path)

    cgroup.enter(pid)

    assert all(pid in directory.pids() for directory in cgroup.directories)


def test_process_walks_in_by_itself_when_it_is_given_the_tasks(cgroup, sleeper) -> None:
    tasks = cgroup.tasks()
    pid = sleeper(lambda: cgroups.walk_in(tasks))
    for fd in tasks:
        os.close(fd)
    for place in hierarchy.mounted():
        assert (f"{','.join(place.names)}:{NAME}/box" in own_cgroups(pid)) == (place.version == 1)


@pytest.mark.needs("cgroup1", "userns")
def test_process_walks_in_from_a_user_namespace(cgroup, sleeper) -> None:
    from pyoci.syscalls import namespaces

    tasks = cgroup.tasks()

    def enter():
        namespaces.unshare(namespaces.CLONE_NEWUSER)
        cgroups.walk_in(tasks)

    pid = sleeper(enter)
    for fd in tasks:
        os.close(fd)
    assert cgroup.pids() == [pid]


def test_clone_is_born_in_the_v2_cgroup(cgroup) -> None:
    directory = cgroup.directory_fd()
    if directory < 0:
        pytest.skip("there is no v2 hierarchy")
    pid = process.clone(0, cgroup_fd=directory)
    if pid == 0:
        while True:
            time.sleep(100)
    os.close(directory)
    try:
        assert f":{NAME}/box" in own_cgroups(pid)
    finally:
        cgroup.kill()
        os.waitpid(pid, 0)


def test_create_refuses_when_processes_are_in_it(cgroup, sleeper) -> None:
    cgroup.add(sleeper())
    with pytest.raises(ContainerError, match=r"container's cgroup is not empty: 1 process\(es\) found"):
        cgroups.find(f"{NAME}/box", "box").create()


def test_create_refuses_when_a_cgroup_above_is_frozen(cgroup) -> None:
    cgroup.freeze()
    with pytest.raises(ContainerError, match="container's cgroup unexpectedly frozen"):
        cgroups.find(f"{NAME}/box/below/further", "box").create()
    assert not Path(cgroup.directories[0].path, "below").exists()


def test_freeze_stops_and_thaw_lets_go_on(cgroup, sleeper) -> None:
    cgroup.add(sleeper())
    assert not cgroup.is_frozen()
    cgroup.freeze()
    assert cgroup.is_frozen()
    assert cgroups.load(cgroup.state()).is_frozen()
    cgroup.thaw()
    assert not cgroup.is_frozen()


def test_kill_ends_even_frozen_processes_and_thaws(cgroup, sleeper) -> None:
    pids = [sleeper(), sleeper()]
    for pid in pids:
        cgroup.add(pid)
    cgroup.freeze()
    cgroup.kill()
    assert all(is_over(pid) for pid in pids)
    assert not cgroup.is_frozen()


def test_kill_sends_other_signals_to_all_and_leaves_it_frozen(cgroup, sleeper) -> None:
    pids = [sleeper(), sleeper()]
    for pid in pids:
        cgroup.add(pid)
    cgroup.freeze()
    cgroup.kill(15)
    assert cgroup.is_frozen()
    cgroup.thaw()
    assert all(is_over(pid) for pid in pids)


def test_kill_ends_processes_that_keep_forking(cgroup, sleeper) -> None:
    go = os.pipe()

    def fork_for_ever():
        os.read(go[0], 1)
        for _ in range(2000):
            if os.fork():
                time.sleep(0.001)
                os._exit(0)
        os._exit(0)

    apply(cgroup, pids={"limit": 20})
    cgroup.add(sleeper(after=fork_for_ever))
    os.write(go[1], b"x")  # not before: a child would be born outside
    time.sleep(0.02)
    for fd in go:
        os.close(fd)
    cgroup.kill()
    deadline = time.monotonic() + 5
    while cgroup.pids() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert cgroup.pids() == []


def test_delete_names_processes_that_stay_and_succeeds_once_they_are_gone(cgroup, sleeper) -> None:
    pid = sleeper()
    cgroup.add(pid)
    with pytest.raises(OSError, match=f"cgroup still has processes: {pid}"):
        cgroup.delete(timeout=0.02)
    cgroup.kill()
    is_over(pid)
    cgroup.delete()


def test_delete_removes_cgroups_a_container_made_in_its_own(cgroup) -> None:
    for directory in cgroup.directories:
        Path(directory.path, "a/b").mkdir(parents=True)
    cgroup.delete()


@pytest.mark.needs("cgroup1")
def test_process_walks_into_a_cgroup_below_when_asked(cgroup, sleeper) -> None:
    for directory in cgroup.legacy:
        Path(directory.path, "sub").mkdir()
        for name in ("cpuset.cpus", "cpuset.mems") if "cpuset" in directory.names else ():
            Path(directory.path, "sub", name).write_text(Path(directory.path, name).read_text())
    tasks = cgroup.tasks({"": "/sub"})
    pid = sleeper(lambda: cgroups.walk_in(tasks))
    for fd in tasks:
        os.close(fd)
    assert {line.rpartition("/")[2] for line in own_cgroups(pid) if not line.startswith(":")} == {"sub"}
    assert cgroup.pids() == [pid]
    assert cgroup.pids(recursive=False) == []


def test_directory_is_that_of_init_when_it_moved_on(cgroup, sleeper) -> None:
    if not cgroup.unified:
        pytest.skip("there is no v2 hierarchy")
    Path(cgroup.unified.path, "sub").mkdir()
    pid = sleeper()
    Path(cgroup.unified.path, "sub/cgroup.procs").write_text(str(pid))
    directory = cgroup.directory_fd_of(pid)
    assert Path(f"/proc/self/fd/{directory}").resolve().name == "sub"
    os.close(directory)


@on_legacy
def test_memory_is_raised_and_lowered_whatever_was_there_before_on_v1(cgroup) -> None:
    for limit, swap in ((64, 128), (256, 512), (32, 40), (-1, -1)):
        sizes = [value * MEBIBYTE if value > 0 else value for value in (limit, swap)]
        apply(cgroup, memory={"limit": sizes[0], "swap": sizes[1]})
        unlimited = 9223372036854771712
        assert int(content(cgroup, "memory.limit_in_bytes")) == (sizes[0] if limit > 0 else unlimited)
        assert int(content(cgroup, "memory.memsw.limit_in_bytes")) == (sizes[1] if swap > 0 else unlimited)
        assert cgroup.memory_limit() == (sizes[0] if limit > 0 else None)


@on_legacy
def test_memory_limit_tells_usage_when_it_is_too_low_on_v1(cgroup, sleeper) -> None:
    room, full = os.pipe(), os.pipe()

    def eat():
        os.read(room[0], 1)
        eaten = bytearray(8 * MEBIBYTE)
        eaten[::4096] = bytes(len(eaten[::4096]))
        import ctypes

        ctypes.CDLL(None).mlockall(1)  # what is locked cannot be reclaimed
        os.write(full[1], b"x")

    cgroup.add(sleeper(after=eat))
    os.write(room[1], b"x")
    os.read(full[0], 1)
    with pytest.raises(OSError, match=r"unable to set memory limit to 1048576 \(current usage: \d+, peak usage: \d+"):
        apply(cgroup, memory={"limit": MEBIBYTE})
    for fd in (*room, *full):
        os.close(fd)


@on_legacy
def test_cpu_is_set_in_an_order_the_kernel_takes_on_v1(cgroup) -> None:
    for quota, period, burst in ((50000, 100000, 50000), (10000, 20000, 10000), (90000, 100000, 0)):
        apply(cgroup, cpu={"shares": 300, "quota": quota, "period": period, "burst": burst})
        names = ("cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us")
        assert [int(content(cgroup, name)) for name in names] == [300, quota, period, burst]


@on_legacy
def test_cpuset_takes_over_from_above_and_can_be_narrowed_on_v1(cgroup) -> None:
    assert content(cgroup, "cpuset.cpus") == Path("/sys/fs/cgroup/cpuset/cpuset.cpus").read_text().strip()
    apply(cgroup, cpu={"cpus": "0", "mems": "0"})
    assert content(cgroup, "cpuset.cpus") == "0"


@on_legacy
@pytest.mark.parametrize(("limit", "expected"), [(0, "0"), (7, "7"), (-1, "max")])
def test_pids_is_limited_on_v1(cgroup, limit, expected) -> None:
    apply(cgroup, pids={"limit": limit})
    assert content(cgroup, "pids.max") == expected


@on_legacy
def test_block_io_is_throttled_on_v1(cgroup) -> None:
    number = next(int(text.split(":")[0]) for text in Path("/sys/block/vda/dev").read_text().split()) if Path(
        "/sys/block/vda/dev").exists() else pytest.skip("there is no disk vda")
    device = {"major": number, "minor": 0, "rate": 1000}
    apply(cgroup, blockIO={"throttleReadIOPSDevice": [device]})
    assert content(cgroup, "blkio.throttle.read_iops_device") == f"{number}:0 1000"


@on_legacy
@pytest.mark.needs("cgroup1-bfq")
def test_block_io_is_weighed_on_v1(cgroup) -> None:
    apply(cgroup, blockIO={"weight": 500})
    assert content(cgroup, "blkio.bfq.weight") == "500"


@on_legacy
def test_devices_are_confined_on_v1(cgroup, sleeper) -> None:
    rule = {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}
    cgroup.write(device_settings(Resources.read({"devices": [rule]}), cgroup.version))
    lines = content(cgroup, "devices.list").splitlines()
    assert "c 1:11 r" in lines
    assert "c 1:3 rwm" in lines
    assert "a *:* rwm" not in lines


@on_legacy
def test_oom_kills_are_counted_on_v1(cgroup, sleeper) -> None:
    go = os.pipe()

    def eat():
        os.read(go[0], 1)
        eaten = bytearray(256 * MEBIBYTE)
        eaten[::4096] = bytes(len(eaten[::4096]))

    pid = sleeper(after=eat)
    cgroup.add(pid)
    apply(cgroup, memory={"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE})
    os.write(go[1], b"x")
    assert is_over(pid)
    assert cgroup.oom_kills() >= 1
    for fd in go:
        os.close(fd)


@pytest.mark.needs("hybrid")
def test_huge_pages_are_limited_in_the_v2_tree_when_the_controller_is_there(cgroup) -> None:
    if cgroup.version("hugetlb") != 2:
        pytest.skip("hugetlb is not on v2")
    control = Path(cgroup.unified.mount, "cgroup.subtree_control")
    before = control.read_text()
    try:
        apply(cgroup, hugepageLimits=[{"pageSize": "2MB", "limit": 4 * MEBIBYTE}])
        assert content(cgroup, "hugetlb.2MB.max") == str(4 * MEBIBYTE)
        assert content(cgroup, "hugetlb.2MB.rsvd.max") == str(4 * MEBIBYTE)
        with pytest.raises(FileNotFoundError, match=r"hugetlb\.3MB\.max"):
            apply(cgroup, hugepageLimits=[{"pageSize": "3MB", "limit": 0}])
    finally:
        if "hugetlb" not in before:
            Path(cgroup.unified.path, "..", "cgroup.subtree_control").write_text("-hugetlb")
            control.write_text("-hugetlb")


@on_unified
def test_memory_is_raised_and_lowered_whatever_was_there_before_on_v2(cgroup) -> None:
    for limit, swap, expected in (
        (64, 128, ("67108864", "67108864")), (32, 32, ("33554432", "0")), (-1, 0, ("max", "max")),
    ):
        sizes = [value * MEBIBYTE if value > 0 else value for value in (limit, swap)]
        apply(cgroup, memory={"limit": sizes[0], "swap": sizes[1], "reservation": MEBIBYTE})
        assert content(cgroup, "memory.max") == expected[0]
        assert content(cgroup, "memory.low") == str(MEBIBYTE)
        if Path(cgroup.unified.path, "memory.swap.max").exists():
            assert content(cgroup, "memory.swap.max") == expected[1]
        assert cgroup.memory_limit() == (sizes[0] if limit > 0 else None)


@on_unified
def test_cpu_is_set_in_an_order_the_kernel_takes_on_v2(cgroup) -> None:
    for quota, period, burst in ((50000, 100000, 50000), (10000, 20000, 10000), (90000, 100000, 0)):
        apply(cgroup, cpu={"shares": 1024, "quota": quota, "period": period, "burst": burst})
        assert content(cgroup, "cpu.max") == f"{quota} {period}"
        assert content(cgroup, "cpu.max.burst") == str(burst)
        assert content(cgroup, "cpu.weight") == "100"


@on_unified
@pytest.mark.parametrize(("limit", "expected"), [(0, "0"), (7, "7"), (-1, "max")])
def test_pids_is_limited_on_v2(cgroup, limit, expected) -> None:
    apply(cgroup, pids={"limit": limit})
    assert content(cgroup, "pids.max") == expected


@on_unified
def test_unified_is_written_last_and_an_unknown_file_refused_on_v2(cgroup) -> None:
    apply(cgroup, pids={"limit": 7}, unified={"pids.max": "8", "cgroup.max.depth": "3"})
    assert content(cgroup, "pids.max") == "8"
    assert content(cgroup, "cgroup.max.depth") == "3"
    with pytest.raises(FileNotFoundError, match=r"memory\.other"):
        apply(cgroup, unified={"memory.other": "1"})


@on_unified
def test_devices_are_confined_on_v2(cgroup, sleeper) -> None:
    from pyoci.config.linux.resources import devices

    assert cgroup.version("devices") == 2
    cgroup.device_rules(devices.rules([]))
    tasks = cgroup.directory_fd()
    pid = process.clone(0, cgroup_fd=tasks)
    if pid == 0:
        try:
            os.close(os.open("/dev/null", os.O_RDWR))
            os.open("/dev/kmsg", os.O_RDONLY)
        except PermissionError as error:
            os._exit(0 if error.filename == "/dev/kmsg" else 1)
        os._exit(2)
    os.close(tasks)
    assert os.waitpid(pid, 0)[1] == 0


@on_unified
def test_oom_kills_are_counted_on_v2(cgroup) -> None:
    apply(cgroup, memory={"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE})
    directory = cgroup.directory_fd()
    pid = process.clone(0, cgroup_fd=directory)
    if pid == 0:
        eaten = bytearray(256 * MEBIBYTE)
        eaten[::4096] = bytes(len(eaten[::4096]))
        os._exit(0)
    os.close(directory)
    assert os.waitpid(pid, 0)[1] == 9
    assert cgroup.oom_kills() >= 1


@on_unified
def test_own_gives_away_what_is_delegated_on_v2(cgroup) -> None:
    cgroup.own(1000)
    place = Path(cgroup.unified.path)
    owners = {path.name: path.stat().st_uid for path in (place, *place.iterdir())}
    assert {owners[name] for name in ("box", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")} == {1000}
    assert owners["memory.max"] == owners["cgroup.freeze"] == 0
