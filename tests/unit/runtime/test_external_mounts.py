"""What criu is told to leave alone, from config.json and what is mounted."""

from __future__ import annotations

import pytest

from pyoci.config.mounts import Mount
from pyoci.runtime import external_mounts
from pyoci.syscalls import mountinfo

ROOTFS = "10 1 8:1 /rootfs / rw - ext4 /dev/sda1 rw"
DEV = "11 10 0:50 / /dev rw,nosuid - tmpfs tmpfs rw"
PROC = "12 10 0:51 / /proc rw - proc proc rw"
OWN = [
    Mount(destination="/proc", type="proc", source="proc"),
    Mount(destination="/dev", type="tmpfs", source="tmpfs"),
    Mount(destination="/sys/fs/cgroup", type="cgroup", source="cgroup"),
]
BIND = Mount(destination="/data", source="/srv", options=("bind",))
RBIND = Mount(destination="/data", source="/srv", options=("rbind", "ro"))


def names(mounts, *lines: str, own_cgroups: bool = False) -> list[str]:
    found = mountinfo.entries("\n".join([ROOTFS, DEV, PROC, *lines]))
    return external_mounts.names([*OWN, *mounts], found, own_cgroups=own_cgroups)


@pytest.mark.parametrize(
    ("mounts", "lines", "expected"),
    [
        pytest.param([], [], [], id="nothing of the host"),
        pytest.param([BIND], ["20 10 8:1 /srv /data rw - ext4 /dev/sda1 rw"], ["/data"], id="bind"),
        pytest.param([Mount(destination="data/", type="bind", source="/srv")],
                     ["20 10 8:1 /srv /data rw - ext4 /dev/sda1 rw"], ["/data"], id="bind by its type, and a slash"),
        pytest.param([BIND], ["20 10 0:60 / /data rw - tmpfs tmpfs rw"], ["/data"], id="bind of a whole tmpfs"),
        pytest.param([RBIND], ["20 10 8:1 /srv /data rw - ext4 a rw", "21 20 0:61 / /data/x rw - tmpfs tmpfs rw"],
                     ["/data", "/data/x"], id="below a recursive bind"),
        pytest.param([BIND], ["20 10 8:1 /srv /data rw - ext4 a rw", "21 20 0:61 / /data/x rw - tmpfs tmpfs rw"],
                     ["/data"], id="a tmpfs of the container's, below a plain bind"),
        pytest.param([RBIND, Mount(destination="/data/x", type="tmpfs", source="tmpfs")],
                     ["20 10 8:1 /srv /data rw - ext4 a rw", "21 20 0:61 / /data/x rw - tmpfs tmpfs rw"],
                     ["/data"], id="a tmpfs of config.json, below a recursive bind"),
        pytest.param([Mount(destination="/var/run/x", source="/srv", options=("bind",))],
                     ["20 10 8:1 /srv /run/x rw - ext4 a rw"], ["/run/x"], id="bind through a symbolic link"),
        pytest.param([], ["20 12 0:51 /sys /proc/sys ro - proc proc rw"], [], id="read-only path"),
        pytest.param([], ["20 12 0:50 /null /proc/kcore rw - tmpfs tmpfs rw"], [], id="masked file"),
        pytest.param([], ["20 12 0:62 / /proc/acpi ro - tmpfs tmpfs ro"], [], id="masked directory"),
        pytest.param([], ["20 12 0:6 /null /dev/null rw - devtmpfs devtmpfs rw",
                          "21 12 0:6 /null /proc/kcore rw - devtmpfs devtmpfs rw"],
                     ["/dev/null", "/proc/kcore"], id="devices of the host, for a user namespace"),
        pytest.param([], ["20 11 0:63 / /dev/pts rw - devpts devpts rw", "21 11 0:63 /0 /dev/console rw - devpts d rw"],
                     [], id="terminal"),
        pytest.param([], ["20 10 0:30 /c /sys/fs/cgroup ro - cgroup2 cgroup rw"], ["/sys/fs/cgroup"], id="cgroup v2"),
        pytest.param([], ["20 10 0:64 / /sys/fs/cgroup ro - tmpfs cgroup rw",
                          "21 20 0:31 /c /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu"],
                     ["/sys/fs/cgroup/cpu"], id="cgroup v1"),
    ],
)  # fmt: skip
def test_what_shows_a_part_of_the_host_is_external(mounts, lines, expected) -> None:
    assert names(mounts, *lines) == expected


def test_cgroups_are_criu_s_in_a_namespace_of_their_own() -> None:
    assert names([], "20 10 0:30 /c /sys/fs/cgroup ro - cgroup2 cgroup rw", own_cgroups=True) == []


def test_mount_points_have_their_spaces_back() -> None:
    entry = Mount(destination="/a b", source="/srv", options=("bind",))
    assert names([entry], "20 10 8:1 /srv /a\\040b rw - ext4 a rw") == ["/a b"]
