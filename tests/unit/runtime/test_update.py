"""An update of a container on v2, whose control files are plain files here."""

from __future__ import annotations

import errno
import json
import os

import pytest

from pyoci import cgroups
from pyoci.cgroups.hierarchy import Hierarchy
from pyoci.cgroups.unified import UnifiedDirectory
from pyoci.container import store
from pyoci.errors import ConfigError, ContainerError, ContainerNotFound, Unsupported, WrongStatus
from pyoci.runtime.update import update

RESOURCES = {"memory": {"limit": 100, "swap": 150}, "cpu": {"quota": 5000, "period": 10000}, "future": {"x": 1}}
CONFIG = {
    "ociVersion": "1.3.0", "root": {"path": "rootfs"}, "extra": "kept",
    "linux": {"resources": RESOURCES, "intelRdt": {"closID": "shared"}, "namespaces": [{"type": "mount"}]},
}  # fmt: skip
FILES = {
    "cgroup.procs": "", "cgroup.controllers": "cpu memory pids cpuset", "cgroup.events": "populated 1\nfrozen 0\n",
    "cgroup.subtree_control": "cpu memory pids cpuset", "cpu.max": "5000 10000\n", "memory.max": "100\n",
    "memory.swap.max": "50\n", "memory.high": "max\n", "memory.current": "40\n", "pids.max": "max\n",
}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    """The cgroup of the container ``box`` below tmp_path/run, which this process is."""
    mount = tmp_path / "cgroup2"
    for directory in (mount, mount / "box"):
        directory.mkdir()
        for name, text in FILES.items():
            (directory / name).write_text(text)
    container = store.Store(str(tmp_path / "run")).claim("box")
    found = cgroups.find("/box", "box", hierarchies=[Hierarchy(2, (), str(mount), "/")])
    container.record.update(cgroup=found.state(), complete=True)
    container.born(os.getpid())
    container.save()
    (tmp_path / "run/box/config.json").write_text(json.dumps(CONFIG))
    store.unlock(container)
    return mount / "box"


@pytest.fixture
def device_rules(monkeypatch):
    """The rules about devices applied so far; the last of them are refused when there are more than 20."""
    applied = []

    def apply(_, rules):
        if len(rules) > 20:
            raise OSError(errno.E2BIG, "too long")
        applied.append(list(rules))

    monkeypatch.setattr(UnifiedDirectory, "device_rules", apply)
    return applied


def first_lines(place, *names):
    """What was written last: unlike the kernel's, a plain file keeps what is longer."""
    return [(place / name).read_text().split("\n")[0] for name in names]


def remembered(tmp_path):
    return json.loads((tmp_path / "run/box/config.json").read_text())


def test_limits_are_written_and_remembered(place, tmp_path) -> None:
    asked = {"cpu": {"quota": 7000}, "memory": {"limit": 120}, "unified": {"memory.high": "110"}}
    update(str(tmp_path / "run"), "box", asked)

    names = ("cpu.max", "memory.max", "memory.swap.max", "memory.high", "pids.max")
    assert first_lines(place, *names) == ["7000 10000", "120", "30", "110", "max"]
    assert remembered(tmp_path) == {
        **CONFIG, "linux": {
            **CONFIG["linux"],
            "resources": {"memory": {"limit": 120, "swap": 150}, "cpu": {"quota": 7000, "period": 10000},
                          "unified": {"memory.high": "110"}},
        },
    }  # fmt: skip


def test_nothing_stays_when_a_file_is_missing(place, tmp_path) -> None:
    asked = {"cpu": {"quota": 7000}, "pids": {"limit": 5}, "unified": {"memory.none": "1"}}
    with pytest.raises(ContainerError, match=r'"/.*/box/memory\.none": cannot write "1": No such file') as caught:
        update(str(tmp_path / "run"), "box", asked)

    assert caught.value.details == {"file": f"{place}/memory.none", "errno": errno.ENOENT}
    assert first_lines(place, "cpu.max", "pids.max") == ["5000 10000", "max"]
    assert remembered(tmp_path) == CONFIG


def test_what_could_not_be_put_back_is_said(place, tmp_path, monkeypatch) -> None:
    write = UnifiedDirectory.write

    def refuse(self, name, value):
        if (name, value) == ("cpu.max", "5000 10000") or name == "memory.high":
            raise OSError(errno.EIO, "broken", name)
        write(self, name, value)

    monkeypatch.setattr(UnifiedDirectory, "write", refuse)
    asked = {"cpu": {"quota": 7000}, "pids": {"limit": 5}, "unified": {"memory.high": "1"}}
    with pytest.raises(ContainerError, match=r"\"memory.high\": broken: while cleaning up: .*cpu\.max"):
        update(str(tmp_path / "run"), "box", asked)

    assert first_lines(place, "pids.max") == ["max"]


