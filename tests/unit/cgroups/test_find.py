from __future__ import annotations

import os

import pytest

from pyoci import cgroups
from pyoci.cgroups.disabled import Disabled
from pyoci.cgroups.hierarchy import Hierarchy
from pyoci.errors import ConfigError, Unsupported, UsageError

V1 = Hierarchy(1, ("pids",), "/pids", "/own/x")
V2 = Hierarchy(2, (), "/v2", "/own/x")


@pytest.mark.parametrize(
    ("path", "legacy", "unified"),
    [
        pytest.param("/a/b", "/pids/a/b", "/v2/a/b", id="absolute from the mount"),
        pytest.param("a/b", "/pids/own/x/a/b", "/v2/own/a/b", id="relative from our own, on v2 from one above"),
        pytest.param(None, "/pids/own/x/box", "/v2/own/box", id="absent is the id"),
        pytest.param("", "/pids/own/x/box", "/v2/own/box", id="empty is absent"),
        pytest.param("/../../a", "/pids/a", "/v2/a", id="dots do not leave the mount"),
        pytest.param("../../a", "/pids/own/x/a", "/v2/own/a", id="dots do not leave our own"),
        pytest.param("a/../../b", "/pids/own/x/b", "/v2/own/b", id="dots in the middle"),
        pytest.param("//a//b/", "/pids/a/b", "/v2/a/b", id="slashes"),
        pytest.param("a:b:c", "/pids/own/x/a:b:c", "/v2/own/a:b:c", id="systemd's form is a name like others"),
    ],
)
@pytest.mark.clause(
    "linux.cgroups-path.absolute", "linux.cgroups-path.relative", "linux.cgroups-path.default",
    "linux.cgroups-path.same-place",
)  # fmt: skip
def test_find_places_the_cgroup_when_given_a_path(path, legacy, unified) -> None:
    found = cgroups.find(path, "box", hierarchies=[V1, V2])
    assert found.paths() == {"pids": legacy, "": unified}


@pytest.mark.parametrize("path", ["/", "//", "/..", "..", ".", "a/.."])
@pytest.mark.clause("linux.cgroups-path.invalid")
def test_find_refuses_when_the_path_is_the_root_itself(path) -> None:
    with pytest.raises(ConfigError, match=r"linux\.cgroupsPath: .* is the root of all cgroups"):
        cgroups.find(path, "box", hierarchies=[V1])


def test_find_stays_at_the_root_when_our_own_v2_cgroup_is_the_root() -> None:
    assert cgroups.find("a", "box", hierarchies=[Hierarchy(2, (), "/v2", "/")]).paths() == {"": "/v2/a"}


@pytest.mark.parametrize(
    ("rootless", "writable", "path"),
    [
        pytest.param(True, ["/v2/own/x"], "/v2/own/x/box", id="only our own is delegated to us"),
        pytest.param(True, ["/v2/own", "/v2/own/x"], "/v2/own/box", id="the one above as well"),
        pytest.param(True, [], "/v2/own/box", id="none is"),
        pytest.param(False, ["/v2/own/x"], "/v2/own/box", id="root"),
    ],
)
def test_find_stays_in_our_own_v2_cgroup_when_nothing_above_is_ours(monkeypatch, rootless, writable, path) -> None:
    monkeypatch.setattr(os, "access", lambda file, *_, **__: file in writable)

    assert cgroups.find(None, "box", rootless=rootless, hierarchies=[V2]).paths() == {"": path}


def test_find_refuses_when_there_is_no_hierarchy() -> None:
    with pytest.raises(Unsupported, match="cgroup mountpoint does not exist"):
        cgroups.find(None, "box", hierarchies=[])


def test_find_goes_on_when_rootless_without_hierarchy_and_nothing_is_limited() -> None:
    found = cgroups.find(None, "box", rootless=True, hierarchies=[])
    found.create()
    found.write([])
    found.device_rules([])
    assert (found.paths(), found.pids(), found.directory_fd(), found.tasks()) == ({}, [], -1, [])
    with pytest.raises(Unsupported, match=r"cannot set pids limit: container could not join or .*: .*mountp"):
        found.write([("pids.max", "1")])
    found.delete()


def test_find_refuses_when_the_manager_is_unknown() -> None:
    with pytest.raises(UsageError, match="invalid cgroup manager: other"):
        cgroups.find(None, "box", "other")


def test_disabled_leaves_everything_alone_but_refuses_limits() -> None:
    found = cgroups.find("/a", "box", "disabled")
    assert isinstance(found, Disabled)
    found.create()
    found.device_rules([])
    found.write([])
    found.add(1)
    found.delete()
    assert isinstance(cgroups.load(found.state()), Disabled)
    with pytest.raises(Unsupported, match="cannot set limits without cgroups"):
        found.write([("pids.max", "1")])


def test_load_makes_the_same_cgroup_when_given_its_state() -> None:
    found = cgroups.find("/a", "box", hierarchies=[V1, V2])
    found.legacy[0].created.append("/pids/a")
    again = cgroups.load(found.state())
    assert again.state() == found.state()
    assert again.legacy[0].created == ["/pids/a"]


def test_mounts_names_hierarchies_and_links_when_controllers_share_one() -> None:
    shared = Hierarchy(1, ("cpu", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct", "/")
    assert cgroups.find("/a", "box", hierarchies=[shared, V1, V2]).mounts() == [
        ("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/a", ("cpu", "cpuacct")),
        ("pids", "/pids/a", ()),
        ("v2", "/v2/a", ()),
    ]
    assert cgroups.find("/a", "box", hierarchies=[V2]).mounts() == [("", "/v2/a", ())]
