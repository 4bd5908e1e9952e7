"""The whole life of a container for a user without any privilege, and in user namespaces where root has few."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.abilities import unified_mount
from tests.support.container import Container, leftovers
from tests.support.user import FIRST_SUBORDINATE_ID, UID, User
from tests.support.waiting import PATIENCE, wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "userns")  # root, to become somebody else

_CAPABILITIES = [f"CAP_{name}" for name in (
    "CHOWN", "DAC_OVERRIDE", "KILL", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_CHROOT",
    "AUDIT_WRITE", "NET_BIND_SERVICE",
)]  # fmt: skip


@pytest.fixture
def user(container: Container, place: Path) -> User:
    """Somebody whose files are the bundle's."""
    return User(container, place)


def mapping(container_id: int, host_id: int, size: int = 1) -> dict[str, int]:
    """An entry of uidMappings."""
    return {"containerID": container_id, "hostID": host_id, "size": size}


def map_ids(user: User, *entries: dict[str, int]) -> dict[str, Any]:
    """Give the container these ids, users and groups alike; its section ``linux``."""
    linux = user.container.bundle.linux
    linux["uidMappings"] = linux["gidMappings"] = list(entries)
    return linux


# Ids.


def test_is_root_inside_and_the_user_outside(user: User) -> None:
    assert user.output("id -u; awk '{print $1, $2, $3}' /proc/self/uid_map") == f"0\n0 {UID} 1"


@pytest.mark.differs("runc needs an id 0")
def test_is_the_user_inside_and_outside(user: User) -> None:
    map_ids(user, mapping(UID, UID))
    user.container.bundle.process["user"] = {"uid": UID, "gid": UID}

    assert user.output("id -u; touch /mine; stat -c %u:%g /mine") == f"{UID}\n{UID}:{UID}"


@pytest.mark.needs("newuidmap")
@pytest.mark.differs("runc gives a rootless container no groups, though setgroups(2) is allowed")
def test_has_subordinate_ids(user: User) -> None:
    map_ids(user, mapping(0, UID), mapping(1, FIRST_SUBORDINATE_ID, 65536))
    user.container.bundle.process["user"] = {"uid": 33, "gid": 34, "additionalGids": [5]}
    user.give_ids()

    assert user.output("id -u; id -G; touch /tmp/new; stat -c %u:%g /tmp/new") == "33\n34 5\n33:34"
    made = (user.container.bundle.rootfs / "tmp/new").stat()
    assert (made.st_uid, made.st_gid) == (FIRST_SUBORDINATE_ID + 32, FIRST_SUBORDINATE_ID + 33)


@pytest.mark.needs("newuidmap")
@pytest.mark.differs("the hint is ours")
def test_says_which_ids_a_user_may_map(user: User) -> None:
    map_ids(user, mapping(0, UID), mapping(1, 1, 10))
    user.give_ids()

    user.run().failed("newuidmap", "not allowed", "the ranges you may map are in /etc/subuid")


@pytest.mark.differs("the hint is ours")
def test_says_what_other_ids_need(user: User) -> None:
    map_ids(user, mapping(0, UID), mapping(1, FIRST_SUBORDINATE_ID, 10))
    user.environment["PATH"] = "/nonexistent"

    user.run().failed("cannot run newuidmap: no such file or directory", "install newuidmap (package uidmap)")


@pytest.mark.differs("the words are ours")
def test_has_no_groups_but_its_own(user: User) -> None:
    user.container.bundle.process["user"]["additionalGids"] = [0]

    user.run().failed("cannot set any additional groups in a rootless container")


@pytest.mark.differs("the words are ours")
def test_says_that_a_user_namespace_is_missing(user: User) -> None:
    user.container.bundle.without_namespace("user")
    del user.container.bundle.linux["uidMappings"], user.container.bundle.linux["gidMappings"]

    user.run().failed("a container needs a user namespace of its own")


# Its life.


def test_lives_a_whole_life(user: User) -> None:
    container = user.container
    container.bundle.args("sleep", "1000")
    user.run("--detach").ok()

    assert json.loads(user("state", container.id).ok().stdout)["status"] == "running"
    assert user("exec", container.id, "id", "-u").ok().stdout == "0\n"
    assert container.id in user("list", "--quiet").ok().stdout.split()
    user("kill", container.id, "KILL").ok()
    user("delete", "--force", container.id).ok()


