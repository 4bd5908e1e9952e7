from __future__ import annotations

import errno

import pytest

from pyoci.config.linux import sysctl
from pyoci.errors import ConfigError, StepError
from tests.support.fake_init import fake_init


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param("kernel", "kernel", id="no separator"),
        pytest.param("kernel.shmmax", "kernel/shmmax", id="dots"),
        pytest.param("kernel/shmmax", "kernel/shmmax", id="slashes"),
        pytest.param("net.ipv4.conf.eth0/100.mtu", "net/ipv4/conf/eth0.100/mtu", id="interface with a dot, dotted"),
        pytest.param("net/ipv4/conf/eth0.100/mtu", "net/ipv4/conf/eth0.100/mtu", id="interface with a dot, slashed"),
    ],
)
def test_path_separates_by_the_first_separator(key, expected):
    assert expected == sysctl.path(key)


@pytest.mark.parametrize("key", ["", ".", "/", "/kernel/x", "..", "net/../../sysrq-trigger", "a..b", "net.//.x", "x/"])
def test_path_refuses_what_is_no_name(key):
    with pytest.raises(ConfigError, match="is not the name of a sysctl"):
        sysctl.path(key)


def test_check_names_the_key():
    with pytest.raises(ConfigError) as caught:
        sysctl.check({"net.core.somaxconn": "1", "net/../x": "1"})
    assert caught.value.field == "net/../x"


def test_write_says_key_and_value_when_the_file_is_missing():
    with pytest.raises(StepError) as caught:
        sysctl.write(fake_init({"sysctl": {"net.no_such": "7"}}, proc=-1))
    assert 'write sysctl key net.no_such: cannot set it to "7": bad file descriptor' == caught.value.message
    assert caught.value.details["errno"] == errno.EBADF
    assert caught.value.details["field"] == "linux.sysctl.net.no_such"
