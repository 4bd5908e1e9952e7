"""Being told by this kernel that it ran out of memory for a cgroup."""

from __future__ import annotations

import os
import select
import time

import pytest

from pyoci import cgroups
from pyoci.cgroups import oom
from pyoci.cgroups.unified import UnifiedDirectory
from pyoci.config.linux.resources import Resources, settings

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

MEBIBYTE = 1 << 20
_SECONDS = 20


@pytest.fixture
def box():
    """A cgroup of 16 MiB, and none of swap."""
    found = cgroups.find(f"/pyoci-test-oom-{os.getpid()}/box", "box")
    found.create()
    limits = Resources.read({"memory": {"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE}})
    found.write(settings(limits, found.version))
    yield found
    found.kill()
    found.delete()


def eat(cgroup, amount):
    """What becomes of a process in *cgroup* that takes *amount* bytes."""
    pid = os.fork()
    if pid == 0:
        cgroup.add(os.getpid())
        eaten = bytearray(amount)
        eaten[::4096] = bytes(len(eaten[::4096]))
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def is_told(watch):
    poll = select.poll()
    poll.register(watch.fd, watch.events)
    poll.poll(0)
    return watch.happened()


def test_watch_is_told_each_time_and_only_then(box) -> None:
    watch = oom.watch(box)
    try:
        assert eat(box, MEBIBYTE) == 0
        assert not is_told(watch)
        for _ in range(2):
            assert eat(box, 64 * MEBIBYTE) == 9
            assert is_told(watch)
            assert not is_told(watch)
    finally:
        os.close(watch.fd)


def test_watch_wakes_who_polls_it(box) -> None:
    watch = oom.watch(box)
    poll = select.poll()
    poll.register(watch.fd, watch.events)
    pid = os.fork()
    if pid == 0:
        time.sleep(0.05)  # let the other side wait; it is told in any case
        os._exit(eat(box, 64 * MEBIBYTE) & 0x7F)
    try:
        while not watch.happened():
            assert poll.poll(_SECONDS * 1000)
    finally:
        os.close(watch.fd)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


@pytest.mark.needs("cgroup1")
def test_end_of_the_cgroup_is_no_event_on_v1(box) -> None:
    watch = oom.watch(box)
    box.delete()
    try:
        assert not watch.happened()
    finally:
        os.close(watch.fd)
        box.create()


def test_there_is_no_watch_when_memory_is_not_counted(tmp_path) -> None:
    assert oom.watch(cgroups.load({"disabled": True})) is None
    assert oom.watch(cgroups.Cgroup([], UnifiedDirectory((), str(tmp_path), str(tmp_path)))) is None