def test_writes_into_its_own_root(user: User) -> None:
    user.output("echo mine >/mine")

    assert (user.container.bundle.rootfs / "mine").stat().st_uid == UID


def test_runs_what_spec_writes(user: User, place: Path) -> None:
    (place / "new").mkdir()
    (place / "new").chmod(0o777)

    user("spec", "--rootless", "--bundle", place / "new").ok()

    assert f'"hostID": {UID}' in (place / "new/config.json").read_text()


@pytest.mark.differs("about the directory of pyoci")
def test_is_remembered_in_the_directory_of_the_session(user: User, place: Path) -> None:
    user.container.bundle.args("true")
    user.run().ok()
    program, bundle = [*user.become(), user.container.runtime.path], str(user.container.bundle.path)

    subprocess.run([*program, "create", "--bundle", bundle, user.container.id], check=True)
    made = (place / "pyoci").stat()
    subprocess.run([*program, "delete", user.container.id], check=True)

    assert (made.st_uid, made.st_mode & 0o7777) == (UID, 0o1700)
    assert list((place / "pyoci").iterdir()) == []


@pytest.mark.differs("the hint is ours")
def test_says_where_a_user_may_have_containers_remembered(user: User) -> None:
    user.container.bundle.write()
    words = [user.container.runtime.path, "--root=/run/pyoci-not-ours", "run", "--bundle"]

    status, _, said = finish(user, [*words, str(user.container.bundle.path), user.container.id])

    assert status == 1
    assert "cannot make the state directory" in said
    assert "XDG_RUNTIME_DIR" in said


# Without cgroups.


@pytest.mark.varies("cgroup2")
@pytest.mark.differs("the hint is ours")
def test_is_refused_limits_that_it_asks_for(user: User) -> None:
    user.container.bundle.linux["resources"] = {"pids": {"limit": 5}}

    user.run().failed("cannot set pids limit: container could not join or create cgroup", "permission denied",
                      "--systemd-cgroup")  # fmt: skip


def test_is_refused_a_cgroup_that_it_asks_for(user: User) -> None:
    user.container.bundle.linux["cgroupsPath"] = f"/{user.container.id}/below"

    user.run().failed("permission denied")


@pytest.mark.differs("runc says nothing")
def test_has_it_logged_once_that_there_is_no_cgroup(user: User, place: Path) -> None:
    user.container.bundle.args("true")
    user.run(options=["--log", str(place / "log")]).ok()

    said = (place / "log").read_text()
    assert said.count("\n") == said.count("the container has no cgroup, so nothing is limited or counted") == 1


@pytest.mark.differs("runc's words are others")
def test_says_why_nothing_is_limited_or_counted(user: User) -> None:
    user.up()

    reason = "cannot set pids limit: container could not join or create cgroup"
    user("update", "--pids-limit", "5", user.container.id).failed(reason)
    user("events", "--stats", user.container.id).failed("has no cgroup: nothing is counted")
    user("pause", user.container.id).failed("cannot toggle freezer: cgroups not configured for container")


_BOUND_PROC = {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}


def share_pids(user: User) -> None:
    """Put the container into the host's pid namespace."""
    user.container.bundle.without_namespace("pid").config["mounts"][0] = _BOUND_PROC
    user.container.bundle.linux["maskedPaths"] = user.container.bundle.linux["readonlyPaths"] = []


@pytest.mark.parametrize("private", [True, False], ids=["pid namespace", "host's pids"])
@pytest.mark.differs("runc signals nobody but init")
def test_finds_its_processes_without_a_cgroup(user: User, private: bool) -> None:
    container = user.container
    if not private:
        share_pids(user)
    container.bundle.script("(sleep 1000 & sleep 1000 &); touch /ready; exec sleep 1000")
    user.run("--detach").ok()
    wait_for((container.bundle.rootfs / "ready").exists, "all run")

    assert len(json.loads(user("ps", "--format=json", container.id).ok().stdout)) == 3
    user("kill", "--all", container.id, "KILL").ok()

    container.wait_for_status("stopped")
    user("delete", container.id).ok()


def test_is_deleted_by_force_without_a_cgroup_or_a_pid_namespace(user: User) -> None:
    container = user.container
    share_pids(user)
    user.up()

    user("delete", "--force", container.id).ok()

    assert leftovers(container.runtime, container.id) == {}


# With a delegated cgroup of v2, and no systemd.


