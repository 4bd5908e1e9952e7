"""process.selinuxLabel and linux.mountLabel."""

from __future__ import annotations

import pytest

from tests.support import abilities
from tests.support.container import Container


@pytest.mark.clause("process.selinux.absent")
@pytest.mark.skipif(abilities.has("selinux"), reason="SELinux is there")
def test_a_label_without_selinux_is_an_error(container: Container) -> None:
    container.bundle.process["selinuxLabel"] = "system_u:system_r:container_t:s0"

    container.create().failed("selinux label is specified in config, but selinux is disabled or not supported")


@pytest.mark.clause("process.selinux.applied", "linux.mount-label.context")
@pytest.mark.needs("selinux")
def test_labels_apply_to_the_program_and_to_what_is_mounted(container: Container) -> None:
    label, file_label = "system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2"
    container.bundle.process["selinuxLabel"] = label
    container.bundle.linux["mountLabel"] = file_label

    lines = container.output("cat /proc/self/attr/current; echo; grep ' /dev ' /proc/self/mounts").splitlines()

    assert lines[0].rstrip("\0") == label
    assert f'context="{file_label}"' in lines[1]


@pytest.mark.clause("linux.mount-label.context")
@pytest.mark.skipif(abilities.has("selinux"), reason="SELinux is there")
@pytest.mark.differs("runc gives the kernel an option it does not know")
def test_a_label_for_mounts_says_nothing_without_selinux(container: Container) -> None:
    container.bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"

    assert "context" not in container.output("cat /proc/self/mounts")
