from __future__ import annotations

from types import SimpleNamespace

import pytest

from pyoci.config.process import selinux_label
from pyoci.errors import Unsupported
from tests.support.fake_init import fake_init


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("nodev\tsysfs\n\text4\n", False, id="absent"),
        pytest.param("nodev\tselinuxfs\n", True, id="registered"),
        pytest.param("nodev\tselinuxfs2\n", False, id="another name"),
        pytest.param("", False, id="empty"),
    ],
)
@pytest.mark.clause("process.selinux.absent")
def test_prepare_refuses_a_label_when_selinuxfs_is_not_registered(tmp_path, monkeypatch, text, expected):
    (tmp_path / "filesystems").write_text(text)
    monkeypatch.setattr(selinux_label, "FILESYSTEMS", tmp_path / "filesystems")
    init = fake_init(process=SimpleNamespace(selinux_label="system_u:system_r:container_t:s0"))
    if expected:
        selinux_label.prepare(init)
    else:
        with pytest.raises(Unsupported, match="selinux label is specified in config, but selinux is disabled"):
            selinux_label.prepare(init)


def test_prepare_asks_nothing_when_the_label_is_empty(monkeypatch):
    monkeypatch.setattr(selinux_label, "FILESYSTEMS", "/nonexistent")
    selinux_label.prepare(fake_init(process=SimpleNamespace(selinux_label="")))
