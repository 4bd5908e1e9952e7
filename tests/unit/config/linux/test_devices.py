from __future__ import annotations

import os

import pytest

from pyoci.config.linux import devices
from pyoci.config.linux.devices import Device
from pyoci.errors import ConfigError
from tests.support.fake_init import fake_init

NULL = {"type": "c", "path": "/dev/x", "major": 1, "minor": 3}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"type": "a"}, "type", id="a is for rules only"),
        pytest.param({"type": "cc"}, "type", id="unknown type"),
        pytest.param({"path": ""}, "path", id="no path"),
        pytest.param({"path": "dev/x"}, "path", id="relative"),
        pytest.param({"path": "/dev/"}, "path", id="a directory"),
        pytest.param({"path": "/dev/.."}, "path", id="no name"),
        pytest.param({"major": None}, "major", id="major missing"),
        pytest.param({"minor": None}, "minor", id="minor missing"),
        pytest.param({"major": -1}, "major", id="negative major"),
        pytest.param({"minor": 2**32}, "minor", id="minor beyond 32 bits"),
        pytest.param({"fileMode": 0o1777}, "fileMode", id="sticky"),
        pytest.param({"fileMode": 0o4755}, "fileMode", id="set uid"),
        pytest.param({"fileMode": "0666"}, "fileMode", id="text"),
        pytest.param({"uid": -1}, "uid", id="negative uid"),
    ],
)
def test_read_refuses(change, field):
    with pytest.raises(ConfigError) as caught:
        Device.read(NULL | change)
    assert field == caught.value.field


def test_read_takes_a_pipe_without_numbers():
    pipe = Device.read({"type": "p", "path": "/run/pipe"})
    assert (pipe.number, pipe.permissions) == (0, 0o666)


def test_read_takes_a_mode_with_the_bits_of_the_type():
    assert Device.read(NULL | {"fileMode": 0o20640}).permissions == 0o640


@pytest.mark.parametrize(
    ("mount", "path", "expected"),
    [
        pytest.param({"destination": "/dev", "type": "bind", "source": "/dev"}, "/dev/null", True, id="bind"),
        pytest.param({"destination": "//dev/", "options": ["rbind"], "source": "/dev"}, "/dev/null", True, id="rbind"),
        pytest.param({"destination": "/dev", "type": "bind", "source": "/dev"}, "/run/x", False, id="outside /dev"),
        pytest.param({"destination": "/dev", "type": "tmpfs"}, "/dev/null", False, id="tmpfs"),
        pytest.param({"destination": "/dev/pts", "type": "bind", "source": "/x"}, "/dev/null", False, id="below /dev"),
    ],
)
def test_is_provided_by_a_dev_of_elsewhere(mount, path, expected):
    assert expected is devices.is_provided(fake_init(mounts=(mount,)), path)


def test_kernel_name_is_that_of_sysfs():
    assert devices._kernel_name(Device(type="c", path="/dev/x", major=1, minor=3)) == ["/dev/null"]
    assert devices._kernel_name(Device(type="c", path="/dev/x", major=4000, minor=3)) == []


@pytest.mark.parametrize("kind", ["c", "u"])
def test_matches_a_node_of_the_same_numbers(kind):
    found = os.stat("/dev/null")
    assert Device(type=kind, path="/x", major=1, minor=3).matches(found)
    assert not Device(type=kind, path="/x", major=1, minor=5).matches(found)
    assert not Device(type="b", path="/x", major=1, minor=3).matches(found)
    assert not Device(type="p", path="/x").matches(found)