def test_nothing_stays_when_it_cannot_be_remembered(place, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("pyoci.syscalls.files.replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(ContainerError, match="full"):
        update(str(tmp_path / "run"), "box", {"pids": {"limit": 5}})

    assert first_lines(place, "pids.max") == ["max"]


def test_device_rules_are_exchanged_last(place, tmp_path, device_rules) -> None:
    update(str(tmp_path / "run"), "box", {"devices": [{"allow": True, "type": "c", "major": 4, "access": "r"}]})

    assert [rules[:2] for rules in device_rules] == [[(False, "a", -1, -1, "rwm"), (True, "c", 4, -1, "r")]]
    update(str(tmp_path / "run"), "box", {"devices": [{"allow": True, "type": "c", "major": 4, "access": "r"}]})
    update(str(tmp_path / "run"), "box", {"devices": [], "pids": {"limit": 5}})
    assert len(device_rules) == 1


def test_device_rules_are_put_back_when_they_are_refused(place, tmp_path, device_rules) -> None:
    asked = {"devices": [{"allow": True, "major": number} for number in range(20)], "pids": {"limit": 5}}
    with pytest.raises(ContainerError, match="too long"):
        update(str(tmp_path / "run"), "box", asked)

    assert [rules[1] for rules in device_rules] == [(True, "c", -1, -1, "m")]
    assert first_lines(place, "pids.max") == ["max"]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        pytest.param({"memory": {"limit": "1"}}, r"linux\.resources\.memory\.limit: expected an integer", id="type"),
        pytest.param({"memory": {"limit": 200}}, r"linux\.resources\.memory\.swap: memory\+swap limit", id="rule"),
        pytest.param({"cpu": {"realtimeRuntime": 1}}, r"linux\.resources\.cpu\.realtimeRuntime: cgroup v2", id="v1"),
        pytest.param({"memory": {"limit": 30, "checkBeforeUpdate": True}}, "rejecting memory limit 30 <= usage 40",
                     id="in use"),
    ],
)  # fmt: skip
def test_mistake_has_its_place(place, tmp_path, asked, text) -> None:
    with pytest.raises(ConfigError, match=text):
        update(str(tmp_path / "run"), "box", asked)

    assert first_lines(place, "cpu.max", "memory.max") == ["5000 10000", "100"]


@pytest.mark.parametrize("schema", [{"l3_cache_schema": "L3:0=f"}, {"mem_bw_schema": "MB:0=5"}])
def test_schemata_are_refused_when_the_container_has_no_class(place, tmp_path, schema) -> None:
    with pytest.raises(Unsupported, match="Intel RDT"):
        update(str(tmp_path / "run"), "box", {"pids": {"limit": 5}}, **schema)

    assert first_lines(place, "pids.max") == ["max"]


@pytest.fixture
def resctrl(tmp_path, monkeypatch):
    """A resctrl with the class ``shared``, which the container is in."""
    tree = tmp_path / "resctrl"
    for directory in ("info/L3", "info/MB", "shared"):
        (tree / directory).mkdir(parents=True)
    (tree / "shared/schemata").write_text("    MB:0=100\n    L3:0=ff\n")
    monkeypatch.setattr("pyoci.config.linux.intel_rdt.find", lambda: str(tree))
    container = store.Store(str(tmp_path / "run")).load("box")
    container.record["intelRdt"] = {"path": f"{tree}/shared", "mon_path": "", "remove": False}
    container.save()
    return tree / "shared/schemata"


def test_schemata_are_written_and_remembered(place, tmp_path, resctrl) -> None:
    update(str(tmp_path / "run"), "box", {}, l3_cache_schema="L3:0=f", mem_bw_schema="MB:0=50")

    assert resctrl.read_text() == "L3:0=f\nMB:0=50\n"
    assert remembered(tmp_path)["linux"]["intelRdt"] == {
        "closID": "shared", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=50",
    }  # fmt: skip


def test_schemata_are_put_back_when_they_cannot_be_remembered(place, tmp_path, resctrl, monkeypatch) -> None:
    monkeypatch.setattr("pyoci.syscalls.files.replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(ContainerError, match="full"):
        update(str(tmp_path / "run"), "box", {}, l3_cache_schema="L3:0=f")

    assert resctrl.read_text() == "L3:0=ff\n"


def test_refuses_what_is_stopped_or_missing(place, tmp_path) -> None:
    container = store.Store(str(tmp_path / "run")).load("box")
    container.record["startTime"] = 1
    container.save()
    with pytest.raises(WrongStatus, match="container not running"):
        update(str(tmp_path / "run"), "box", {})
    with pytest.raises(ContainerNotFound):
        update(str(tmp_path / "run"), "nobody", {})
