from __future__ import annotations

import os

import pytest

from pyoci.config.linux import namespaces
from pyoci.config.linux.namespaces import Namespace
from pyoci.errors import ConfigError
from pyoci.syscalls.namespaces import CLONE_NEWNET, CLONE_NEWNS, FLAGS


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({}, "type", id="no type"),
        pytest.param({"type": "net"}, "type", id="the kernel's name"),
        pytest.param({"type": ""}, "type", id="empty type"),
        pytest.param({"type": "pid", "path": "proc/1/ns/pid"}, "path", id="relative path"),
        pytest.param({"type": "pid", "path": 1}, "path", id="a number for a path"),
    ],
)
def test_read_refuses(value, field):
    with pytest.raises(ConfigError) as caught:
        Namespace.read(value)
    assert field == caught.value.field


def test_types_are_all_the_kernel_has():
    assert set(FLAGS) == set(namespaces.TYPES.values())


def test_flags_to_unshare_leave_out_the_given_ones():
    entries = [Namespace(type="mount"), Namespace(type="network"), Namespace(type="ipc", path="/proc/1/ns/ipc")]
    assert namespaces.flags_to_unshare(entries) == CLONE_NEWNS | CLONE_NEWNET
    assert namespaces.flags_to_unshare([]) == 0


def test_open_given_opens_the_given_ones():
    given = namespaces.open_given([Namespace(type="uts"), Namespace(type="network", path="/proc/self/ns/net")])
    assert list(given) == ["net"]
    assert os.fstat(given["net"]).st_ino == os.stat("/proc/self/ns/net").st_ino
    assert not os.get_inheritable(given["net"])
    namespaces.close(given)
    assert given == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(
            "/proc/self/ns/uts", "/proc/self/ns/uts is a uts namespace, wanted is one of type network", id="wrong type"
        ),
        pytest.param("/dev/null", "/dev/null is no namespace, wanted is one of type network", id="a device"),
        pytest.param("/", "/ is no namespace, wanted is one of type network", id="a directory"),
        pytest.param("/nowhere", "cannot open network namespace /nowhere: no such file or directory", id="missing"),
    ],
)
def test_open_given_refuses(path, text):
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ConfigError) as caught:
        namespaces.open_given([Namespace(type="uts", path="/proc/self/ns/uts"), Namespace(type="network", path=path)])
    assert f"linux.namespaces[1].path: {text}" == caught.value.message
    assert before == os.listdir("/proc/self/fd")
