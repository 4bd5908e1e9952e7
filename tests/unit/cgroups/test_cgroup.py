from __future__ import annotations

import errno
import os

import pytest

from pyoci import cgroups
from pyoci.cgroups.legacy import LegacyDirectory
from pyoci.cgroups.systemd import SystemdCgroup
from pyoci.cgroups.unified import UnifiedDirectory
from pyoci.errors import ContainerError, Unsupported


@pytest.fixture
def unified(unified_tree):
    """A v2 cgroup that exists, with a few files."""
    unified_tree.cgroup("a", cpu__max="", memory__max="", io__weight="", memory__events="oom 1\noom_kill 3\n")
    return cgroups.find("/a", "box", hierarchies=[unified_tree.hierarchy()])


def first_line(unified, name):
    with open(f"{unified.unified.path}/{name}") as file:
        return file.readline().strip()


def test_version_tells_where_a_controller_is_when_the_host_is_hybrid(unified_tree, make_legacy_tree) -> None:
    found = cgroups.find("/a", "x", hierarchies=[make_legacy_tree("pids").hierarchy(), unified_tree.hierarchy()])
    names = ("pids", "memory", "rdma", "cgroup", "devices")
    assert [found.version(name) for name in names] == [1, 2, 0, 2, 2]


def test_version_knows_no_unified_files_when_the_host_is_legacy(make_legacy_tree) -> None:
    found = cgroups.find("/a", "x", hierarchies=[make_legacy_tree("devices").hierarchy()])
    assert [found.version(name) for name in ("devices", "cgroup", "pids")] == [1, 0, 0]


def test_write_writes_the_first_file_there_is_when_given_alternatives(unified) -> None:
    unified.write([("io.bfq.weight|io.weight", "500|default 4950"), ("memory.max|memory.high", "7")])
    assert first_line(unified, "io.weight") == "default 4950"
    assert first_line(unified, "memory.max") == "7"


def test_write_goes_on_when_an_optional_file_is_missing(unified) -> None:
    unified.write([("memory.swap.max?", "0"), ("cpu.max", "max 1000")])
    assert first_line(unified, "cpu.max") == "max 1000"


def test_write_names_file_and_value_when_it_fails(unified) -> None:
    with pytest.raises(OSError, match='cannot write "5": No such file or directory') as caught:
        unified.write([("pids.max", "5")])
    assert caught.value.filename.endswith("/a/pids.max")


def test_write_tries_again_behind_the_others_when_the_kernel_calls_a_value_invalid(unified, monkeypatch) -> None:
    written = []

    def write(name, value):
        if name == "cpu.max" and not written:
            raise OSError(errno.EINVAL, "not below the burst")
        written.append((name, value))

    monkeypatch.setattr(unified.unified, "write", write)
    unified.write([("cpu.max", "1"), ("cpu.max.burst", "0")])
    assert written == [("cpu.max.burst", "0"), ("cpu.max", "1")]


def test_write_gives_up_when_a_round_gets_nowhere(unified, monkeypatch) -> None:
    calls = []

    def write(name, value):
        calls.append(name)
        raise OSError(errno.EINVAL, f"{name} {value}")

    monkeypatch.setattr(unified.unified, "write", write)
    with pytest.raises(OSError, match=r"cpu\.max 1"):
        unified.write([("cpu.max", "1"), ("memory.max", "2")])
    assert calls == ["cpu.max", "memory.max"]


def test_write_refuses_when_no_hierarchy_has_the_controller(make_legacy_tree) -> None:
    found = cgroups.find("/a", "x", hierarchies=[make_legacy_tree("pids").hierarchy()])
    with pytest.raises(Unsupported, match="cannot set memory limit: container could not join or create cgroup"):
        found.write([("memory.limit_in_bytes", "1")])


def test_create_makes_parents_and_delete_removes_what_it_made(make_legacy_tree) -> None:
    tree = make_legacy_tree("pids")
    tree.cgroup("given")
    found = cgroups.find("/given/a/b", "x", hierarchies=[tree.hierarchy()])
    found.create()
    assert found.legacy[0].created == [f"{tree.mount}/given/a", f"{tree.mount}/given/a/b"]
    cgroups.load(found.state()).delete()
    assert sorted(path.name for path in (tree.mount / "given").iterdir()) == ["cgroup.procs"]


