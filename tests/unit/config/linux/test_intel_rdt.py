from __future__ import annotations

import errno
import os

import pytest

from pyoci.config.linux import intel_rdt
from pyoci.config.linux.intel_rdt import IntelRdt
from pyoci.errors import ConfigError, StepError, Unsupported


@pytest.fixture
def tree(tmp_path):
    """A resctrl as the kernel shows it, in files."""
    for place in (tmp_path, tmp_path / "shared"):
        (place / "mon_groups").mkdir(parents=True)
        (place / "schemata").write_text("    MB:0=100;1= 70\n    L3:0=0ff;1=00f\n")
        (place / "tasks").write_text("")
    (tmp_path / "info").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"closID": "."}, "closID", id="the directory itself"),
        pytest.param({"closID": ".."}, "closID", id="the one above"),
        pytest.param({"closID": "a/b"}, "closID", id="below another"),
        pytest.param({"closID": "/a"}, "closID", id="absolute"),
        pytest.param({"memBwSchema": "L3:0=f"}, "memBwSchema", id="not of memory bandwidth"),
        pytest.param({"memBwSchema": "MB:0=1\nL3:0=f"}, "memBwSchema", id="two lines"),
        pytest.param({"schemata": ["L3:0=f", "MB:0=1\n"]}, "schemata[1]", id="a newline"),
    ],
)
@pytest.mark.clause("linux.intel-rdt.clos-id.path", "linux.intel-rdt.schemata.form")
def test_read_refuses(value, field):
    with pytest.raises(ConfigError) as caught:
        IntelRdt.read(value)
    assert field == caught.value.field


@pytest.mark.clause("linux.intel-rdt.unmounted")
def test_find_reads_mountinfo(tmp_path):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "24 27 0:6 / /dev rw - devtmpfs devtmpfs rw\n55 23 0:40 / /sys/fs/resctrl rw shared:7 - resctrl resctrl rw\n"
    )
    assert intel_rdt.find(str(mountinfo)) == "/sys/fs/resctrl"
    mountinfo.write_text("24 27 0:6 / /resctrl rw - tmpfs resctrl rw\n")
    with pytest.raises(Unsupported, match="Intel RDT is not available"):
        intel_rdt.find(str(mountinfo))


@pytest.mark.clause("linux.intel-rdt.clos-id.absent", "linux.intel-rdt.schemata.order")
def test_create_makes_a_class_of_the_containers_own(tree):
    state = intel_rdt.create("web", IntelRdt(), str(tree))
    assert state == {"path": f"{tree}/web", "mon_path": "", "remove": True}
    assert list((tree / "web").iterdir()) == []  # no schema: nothing is ever written
    intel_rdt.delete(state)
    assert not (tree / "web").exists()
    intel_rdt.delete(state)


@pytest.mark.clause("linux.intel-rdt.schemata.order")
def test_create_writes_the_schemata_in_order(tree):
    section = IntelRdt.read({"schemata": ["L2:0=1", "SMBA:0=8"], "memBwSchema": "MB:0=20", "l3CacheSchema": "L3:0=f"})
    intel_rdt.create("web", section, str(tree))
    assert (tree / "web/schemata").read_text() == "L3:0=f\nMB:0=20\nL2:0=1\nSMBA:0=8\n"


@pytest.mark.clause("linux.intel-rdt.clos-id.made", "linux.intel-rdt.clos-id.kept")
def test_create_keeps_a_named_class(tree):
    state = intel_rdt.create("web", IntelRdt.read({"closID": "new", "memBwSchema": "MB:0=20"}), str(tree))
    assert (tree / "new/schemata").read_text() == "MB:0=20\n"
    assert not state["remove"]
    intel_rdt.delete(state)
    assert (tree / "new").is_dir()


@pytest.mark.parametrize(
    ("section", "path"),
    [
        pytest.param({"closID": "shared"}, "shared", id="as it is"),
        pytest.param({"closID": "/"}, "", id="the default class"),
        pytest.param({"closID": "shared", "l3CacheSchema": "L3:0=FF"}, "shared", id="same, written otherwise"),
        pytest.param({"closID": "shared", "schemata": ["MB:1=70", "L3:1=f"]}, "shared", id="same, in part"),
    ],
)
@pytest.mark.clause("linux.intel-rdt.clos-id.root", "linux.intel-rdt.clos-id.made", "linux.intel-rdt.clos-id.kept")
def test_create_takes_an_existing_class(section, path, tree):
    before = (tree / path / "schemata").read_text()
    state = intel_rdt.create("web", IntelRdt.read(section), str(tree))
    assert state["path"].removesuffix("/") == str(tree / path)
    assert before == (tree / path / "schemata").read_text()
    intel_rdt.delete(state)
    assert (tree / path).is_dir()


