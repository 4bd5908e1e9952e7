"""The device program, loaded into the kernel and asked by it."""

from __future__ import annotations

import os

import pytest

from pyoci.cgroups import device_program
from pyoci.cgroups.unified import UnifiedDirectory
from pyoci.config.linux.resources import devices
from pyoci.syscalls import bpf

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

NULL, ZERO, KMSG = ("/dev/null", "/dev/zero", "/dev/kmsg")


@pytest.fixture
def place(cgroup: int) -> UnifiedDirectory:
    """The cgroup of the fixture, by a path."""
    path = f"/proc/self/fd/{cgroup}"
    return UnifiedDirectory((), path, path)


def outcome(path: UnifiedDirectory, action) -> str:
    """What *action* comes to in a process of that cgroup."""
    reader, writer = os.pipe()
    directory = path.directory_fd()
    if (pid := os.fork()) == 0:
        try:
            path.add(os.getpid())
            action()
            os.write(writer, b"ok")
        except OSError as error:
            os.write(writer, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(directory)
    os.close(writer)
    text = os.read(reader, 100).decode()
    os.close(reader)
    return text


def opening(path: str, flags: int):
    return lambda: os.close(os.open(path, flags))


def test_kernel_takes_every_shape_of_program() -> None:
    shapes = [
        [], [(True, "a", -1, -1, "rwm")], [(False, "a", -1, -1, "rwm")], list(devices.rules([])),
        [(True, "a", 1, -1, "r"), (False, "b", -1, 2**32 - 1, "wm"), (True, "c", 1, 3, "rwm")],
        [(bool(number % 2), "c", number, number, "rw") for number in range(300)],
        [(False, "a", -1, -1, "rwm"), *[(True, "c", 300, number, "r") for number in range(2000)]],
    ]
    for rules in shapes:
        os.close(bpf.prog_load(bpf.BPF_PROG_TYPE_CGROUP_DEVICE, device_program.assemble(rules)))


def test_kernel_allows_the_default_devices_and_nothing_else_when_there_are_no_rules(place) -> None:
    place.device_rules(devices.rules([]))
    assert outcome(place, opening(NULL, os.O_RDWR)) == "ok"
    assert outcome(place, opening(ZERO, os.O_RDONLY)) == "ok"
    assert outcome(place, opening(KMSG, os.O_RDONLY)) == "PermissionError"


def test_kernel_tells_kinds_of_access_apart(place, tmp_path) -> None:
    node = str(tmp_path / "null")
    rules = [(False, "a", -1, -1, "rwm"), (True, "c", 1, 3, "rwm"), (False, "c", 1, -1, "wm"), (True, "c", 1, 5, "m")]
    place.device_rules(rules)
    assert outcome(place, opening(NULL, os.O_RDONLY)) == "ok"
    assert outcome(place, opening(NULL, os.O_WRONLY)) == "PermissionError"
    assert outcome(place, opening(NULL, os.O_RDWR)) == "PermissionError"
    assert outcome(place, lambda: os.mknod(node, 0o20600, os.makedev(1, 3))) == "PermissionError"
    assert outcome(place, lambda: os.mknod(node, 0o20600, os.makedev(1, 5))) == "ok"
    assert outcome(place, lambda: os.mknod(node + "b", 0o60600, os.makedev(1, 5))) == "PermissionError"


def test_rules_are_replaced_and_not_added_when_given_again(place, cgroup) -> None:
    for rules, expected in (([], "PermissionError"), ([(True, "c", 1, 3, "r")], "ok"), ([], "PermissionError")):
        place.device_rules(rules)
        assert len(bpf.prog_query(cgroup, bpf.BPF_CGROUP_DEVICE)) == 1
        assert outcome(place, opening(NULL, os.O_RDONLY)) == expected


def test_rules_take_the_place_of_several_programs_when_others_attached_them(place, cgroup) -> None:
    for _ in range(2):
        fd = bpf.prog_load(bpf.BPF_PROG_TYPE_CGROUP_DEVICE, device_program.assemble([]))
        bpf.prog_attach(fd, cgroup, bpf.BPF_CGROUP_DEVICE, bpf.BPF_F_ALLOW_MULTI)
        os.close(fd)
    place.device_rules([(True, "c", 1, 3, "r")])
    assert len(bpf.prog_query(cgroup, bpf.BPF_CGROUP_DEVICE)) == 1
    assert outcome(place, opening(NULL, os.O_RDONLY)) == "ok"


def test_devices_both_rules_allow_stay_usable_while_rules_are_replaced(place) -> None:
    ready, tell = os.pipe()
    stop, end = os.pipe()
    os.set_blocking(stop, False)
    if (pid := os.fork()) == 0:
        os.close(end)
        place.add(os.getpid())
        failures = 0
        os.write(tell, b"x")
        while True:
            try:
                os.close(os.open(NULL, os.O_RDONLY))
            except PermissionError:
                failures += 1
            try:
                os.read(stop, 1)
            except BlockingIOError:
                continue
            os._exit(min(failures, 255))
    assert os.read(ready, 1) == b"x"
    for number in range(200):
        place.device_rules(devices.rules([devices.Device(allow=True, type="c", major=number % 7, access="r")]))
    for fd in (ready, tell, stop, end):
        os.close(fd)
    assert os.waitpid(pid, 0)[1] == 0