def test_delete_removes_what_was_only_planned_when_create_could_not_note_it(make_legacy_tree) -> None:
    tree = make_legacy_tree("pids")
    cgroup = cgroups.find("/a/b", "box", hierarchies=[tree.hierarchy()])
    planned = cgroup.planned()
    cgroup.create()

    cgroups.load(planned).delete()

    assert not os.path.exists(f"{tree.mount}/a")


def test_planned_knows_nothing_of_what_others_have_made(make_legacy_tree) -> None:
    trees = [make_legacy_tree("pids"), make_legacy_tree("cpu")]
    os.mkdir(f"{trees[0].mount}/a")

    planned = cgroups.find("/a", "box", hierarchies=[tree.hierarchy() for tree in trees]).planned()

    assert [directory.path for directory in cgroups.load(planned).directories] == [f"{trees[1].mount}/a"]


def test_delete_leaves_it_when_it_was_there_before(make_legacy_tree) -> None:
    tree = make_legacy_tree("pids")
    place = tree.cgroup("given")
    found = cgroups.find("/given", "x", hierarchies=[tree.hierarchy()])
    found.create()
    found.delete()
    assert place.is_dir()


def test_delete_removes_cgroups_made_below_it_and_keeps_shared_parents(make_legacy_tree) -> None:
    tree = make_legacy_tree("pids")
    one, other = (cgroups.find(f"/shared/{name}", "x", hierarchies=[tree.hierarchy()]) for name in ("one", "other"))
    one.create()
    other.create()
    (tree.mount / "shared/one/sub/sub").mkdir(parents=True)
    one.delete()
    assert [path.name for path in (tree.mount / "shared").iterdir()] == ["other"]
    one.delete()


def test_delete_names_the_processes_when_they_do_not_leave(make_legacy_tree) -> None:
    tree = make_legacy_tree("pids")
    found = cgroups.find("/a", "x", hierarchies=[tree.hierarchy()])
    found.create()
    (tree.mount / "a/cgroup.procs").write_text("12\n34\n")  # a plain file keeps the directory as processes would
    with pytest.raises(OSError, match="cgroup still has processes: 12, 34") as caught:
        found.delete(timeout=0)
    assert caught.value.errno == errno.EBUSY


def test_a_set_that_was_not_given_is_put_back_as_what_it_meant(unified_tree) -> None:
    unified_tree.cgroup("a", cpuset__cpus="\n", cpuset__cpus__effective="0-1\n")
    cgroup = cgroups.find("/a", "box", hierarchies=[unified_tree.hierarchy()])
    undone = []

    cgroup.write([("cpuset.cpus", "0")], lambda function, *arguments: undone.append(arguments))

    assert undone == [("cpuset.cpus", "0-1")]


def test_create_refuses_and_undoes_when_the_cgroup_has_processes(make_legacy_tree) -> None:
    new, used = make_legacy_tree("cpu"), make_legacy_tree("pids")
    used.cgroup("a", cgroup__procs="12\n")
    used.cgroup("a/b", cgroup__procs="34\n0\n")
    with pytest.raises(ContainerError, match=r"container's cgroup is not empty: 2 process\(es\) found"):
        cgroups.find("/a", "x", hierarchies=[new.hierarchy(), used.hierarchy()]).create()
    assert not (new.mount / "a").exists()
    assert (used.mount / "a").exists()


@pytest.mark.parametrize("state", ["FROZEN", "FREEZING"])
def test_create_refuses_when_a_v1_cgroup_is_frozen(make_legacy_tree, state) -> None:
    tree = make_legacy_tree("freezer")
    tree.cgroup("a", freezer__state=f"{state}\n")
    with pytest.raises(ContainerError, match="container's cgroup unexpectedly frozen"):
        cgroups.find("/a", "x", hierarchies=[tree.hierarchy()]).create()


def test_create_refuses_when_a_v2_cgroup_is_frozen(unified_tree) -> None:
    unified_tree.cgroup("a", cgroup__events="populated 0\nfrozen 1\n")
    with pytest.raises(ContainerError, match="container's cgroup unexpectedly frozen"):
        cgroups.find("/a", "x", hierarchies=[unified_tree.hierarchy()]).create()


