"""mounts[] of type cgroup: the container's own cgroups and no others (config.md#mounts)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.mountinfo import parse

PLACE = "/sys/fs/cgroup"


def own_paths(container: Container) -> dict[str, str]:
    """The cgroups of the container's init as the host sees them: path by name of the hierarchy."""
    lines = Path(f"/proc/{container.pid}/cgroup").read_text().splitlines()
    return {names.removeprefix("name="): path for _, names, path in (line.split(":", 2) for line in lines)}


@pytest.mark.needs("cgroup1")
@pytest.mark.clause("mounts.cgroup.legacy")
@pytest.mark.parametrize("namespace", ["shared", "private"])
def test_each_hierarchy_is_a_directory_of_its_own_when_cgroups_are_v1(container: Container, namespace: str) -> None:
    if namespace == "private":
        container.bundle.namespace("cgroup")
    container.up()

    mounts = parse(Path(f"/proc/{container.pid}/mountinfo").read_text())

    assert mounts[PLACE].fstype == "tmpfs"
    own = own_paths(container)
    for name in filter(None, own):
        mount = mounts[f"{PLACE}/{name}"]
        assert mount.fstype == "cgroup"
        assert mount.attributes >= {"ro", "nosuid", "nodev", "noexec"}
        # The host sees the namespace's root as the path that it is.
        assert mount.root == own[name]
        assert container.exec("cat", f"{PLACE}/{name}/cgroup.procs").ok().output
    container.exec("sh", "-c", f"! mkdir {PLACE}/memory/new 2>/dev/null").ok()


@pytest.mark.needs("cgroup1")
@pytest.mark.differs("runc leaves the tmpfs writable")
@pytest.mark.clause("mounts.cgroup.legacy")
def test_tmpfs_above_the_hierarchies_is_read_only_when_the_mount_is(container: Container) -> None:
    container.output(f"! mkdir {PLACE}/new 2>/dev/null")


@pytest.mark.needs("cgroup1")
@pytest.mark.clause("mounts.cgroup.legacy")
def test_container_may_divide_its_cgroup_when_the_mount_is_writable(container: Container) -> None:
    container.bundle.config["mounts"][-1]["options"] = ["nosuid", "noexec", "nodev", "rw"]
    container.up()

    container.exec("mkdir", f"{PLACE}/memory/inner").ok()

    inner = Path(PLACE, "memory", own_paths(container)["memory"].lstrip("/"), "inner")
    assert inner.is_dir()
    os.rmdir(inner)


@pytest.mark.needs("cgroup1", "userns")
@pytest.mark.clause("mounts.cgroup.rootless")
def test_nothing_else_of_the_host_is_shown_when_a_user_namespace_cannot_mount_cgroups(container: Container) -> None:
    """CVE-2023-25809."""
    container.bundle.user_namespace()
    container.up()

    mounts = parse(Path(f"/proc/{container.pid}/mountinfo").read_text())

    shown = {path: mount for path, mount in mounts.items() if path.startswith(PLACE)}
    own = own_paths(container)
    for path, mount in shown.items():
        if mount.fstype == "cgroup":
            assert mount.root == own[path.removeprefix(f"{PLACE}/")]
        assert mount.fstype != "cgroup" or "ro" in mount.attributes


@pytest.mark.needs("cgroup2")
@pytest.mark.clause("mounts.cgroup.unified")
@pytest.mark.parametrize("namespace", ["shared", "private"])
def test_own_cgroup_is_the_top_when_cgroups_are_v2(container: Container, namespace: str) -> None:
    if namespace == "private":
        container.bundle.namespace("cgroup")
    container.up()

    mount = parse(Path(f"/proc/{container.pid}/mountinfo").read_text())[PLACE]

    assert mount.fstype == "cgroup2"
    assert "ro" in mount.attributes
    assert "1" in container.exec("cat", f"{PLACE}/cgroup.procs").ok().output.split()


@pytest.mark.needs("hybrid")
@pytest.mark.differs("runc 1.1 shows no unified hierarchy beside v1")
@pytest.mark.clause("mounts.cgroup.unified")
def test_unified_hierarchy_is_one_of_the_directories_when_v1_and_v2_are_mixed(container: Container) -> None:
    container.up()

    mounts = parse(Path(f"/proc/{container.pid}/mountinfo").read_text())

    assert {mount.root for mount in mounts.values() if mount.fstype == "cgroup2"} <= {own_paths(container)[""]}