@pytest.fixture
def cgroup(user: User) -> Iterator[Path]:
    """A cgroup that is the user's, in which his commands begin."""
    path = unified_mount() / user.container.id
    control = path.parent / "cgroup.subtree_control"
    before = control.read_text()
    user.start_in(path)
    yield path
    user.container.remove()
    for found in [*sorted((found for found in path.rglob("*") if found.is_dir()), reverse=True), path]:
        found.rmdir()
    if "hugetlb" not in before and "hugetlb" in control.read_text():
        control.write_text("-hugetlb")


@pytest.mark.varies("cgroup2")
@pytest.mark.needs("cgroup2-mounted")
@pytest.mark.differs("runc wants to make it beside its own")
def test_stays_in_the_cgroup_delegated_to_it(user: User, cgroup: Path) -> None:
    container = user.up().container

    assert f"{cgroup.name}/{container.id}" in Path(f"/proc/{container.pid}/cgroup").read_text()
    user("exec", "--detach", container.id, "sleep", "1000").ok()
    assert len((cgroup / container.id / "cgroup.procs").read_text().split()) == 2
    user("pause", container.id).ok()
    assert container.status == "paused"
    user("resume", container.id).ok()
    assert container.status == "running"
    user("kill", "--all", container.id, "KILL").ok()
    container.wait_for_status("stopped")
    user("delete", container.id).ok()
    assert not (cgroup / container.id).exists()


@pytest.mark.varies("cgroup2")
@pytest.mark.needs("cgroup2-hugetlb")
@pytest.mark.differs("runc wants to make it beside its own")
def test_moves_its_callers_into_a_leaf_to_have_limits(user: User, cgroup: Path) -> None:
    size = "2MB"
    (cgroup.parent / "cgroup.subtree_control").write_text("+hugetlb")
    user.container.bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": size, "limit": 0}]}
    caller = subprocess.Popen([*user.become(), "sleep", "1000"])
    wait_for(lambda: str(caller.pid) in (cgroup / "cgroup.procs").read_text(), "the caller is there")

    user.up()

    assert (cgroup / user.container.id / f"hugetlb.{size}.max").read_text() == "0\n"
    assert (cgroup / "cgroup.procs").read_text() == ""
    assert str(caller.pid) in (cgroup / "pyoci.callers/cgroup.procs").read_text()
    caller.kill()
    caller.wait()


# In other user namespaces.


@pytest.mark.differs("runc needs a mount namespace of its own")
@pytest.mark.parametrize(
    "words",
    ["--user", "--user --mount", "--user --net", "--user --mount --pid --fork --mount-proc"],
)
def test_starts_for_root_of_a_user_namespace(user: User, words: str) -> None:
    user.inside = ["unshare", "--map-root-user", *words.split()]
    user.container.bundle.user_namespace(0, 0, 1)

    assert user.output("id -u; awk '{print $1, $2, $3}' /proc/self/uid_map").endswith("0 0 1")


@pytest.mark.parametrize("words", ["--user", "--user --mount"])
def test_does_without_a_user_namespace_in_one(user: User, words: str) -> None:
    user.inside = ["unshare", "--map-root-user", *words.split()]
    user.container.bundle.without_namespace("user")
    del user.container.bundle.linux["uidMappings"], user.container.bundle.linux["gidMappings"]

    assert user.output("awk '{print $1, $2, $3}' /proc/self/uid_map") == f"0 {UID} 1"


class Nest:
    """Bundles whose root is the host's, to run the runtime itself in a container."""

    def __init__(self, container: Container, place: Path) -> None:
        self.container, self.place = container, place
        self.program = container.runtime.path

    def bundle(self, name: str, *args: str, masked: bool = False, root: Path = Path("/")) -> Path:
        """A bundle that runs *args*."""
        bundle = self.container.bundle
        document = {**bundle.config, "root": {"path": str(root)}}
        sets = dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES)
        path = f"{Path(self.program).parent}:{os.environ['PATH']}"
        document["process"] = {**bundle.process, "args": args, "capabilities": sets, "env": [f"PATH={path}"]}
        if not masked:
            document["linux"] = {**bundle.linux, "maskedPaths": [], "readonlyPaths": []}
        (self.place / name).mkdir()
        (self.place / name / "config.json").write_text(json.dumps(document))
        return self.place / name

    def run(self, bundle: Path, number: int = 0) -> list[str]:
        """The words that run *bundle* in a container of its own."""
        root = self.place / f"state-of-{bundle.name}"
        return [self.program, "--root", str(root), "run", "--bundle", str(bundle), f"{self.container.id}-{number}"]