def test_create_takes_processors_from_above_when_a_cpuset_is_empty(make_legacy_tree) -> None:
    tree = make_legacy_tree("cpuset")
    for path, text in (("", "0-1\n"), ("a", "\n"), ("a/b", "\n")):
        tree.cgroup(path, cpuset__cpus=text, cpuset__mems="0\n")
    cgroups.find("/a/b", "x", hierarchies=[tree.hierarchy()]).create()
    assert (tree.mount / "a/b/cpuset.cpus").read_text().strip() == "0-1"
    assert (tree.mount / "a/cpuset.cpus").read_text().strip() == "0-1"


def test_create_switches_nothing_on_when_we_are_in_the_cgroup_ourselves(unified_tree) -> None:
    own = unified_tree.cgroup("own", cgroup__procs=f"{os.getpid()}\n", cgroup__subtree_control="")
    unified_tree.cgroup("own/x")

    cgroups.find("/own/x", "x", hierarchies=[unified_tree.hierarchy("/own")]).create()

    assert (own / "cgroup.subtree_control").read_text() == ""


def forbid(monkeypatch, number):
    def mkdir(path, *_, **__):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "mkdir", mkdir)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_rootless_create_goes_without_when_nothing_is_limited(monkeypatch, make_legacy_tree, number) -> None:
    found = cgroups.find(None, "x", rootless=True, hierarchies=[make_legacy_tree("pids", "devices").hierarchy()])
    forbid(monkeypatch, number)
    found.create()
    found.write([("devices.deny", "a")])
    assert (found.paths(), found.version("pids")) == ({}, 1)
    assert found.mounts() == [("pids,devices", "", ("pids", "devices"))]
    found.delete()


def test_rootless_write_tells_why_when_something_is_limited(monkeypatch, make_legacy_tree) -> None:
    found = cgroups.find(None, "x", rootless=True, hierarchies=[make_legacy_tree("pids").hierarchy()])
    forbid(monkeypatch, errno.EACCES)
    found.create()
    with pytest.raises(Unsupported, match=r"cannot set pids limit: container could not join .* permission denied"):
        found.write([("pids.max", "1")])


def test_rootless_write_tells_why_when_something_is_limited_on_v2(monkeypatch, unified_tree) -> None:
    forbid(monkeypatch, errno.EACCES)
    found = cgroups.find(None, "x", rootless=True, hierarchies=[unified_tree.hierarchy()])
    found.create()
    assert found.version("pids") == 2
    with pytest.raises(Unsupported, match=r"cannot set pids limit: container could not join .* permission denied"):
        found.write([("pids.max", "1")])


def test_a_users_unit_goes_without_hierarchies_that_systemd_may_not_give_him(monkeypatch, make_legacy_tree) -> None:
    directory = LegacyDirectory(["pids"], str(make_legacy_tree("pids").mount), "/none/one.scope")
    monkeypatch.setattr(SystemdCgroup, "_change", lambda *_: None)
    forbid(monkeypatch, errno.EACCES)
    found = SystemdCgroup([directory], None, {"name": "one.scope", "user": True}, rootless=True)

    found._make_missing()

    with pytest.raises(Unsupported, match="cannot set pids limit"):
        found.write([("pids.max", "1")])


def test_a_unit_stands_still_while_systemd_forbids_all_devices_on_v1(monkeypatch, make_legacy_tree) -> None:
    trees = [make_legacy_tree(name) for name in ("devices", "freezer")]
    directories = [LegacyDirectory(tree.names, str(tree.mount), str(tree.cgroup("one.scope"))) for tree in trees]
    state = trees[1].cgroup("one.scope", freezer__state="THAWED\n") / "freezer.state"
    seen: list[str] = []
    monkeypatch.setattr(SystemdCgroup, "_change", lambda *_: seen.append(state.read_text().strip()))

    SystemdCgroup(directories, None, {"name": "one.scope"}).device_rules([])

    assert seen == ["FROZEN"]
    assert state.read_text().strip() == "THAWED"


@pytest.mark.parametrize(("path", "rootless"), [("/a", True), (None, False)])
def test_rootless_create_fails_when_the_place_was_asked_for_or_we_are_root(
    monkeypatch, make_legacy_tree, path, rootless
) -> None:
    found = cgroups.find(path, "x", rootless=rootless, hierarchies=[make_legacy_tree("pids").hierarchy()])
    forbid(monkeypatch, errno.EACCES)
    with pytest.raises(PermissionError):
        found.create()


