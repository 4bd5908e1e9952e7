from __future__ import annotations

import pytest

from pyoci.cgroups import hierarchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path):
    """``host(cgroup, directories, mountinfo)`` is a machine of these files; its answer is what ``mounted`` finds."""

    def make(cgroup: str, files: tuple[str, ...] = (), mountinfo: str | None = None) -> list[tuple[object, ...]]:
        root, proc = tmp_path / "sys", tmp_path / "proc"
        proc.mkdir()
        (proc / "cgroup").write_text(cgroup)
        if mountinfo is not None:
            (proc / "mountinfo").write_text(mountinfo.replace("ROOT", str(root)))
        for name in files:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        found = hierarchy.mounted(str(root), str(proc))
        return [(place.version, place.names, place.mount.replace(str(root), "ROOT"), place.own) for place in found]

    return make


def test_mounted_finds_v2_without_mountinfo_when_it_is_the_only_one(host) -> None:
    assert host("0::/user.slice/a\n", ("user.slice/a/cgroup.controllers",)) == [(2, (), "ROOT", "/user.slice/a")]


def test_mounted_finds_hybrid_without_mountinfo_when_each_is_at_its_usual_place(host) -> None:
    assert host(
        "3:cpu,cpuacct:/a\n2:name=systemd:/\n0::/b\n",
        ("cpu,cpuacct/a/cgroup.procs", "systemd/cgroup.procs", "unified/b/cgroup.controllers"),
    ) == [
        (1, ("cpu", "cpuacct"), "ROOT/cpu,cpuacct", "/a"),
        (1, ("name=systemd",), "ROOT/systemd", "/"),
        (2, (), "ROOT/unified", "/b"),
    ]


def test_mounted_reads_mountinfo_when_a_hierarchy_is_elsewhere(host) -> None:
    mountinfo = (
        "31 23 0:28 / ROOT/a\\040b rw,relatime shared:9 - cgroup cgroup rw,cpuacct,cpu\n"
        "32 23 0:29 / /proc rw - proc proc rw\n"
    )
    found = host("3:cpu,cpuacct:/a\n", ("a b/a/cgroup.procs",), mountinfo)
    assert found == [(1, ("cpu", "cpuacct"), "ROOT/a b", "/a")]


@pytest.mark.parametrize("letter", ["\v", "\x1c", "\x85", "\u2028"])
def test_mounted_takes_no_letter_of_a_name_for_the_end_of_a_line(host, letter: str) -> None:
    name = f"a{letter}b"
    mountinfo = f"30 23 0:9 / /home/{name} rw - fuse x rw\n31 23 0:28 / ROOT/cg rw - cgroup cgroup rw,cpu\n"
    found = host(f"3:cpu:/{name}\n", (f"cg/{name}/cgroup.procs",), mountinfo)
    assert found == [(1, ("cpu",), "ROOT/cg", f"/{name}")]


def test_mounted_leaves_out_what_is_covered(host) -> None:
    assert host("1:pids:/\n", (), "31 23 0:28 / ROOT/pids rw - cgroup cgroup rw,pids\n") == []


@pytest.mark.parametrize(
    ("own", "root", "expected"),
    [
        pytest.param("/docker/x", "/docker/x", "/", id="own cgroup is the root of the mount"),
        pytest.param("/docker/x/y", "/docker/x", "/y", id="own cgroup is below the root of the mount"),
        pytest.param("/docker/xy", "/docker/x", None, id="a name that only begins alike"),
        pytest.param("/other", "/docker/x", None, id="own cgroup is not on the mount"),
    ],
)
def test_mounted_counts_from_the_root_of_the_mount_when_only_a_part_is_mounted(host, own, root, expected) -> None:
    mountinfo = f"31 23 0:28 {root} ROOT/pids rw - cgroup cgroup rw,pids\n"
    found = host(f"1:pids:{own}\n", ("pids/cgroup.procs", "pids/y/cgroup.procs"), mountinfo)
    assert found == ([] if expected is None else [(1, ("pids",), "ROOT/pids", expected)])


def test_mounted_leaves_out_v2_when_it_is_not_mounted(host) -> None:
    assert host("1:pids:/\n0::/\n", ("pids/cgroup.procs",), "") == [(1, ("pids",), "ROOT/pids", "/")]


def test_mounted_takes_the_root_when_the_path_climbs_out_of_the_cgroup_namespace(host) -> None:
    assert host("0::/../../a\n", ("cgroup.controllers",)) == [(2, (), "ROOT", "/")]


def test_mounted_keeps_colons_when_a_cgroup_is_named_so(host) -> None:
    assert host("0::/a:b\n", ("a:b/cgroup.controllers",)) == [(2, (), "ROOT", "/a:b")]