@pytest.fixture
def nest(user: User, place: Path) -> Nest:
    """Containers in containers."""
    return Nest(user.container, place)


def finish(user: User, words: list[str]) -> tuple[int, str, str]:
    """Run *words* as the user: status, output, errors."""
    done = subprocess.run([*user.become(), *words], capture_output=True, text=True, check=False, timeout=60 * PATIENCE)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.differs("about pyoci in pyoci")
def test_runs_in_itself_several_levels_deep(user: User, nest: Nest) -> None:
    words = ["awk", "{print $1, $2, $3}", "/proc/self/uid_map"]
    for level in range(3):
        user.container.bundle.user_namespace(*((UID, UID, 1) if level == 2 else (0, 0, 1)))
        words = nest.run(nest.bundle(f"level{level}", *words), level)

    assert finish(user, words) == (0, "0 0 1\n", "")


@pytest.mark.differs("the hint is ours")
def test_says_why_no_proc_can_be_mounted_in_a_container_that_hides_parts_of_it(user: User, nest: Nest) -> None:
    user.container.bundle.user_namespace(0, 0, 1)
    inner = nest.bundle("inner", "echo", "inside")
    user.container.bundle.user_namespace(UID, UID, 1)
    outer = nest.bundle("outer", *nest.run(inner), masked=True)

    status, _, said = finish(user, nest.run(outer, 1))

    assert (status, "the present one is fully visible" in said) == (1, True), said


@pytest.mark.differs("about pyoci in pyoci")
def test_binds_what_may_not_be_mounted_anew(user: User, nest: Nest) -> None:
    bundle = user.container.bundle.user_namespace(0, 0, 1).namespace("network")
    proc, bundle.config["mounts"][0] = bundle.config["mounts"][0], _BOUND_PROC
    bundle.config["mounts"][-1] = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}
    inner = nest.bundle("inner", "ls", "/sys", root=bundle.rootfs)
    bundle.config["mounts"][0] = proc
    bundle.config["mounts"][-1] = {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]}
    bundle.without_namespace("network").user_namespace(UID, UID, 1)
    outer = nest.bundle("outer", *nest.run(inner), masked=True)

    status, shown, said = finish(user, nest.run(outer, 1))

    assert (status, "kernel" in shown.split()) == (0, True), said


@pytest.mark.varies("cgroup2")
@pytest.mark.differs("about pyoci in pyoci")
def test_limits_containers_in_a_container_of_root(container: Container, place: Path) -> None:
    nest, bundle = Nest(container, place), container.bundle.namespace("cgroup").without_namespace("network")
    bundle.config["mounts"][-1]["options"].remove("ro")
    bundle.linux["resources"] = {"pids": {"limit": 7}, "devices": [{"allow": True, "access": "rwm"}]}
    inner = nest.bundle("inner", "sh", "-c", "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null")
    bundle.linux["resources"]["pids"] = {"limit": 70}
    outer = nest.bundle("outer", *nest.run(inner))

    done = subprocess.run(nest.run(outer, 1), capture_output=True, text=True, check=False, timeout=60 * PATIENCE)

    assert (done.stdout, done.stderr) == ("7\n", "")


# As a library.


@pytest.mark.differs("about pyoci's own library")
def test_is_a_library_for_users(user: User) -> None:
    container = user.container
    user.container.bundle.args("true")
    user.run().ok()
    container.bundle.args("sleep", "1000")
    container.bundle.write()
    text = """
import pyoci, sys
root, name, bundle = sys.argv[1:]
container = pyoci.create(root, name, bundle)
pyoci.start(root, name)
print(container.status, pyoci.pids(root, name) == [container.pid], flush=True)
print(pyoci.execute(root, name, pyoci.new_process(root, name, ["sh", "-c", "id -u; exit 3"])))
try:
    pyoci.pause(root, name)
except pyoci.PyociError as error:
    print(type(error).__name__)
pyoci.kill(root, name, 9)
print(pyoci.wait(root, name))
pyoci.delete(root, name)
"""
    python = Path(container.runtime.path).resolve().parent / "python3"
    given = [str(container.runtime.root), container.id, str(container.bundle.path)]

    said = finish(user, [str(python), "-c", text, *given])

    assert said == (0, "running True\n0\n3\nUnsupported\n137\n", "")