@pytest.mark.parametrize("sub", ["../other", "..", "x/../../../a", "/../../etc", "../ab"])
def test_sub_cgroup_is_refused_when_it_lies_outside(unified_tree, make_legacy_tree, sub) -> None:
    found = cgroups.find("/a", "x", hierarchies=[make_legacy_tree("pids").hierarchy(), unified_tree.hierarchy()])
    for call in (lambda: found.tasks({"pids": sub}), lambda: found.directory_fd({"": sub})):
        with pytest.raises(ContainerError, match="bad sub cgroup path: "):
            call()


def test_tasks_are_where_sub_says_when_controllers_differ(make_legacy_tree) -> None:
    pids, cpu = make_legacy_tree("pids"), make_legacy_tree("cpu")
    for tree in (pids, cpu):
        tree.cgroup("a", tasks="")
        tree.cgroup("a/b", tasks="")
    found = cgroups.find("/a", "x", hierarchies=[pids.hierarchy(), cpu.hierarchy()])
    cgroups.walk_in(found.tasks({"pids": "/b"}))
    written = [(tree.mount / path / "tasks").read_text() for tree in (pids, cpu) for path in ("a", "a/b")]
    assert written == ["", "0", "0", ""]


def test_tasks_are_closed_again_when_one_is_missing(make_legacy_tree) -> None:
    pids, cpu = make_legacy_tree("pids"), make_legacy_tree("cpu")
    pids.cgroup("a", tasks="")
    found = cgroups.find("/a", "x", hierarchies=[pids.hierarchy(), cpu.hierarchy()])
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        found.tasks()
    assert os.listdir("/proc/self/fd") == before


def test_sub_cgroup_is_refused_when_the_controller_is_unknown(unified) -> None:
    with pytest.raises(ContainerError, match="unknown controller memory in SubCgroupPaths"):
        unified.tasks({"memory": "b"})


@pytest.mark.parametrize(
    ("text", "expected"), [("max\n", None), ("4096\n", 4096), ("0\n", 0)], ids=["none", "some", "nothing"]
)
def test_memory_limit_reads_v2(unified, text, expected) -> None:
    with open(f"{unified.unified.path}/memory.max", "w") as file:
        file.write(text)
    assert unified.memory_limit() == expected


