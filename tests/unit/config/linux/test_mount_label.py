from __future__ import annotations

import pytest

from pyoci.config.linux import mount_label

LABEL = "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"


@pytest.fixture
def selinux(tmp_path):
    (tmp_path / "enforce").write_text("1")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("data", "label", "fstype", "expected"),
    [
        pytest.param("", "", "tmpfs", "", id="no label"),
        pytest.param("", LABEL, "tmpfs", f'context="{LABEL}"', id="label alone"),
        pytest.param("mode=755", LABEL, "tmpfs", f'mode=755,context="{LABEL}"', id="after other options"),
        pytest.param("mode=755", LABEL, "devpts", f'mode=755,context="{LABEL}"', id="devpts too"),
        pytest.param("", LABEL, "proc", "", id="proc is labelled by the policy"),
        pytest.param("", LABEL, "sysfs", "", id="sysfs too"),
    ],
)
def test_add_puts_the_label_in_quotes(data, label, fstype, expected, selinux):
    assert expected == mount_label.add(data, label, fstype, selinux)


def test_option_needs_no_quotes(selinux):
    assert mount_label.option(LABEL, "tmpfs", selinux) == ("context", LABEL)


def test_option_is_left_out_when_selinux_is_off(tmp_path):
    assert mount_label.option(LABEL, "tmpfs", str(tmp_path)) is None
