from __future__ import annotations

import pytest

from pyoci.config.linux import net_devices
from pyoci.config.linux.net_devices import NetDevice
from pyoci.errors import ConfigError


@pytest.mark.parametrize("name", ["0123456789abcdef", ".", "..", "a/b", "a b", "a:b", "a\tb", "éééééééé"])
def test_read_refuses_names_the_kernel_refuses(name):
    with pytest.raises(ConfigError, match="invalid network device name"):
        NetDevice.read({"name": name})
    with pytest.raises(ConfigError, match="invalid network device name"):
        net_devices.check({name: NetDevice()})


@pytest.mark.parametrize("name", ["", "0123456789abcde", "eth%d", "eth0.100"])
def test_read_takes_names_the_kernel_takes(name):
    assert NetDevice.read({"name": name}).name == name


def test_check_refuses_one_name_for_two_devices():
    with pytest.raises(ConfigError) as caught:
        net_devices.check({"a": NetDevice(name="x"), "x": NetDevice()})
    assert caught.value.message == 'x.name: "x" is also the name of a'
    net_devices.check({"a": NetDevice(name="x%d"), "b": NetDevice(name="x%d")})


def test_free_name_counts_from_zero():
    assert net_devices._free_name("eth%d", {"eth0", "eth2"}) == "eth1"
    assert net_devices._free_name("eth0", {"lo"}) == "eth0"
    with pytest.raises(FileExistsError):
        net_devices._free_name("eth0", {"eth0"})


@pytest.mark.parametrize("value", [b"", b"a", b"abcd", b"abcde"])
def test_attributes_are_read_as_they_are_written(value):
    data = net_devices._attribute(3, value) + net_devices._attribute(4, b"end")
    assert net_devices._attributes(data) == {3: value, 4: b"end"}
    assert len(data) % 4 == 0