def test_memory_limit_is_none_when_v1_says_so_with_a_large_number(make_legacy_tree) -> None:
    tree = make_legacy_tree("memory")
    tree.cgroup("a", memory__limit_in_bytes="9223372036854771712\n",
                memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", memory__usage_in_bytes="17\n")
    found = cgroups.find("/a", "x", hierarchies=[tree.hierarchy()])
    assert (found.memory_limit(), found.oom_kills(), found.memory_usage()) == (None, 2, 17)


def test_oom_kills_is_zero_when_the_cgroup_is_gone(unified_tree, unified) -> None:
    assert unified.oom_kills() == 3
    assert cgroups.find("/gone", "x", hierarchies=[unified_tree.hierarchy()]).oom_kills() == 0


def test_create_switches_controllers_on_when_v2_is_alone(unified_tree) -> None:
    (unified_tree.mount / "cgroup.subtree_control").write_text("cpuset cpu io memory hugetlb")
    unified_tree.cgroup("a/b")
    cgroups.find("/a/b", "x", hierarchies=[unified_tree.hierarchy()]).create()
    assert (unified_tree.mount / "cgroup.subtree_control").read_text().startswith("+pids\n")


def test_create_leaves_controllers_off_when_v1_is_beside_it(unified_tree, make_legacy_tree) -> None:
    (unified_tree.mount / "cgroup.subtree_control").write_text("")
    unified_tree.cgroup("a")
    cgroups.find("/a", "x", hierarchies=[make_legacy_tree("pids").hierarchy(), unified_tree.hierarchy()]).create()
    assert not (unified_tree.mount / "cgroup.subtree_control").read_text()


def test_write_says_why_when_a_controller_cannot_be_switched_on(unified_tree, monkeypatch) -> None:
    unified_tree.cgroup("a", cgroup__controllers="")
    (unified_tree.mount / "cgroup.subtree_control").write_text("")
    found = cgroups.find("/a", "x", hierarchies=[unified_tree.hierarchy()])
    busy = OSError(errno.EBUSY, "busy", "/p")

    def refuse(path, value):
        raise busy if value.startswith("+") else FileNotFoundError(errno.ENOENT, "none", path)

    monkeypatch.setattr("pyoci.cgroups.unified.write", refuse)
    with pytest.raises(OSError, match=r"controller pids cannot be enabled: .*busy"):
        found.write([("pids.max", "1")])


@pytest.mark.clause("linux.cgroup-ownership.files", "linux.cgroup-ownership.fallback")
def test_own_chowns_what_is_delegated_and_there(unified_tree, unified, monkeypatch, tmp_path) -> None:
    unified_tree.cgroup("a", cgroup__threads="", pids__max="")
    delegate = tmp_path / "delegate"
    delegate.write_text("cgroup.procs\ncgroup.threads\nmemory.oom.group\n")
    owned = []

    def chown(path, uid, gid):
        os.stat(path)
        owned.append((os.path.relpath(path, unified.unified.path), uid, gid))

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr("pyoci.cgroups.unified.DELEGATE", str(delegate))
    unified.own(1000)
    assert owned == [(".", 1000, -1), ("cgroup.procs", 1000, -1), ("cgroup.threads", 1000, -1)]
    owned.clear()
    delegate.unlink()
    unified.own(1000)
    assert [name for name, *_ in owned] == [".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]


@pytest.mark.clause("linux.cgroup-ownership.legacy")
def test_own_does_nothing_when_v1_is_there(unified_tree, make_legacy_tree, monkeypatch) -> None:
    monkeypatch.setattr(os, "chown", lambda *_: pytest.fail("chown"))
    cgroups.find("/a", "x", hierarchies=[make_legacy_tree("pids").hierarchy(), unified_tree.hierarchy()]).own(1)


def test_freeze_refuses_when_no_hierarchy_can(make_legacy_tree) -> None:
    found = cgroups.find("/a", "x", hierarchies=[make_legacy_tree("pids").hierarchy()])
    assert not found.is_frozen()
    for call in (found.freeze, found.thaw):
        with pytest.raises(Unsupported, match="cannot toggle freezer: cgroups not configured for container"):
            call()


def first_lines(tree, *names):
    """What was written last: unlike the kernel's, a plain file keeps what is longer."""
    return [(tree.mount / "a" / name).read_text().split("\n")[0] for name in names]


def test_write_tells_how_to_put_back_what_was_there_when_asked(unified_tree) -> None:
    unified_tree.cgroup("a", cpu__max="max 100000\n", memory__max="max\n", io__weight="default 100\n")
    found = cgroups.find("/a", "box", hierarchies=[unified_tree.hierarchy()])
    calls = []
    weight = ("io.bfq.weight|io.weight", "3|default 9")
    settings = [("cpu.max", "5 1000"), ("memory.max", "7"), weight, ("none.y?", "1")]

    found.write(settings, lambda function, *arguments: calls.append((function, arguments)))

    assert first_lines(unified_tree, "cpu.max", "memory.max", "io.weight") == ["5 1000", "7", "default 9"]
    for function, arguments in reversed(calls):
        function(*arguments)
    assert first_lines(unified_tree, "cpu.max", "memory.max", "io.weight") == ["max 100000", "max", "default 100"]


def test_write_says_nothing_of_a_file_that_cannot_be_read(unified_tree, monkeypatch) -> None:
    unified_tree.cgroup("a", memory__reclaim="")
    found = cgroups.find("/a", "box", hierarchies=[unified_tree.hierarchy()])
    monkeypatch.setattr("pyoci.cgroups.directory.read", lambda path: (_ for _ in ()).throw(OSError(errno.EINVAL, path)))
    calls = []

    found.write([("memory.reclaim", "5")], lambda *call: calls.append(call))

    assert not calls
    assert first_lines(unified_tree, "memory.reclaim") == ["5"]


def test_a_unified_cgroup_that_is_gone_has_nobody_to_kill(tmp_path, monkeypatch):
    def gone(*_arguments: object) -> None:
        raise OSError(errno.ENODEV, "no such device")

    directory = UnifiedDirectory((), str(tmp_path), f"{tmp_path}/group")
    monkeypatch.setattr(directory, "write", gone)

    directory.kill()