@pytest.mark.parametrize(
    ("section", "text"),
    [
        pytest.param({"closID": "shared", "l3CacheSchema": "L3:0=7f"}, "has L3:0=ff, wanted is 7f", id="other value"),
        pytest.param({"closID": "/", "schemata": ["L2:0=1"]}, "has L2:0=nothing, wanted is 1", id="other resource"),
        pytest.param({"closID": "none"}, "does not exist", id="missing, and no schema"),
    ],
)
@pytest.mark.clause("linux.intel-rdt.clos-id.missing", "linux.intel-rdt.clos-id.made")
def test_create_refuses_a_class_that_is_not_as_wanted(section, text, tree):
    with pytest.raises(StepError, match=text):
        intel_rdt.create("web", IntelRdt.read(section), str(tree))
    assert not (tree / "web").exists()


@pytest.mark.clause("linux.intel-rdt.monitoring", "general.errors-leave-nothing")
def test_create_removes_what_it_made_when_monitoring_fails(tree):
    with pytest.raises(StepError, match="make the monitoring group") as caught:
        intel_rdt.create("web", IntelRdt.read({"enableMonitoring": True}), str(tree))
    assert caught.value.details["file"] == f"{tree}/web/mon_groups/web"
    assert not (tree / "web").exists()


@pytest.mark.clause("linux.intel-rdt.tasks", "linux.intel-rdt.monitoring")
def test_add_writes_the_pid_to_class_and_monitoring_group(tree):
    state = intel_rdt.create("web", IntelRdt.read({"closID": "shared", "enableMonitoring": True}), str(tree))
    assert state["mon_path"] == f"{tree}/shared/mon_groups/web"
    intel_rdt.add(state, 42)
    assert (tree / "shared/tasks").read_text() == "42\n"
    tasks = tree / "shared/mon_groups/web/tasks"
    assert tasks.read_text() == "42\n"
    tasks.unlink()
    intel_rdt.delete(state)
    assert list((tree / "shared/mon_groups").iterdir()) == []


def test_failed_schemata_are_explained_by_the_kernel(tree):
    (tree / "info/last_cmd_status").write_text("MB value 5 exceeds limits [10,100]\n")
    with pytest.raises(StepError, match="exceeds limits"):
        intel_rdt._write_schemata(str(tree / "no such class"), ["MB:0=5"], str(tree))


@pytest.mark.clause("linux.intel-rdt.old-properties")
def test_read_ignores_what_has_been_dropped(tree):
    section = IntelRdt.read({"enableCMT": True, "enableMBM": "yes"})
    assert not section.enable_monitoring
    assert intel_rdt.create("web", section, str(tree))["mon_path"] == ""


def test_create_says_so_when_all_classes_are_in_use(tree, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(StepError, match=r"cannot make the CLOS: .*all classes of service are in use"):
        intel_rdt.create("web", IntelRdt(), str(tree))


@pytest.mark.parametrize("value", [{}, {"closID": "/"}, {"closID": "shared", "enableMonitoring": True}])
def test_planned_is_what_create_then_makes(tree, value):
    section = IntelRdt.read(value)

    planned = intel_rdt.planned("web", section, str(tree))

    assert intel_rdt.create("web", section, str(tree)) == planned


def test_delete_removes_the_class_when_the_monitoring_group_is_gone_already(tree):
    (tree / "web/mon_groups").mkdir(parents=True)
    (tree / "web/mon_groups").rmdir()
    intel_rdt.delete({"path": f"{tree}/web", "mon_path": f"{tree}/web/mon_groups/web", "remove": True})
    assert not (tree / "web").exists()


@pytest.mark.parametrize(
    ("state", "schemata", "text"),
    [
        pytest.param({}, ("L3:0=f", ""), "Intel RDT/CAT: l3 cache schema is not enabled", id="no cache"),
        pytest.param({}, ("", "MB:0=5"), "Intel RDT/MBA: memory bandwidth schema is not enabled", id="no bandwidth"),
        pytest.param(None, ("L3:0=f", ""), "Intel RDT/CAT: l3 cache schema is not enabled", id="neither"),
    ],
)
def test_change_is_refused_when_the_processor_cannot(tree, state, schemata, text):
    with pytest.raises(Unsupported, match=text):
        intel_rdt.check_change(state, *schemata, str(tree))


def test_change_is_refused_when_the_container_has_no_class(tree):
    (tree / "info/L3").mkdir()
    intel_rdt.check_change(None, "", "", str(tree))
    with pytest.raises(Unsupported, match="updating a non-existent Intel RDT configuration is not supported"):
        intel_rdt.check_change(None, "L3:0=f", "", str(tree))


def test_change_writes_the_schemata_and_returns_what_they_were(tree):
    state = {"path": f"{tree}/shared", "mon_path": "", "remove": False}
    assert intel_rdt.change(state, ["L3:0=f;1=f"], str(tree)) == ["L3:0=0ff;1=00f"]
    assert (tree / "shared/schemata").read_text() == "L3:0=f;1=f\n"


def test_change_says_why_the_kernel_refuses(tree, monkeypatch):
    (tree / "info/last_cmd_status").write_text("mask out of range\n")
    monkeypatch.setattr(intel_rdt, "_write", lambda path, _: (_ for _ in ()).throw(OSError(errno.EINVAL, "bad", path)))
    with pytest.raises(StepError) as caught:
        intel_rdt.change({"path": f"{tree}/shared", "mon_path": "", "remove": False}, ["L3:0=0"], str(tree))
    assert caught.value.details["hint"] == "mask out of range"
