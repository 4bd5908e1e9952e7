from __future__ import annotations

import pytest

from pyoci.config.linux import rootfs_propagation
from pyoci.errors import ConfigError
from pyoci.syscalls.mount import MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", MS_SLAVE, id="nothing said"),
        pytest.param("shared", MS_SHARED, id="shared"),
        pytest.param("rslave", MS_SLAVE, id="slave"),
        pytest.param("private", MS_PRIVATE, id="private"),
        pytest.param("unbindable", MS_PRIVATE, id="unbindable: the root must still be bound"),
    ],
)
def test_isolation_concerns_every_mount(value, expected):
    assert expected | MS_REC == rootfs_propagation.isolation(value)


@pytest.mark.parametrize("value", ["", *rootfs_propagation.VALUES])
def test_check_takes_the_words_and_their_recursive_forms(value):
    rootfs_propagation.check(value)


@pytest.mark.parametrize("value", ["Shared", "rrslave", "bind"])
def test_check_refuses_other_words(value):
    with pytest.raises(ConfigError, match="is not supported"):
        rootfs_propagation.check(value)
