"""linux.namespaces."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.bundle import Bundle
from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_TYPES = {
    "pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "user": "user",
    "time": "time",
}  # fmt: skip
_LOOK = "".join(f"readlink /proc/self/ns/{kind};" for kind in _TYPES.values())


def own(kind: str) -> str:
    """What the test's own namespace of *kind* is called."""
    return os.readlink(f"/proc/self/ns/{_TYPES[kind]}")


def seen(container: Container) -> dict[str, str]:
    """What the namespaces of the program are called, by type."""
    return dict(zip(_TYPES, container.output(_LOOK).split(), strict=True))


def only(bundle: Bundle, *kinds: str) -> Bundle:
    """Leave nothing in *bundle* but new namespaces of these *kinds*, and what they allow."""
    bundle.linux["namespaces"] = [{"type": kind} for kind in kinds]
    bundle.config.pop("hostname", None)
    if "network" not in kinds:
        bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["type"] != "sysfs"]
    return bundle


@pytest.mark.clause("linux.namespaces.new", "linux.namespaces.types", "linux.namespaces.inherited")
def test_are_new_where_listed_and_the_hosts_where_not(container: Container) -> None:
    container.bundle.namespace("cgroup")

    found = seen(container)

    assert {kind for kind in _TYPES if found[kind] != own(kind)} == set(_TYPES) - {"user", "time"}


@pytest.mark.clause("linux.namespaces.inherited")
def test_are_the_hosts_but_for_the_mounts(container: Container) -> None:
    only(container.bundle, "mount")

    found = seen(container)

    assert {kind for kind in _TYPES if found[kind] != own(kind)} == {"mount"}


@pytest.mark.clause("linux.namespaces.new", "linux.namespaces.user-first")
@pytest.mark.needs("userns", "timens")
@pytest.mark.differs("runc knows time since 1.2")
def test_may_be_new_all_at_once(container: Container) -> None:
    container.bundle.user_namespace().namespace("cgroup").namespace("time")

    found = seen(container)

    assert {kind for kind in _TYPES if found[kind] != own(kind)} == set(_TYPES)


@pytest.mark.clause("linux.namespaces.user-first")
@pytest.mark.needs("userns")
def test_belong_to_the_new_user_namespace(container: Container) -> None:
    """Only then may root of the user namespace configure them."""
    container.bundle.user_namespace()
    for kind in ("bounding", "permitted", "effective"):
        container.bundle.process["capabilities"][kind] += ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]

    assert container.output("ip link set lo mtu 1500 && hostname renamed && hostname") == "renamed"


@pytest.mark.clause("linux.namespaces.path")
@pytest.mark.parametrize(
    "user",
    [False, pytest.param(True, marks=[pytest.mark.needs("userns"), pytest.mark.differs("runc 1.1 wants mappings")])],
    ids=["host", "user"],
)
def test_are_joined_by_path(new_container: Callable[[], Container], user: bool) -> None:
    """As the containers of a pod join those of its first one."""
    first, second = new_container(), new_container()
    kinds = ["pid", "network", "ipc", "uts"]
    if user:
        first.bundle.user_namespace()
        kinds.append("user")
    pid = first.up().pid
    for kind in kinds:
        second.bundle.namespace(kind, f"/proc/{pid}/ns/{_TYPES[kind]}")
    second.bundle.config.pop("hostname")
    if user:
        second.bundle.linux.pop("uidMappings")
        second.bundle.linux.pop("gidMappings")

    found = seen(second)

    for kind in kinds:
        assert found[kind] == os.readlink(f"/proc/{pid}/ns/{_TYPES[kind]}"), kind
    assert found["mount"] not in {own("mount"), os.readlink(f"/proc/{pid}/ns/mnt")}


@pytest.mark.clause("linux.id-mappings.joined")
@pytest.mark.needs("userns")
@pytest.mark.differs("runc refuses it before 1.2")
def test_mappings_beside_a_joined_user_namespace_are_not_written(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.bundle.user_namespace()
    pid = first.up().pid
    second.bundle.namespace("user", f"/proc/{pid}/ns/user")

    assert second.output("cat /proc/self/uid_map").split() == ["0", "100000", "65536"]


@pytest.mark.needs("userns")
@pytest.mark.differs("runc 1.1 wants mappings")
def test_source_of_a_mount_is_the_runtimes_to_open_when_the_user_namespace_is_joined(
    new_container: Callable[[], Container], place: Path
) -> None:
    """As the hostname podman keeps for a container, in a directory of root's alone."""
    first, second = new_container(), new_container()
    first.bundle.user_namespace()
    pid = first.up().pid
    (closed := place / "closed").mkdir(mode=0o700)
    (closed / "word").write_text("found\n")
    (second.bundle.rootfs / "word").touch()
    second.bundle.namespace("user", f"/proc/{pid}/ns/user").mount("/word", "bind", str(closed / "word"), "rbind", "ro")

    assert second.output("cat /word; echo x > /dev/null && stat -c %t:%T /dev/null") == "found\n1:3"


@pytest.mark.clause("linux.namespaces.path")
@pytest.mark.needs("timens")
@pytest.mark.differs("runc knows time since 1.2")
def test_time_and_cgroup_are_joined_by_path(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.bundle.namespace("time").namespace("cgroup").linux["timeOffsets"] = {"monotonic": {"secs": 5000}}
    pid = first.up().pid
    second.bundle.namespace("time", f"/proc/{pid}/ns/time").namespace("cgroup", f"/proc/{pid}/ns/cgroup")
    second.bundle.linux.pop("timeOffsets")

    found = seen(second)

    assert [found[kind] for kind in ("time", "cgroup")] == [
        os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("time", "cgroup")
    ]


@pytest.mark.clause("linux.namespaces.path")
@pytest.mark.differs("runc joins a mount namespace to pivot its root")
def test_the_runtimes_own_may_be_given(container: Container) -> None:
    container.bundle.namespace("network", "/proc/self/ns/net").namespace("ipc", f"/proc/{os.getpid()}/ns/ipc")
    container.bundle.config["mounts"] = [e for e in container.bundle.config["mounts"] if e["type"] != "sysfs"]

    found = seen(container)

    assert (found["network"], found["ipc"]) == (own("network"), own("ipc"))


@pytest.mark.clause("linux.namespaces.path.type")
@pytest.mark.differs("runc says no more than the kernel does")
@pytest.mark.parametrize(
    ("kind", "path", "text"),
    [
        ("ipc", "/proc/self/ns/uts", "is a uts namespace"),
        ("network", "/proc/self/ns/user", "is a user namespace"),
        ("uts", "/etc/passwd", "is no namespace"),
        ("uts", "/dev/null", "is no namespace"),
        ("network", "/", "is no namespace"),
        ("network", "/no/such", "no such file or directory"),
    ],
)
def test_of_another_type_is_an_error(container: Container, kind: str, path: str, text: str) -> None:
    container.bundle.namespace(kind, path).config.pop("hostname")

    container.create().failed(text)


@pytest.mark.clause("linux.namespaces.path.type")
@pytest.mark.differs("runc waits for a writer")
def test_a_fifo_for_a_path_does_not_stop_the_runtime(container: Container, place: Path) -> None:
    os.mkfifo(place / "fifo")
    container.bundle.namespace("network", str(place / "fifo"))

    container.create(timeout=10).failed()


@pytest.mark.clause("linux.namespaces.path.absolute")
@pytest.mark.differs("runc takes it from its working directory")
@pytest.mark.parametrize("path", ["self/ns/net", "../proc/self/ns/net"])
def test_path_is_absolute(container: Container, path: str) -> None:
    container.bundle.namespace("network", path)

    container.create().failed("is not an absolute path")


@pytest.mark.clause("linux.namespaces.types")
@pytest.mark.parametrize("kind", ["net", "mnt", "PID", "", "none"])
def test_unknown_type_is_an_error(container: Container, kind: str) -> None:
    container.bundle.linux["namespaces"].append({"type": kind})

    container.create().failed(kind, "does not exist")


@pytest.mark.clause("linux.namespaces.duplicate")
def test_type_given_twice_is_an_error(container: Container) -> None:
    container.bundle.linux["namespaces"].append({"type": "uts", "path": "/proc/self/ns/uts"})

    container.create().failed("uts")


_CALLER = """
mount --make-rshared / || exit 9
sort /proc/self/mountinfo > before
"$@"; code=$?
sort /proc/self/mountinfo | diff before - >&2
readlink /proc/self/ns/mnt
exit $code
"""


def without_own_mounts(container: Container, path: str) -> list[str]:
    """Give *container* its caller's mount namespace. What to call it with: should it fail, the test's own is safe.

    The caller's mounts are shared among all that would receive one; it says on stderr which are new.
    """
    container.bundle.without_namespace("mount")
    if path:
        container.bundle.namespace("mount", path)
    return ["unshare", "--mount", "sh", "-c", _CALLER, "-"]


@pytest.mark.clause("linux.namespaces.inherited")
@pytest.mark.needs("detached-trees")
@pytest.mark.differs("runc mounts on the host, and leaves it there")
@pytest.mark.parametrize("path", ["", "/proc/self/ns/mnt"], ids=["not listed", "by path"])
def test_mounts_may_be_the_callers_and_nothing_is_mounted_there(container: Container, place: Path, path: str) -> None:
    prefix = without_own_mounts(container, path)
    container.bundle.mount("/place", "bind", "/usr", "rbind", "ro").mount("/sys/fs/cgroup", "tmpfs", "tmpfs")
    container.bundle.script(
        "readlink /proc/self/ns/mnt; stat -c %i / /..; ls /sys/fs/cgroup; test -e /place/lib && echo bound;"
        "touch /place/x /proc/sys/x 2>/dev/null || echo read-only; stat -c %t:%T /proc/keys"
    )

    result = container.run(prefix=prefix, cwd=place).ok()

    root = str(container.bundle.rootfs.stat().st_ino)
    *inside, caller = result.stdout.split()
    assert inside == [caller, root, root, "bound", "read-only", "1:3"]
    assert result.stderr == ""


@pytest.mark.clause("linux.namespaces.inherited")
@pytest.mark.needs("detached-trees")
@pytest.mark.differs("runc enters the host's root")
def test_exec_enters_the_root_of_a_container_with_its_callers_mounts(container: Container, place: Path) -> None:
    container.up(prefix=without_own_mounts(container, ""), cwd=place)
    (container.bundle.rootfs / "here").write_text("the container's")

    for prefix in [], ["nsenter", f"--mount=/proc/{container.pid}/ns/mnt"]:
        assert container.exec("cat", "/here", prefix=prefix).ok().output == "the container's"
        assert "sleep 1000" in container.exec("ps", prefix=prefix).ok().stdout


@pytest.mark.clause("linux.namespaces.inherited")
@pytest.mark.differs("runc has other words")
def test_mounts_are_not_the_callers_in_a_user_namespace(container: Container, place: Path) -> None:
    container.bundle.user_namespace()
    prefix = without_own_mounts(container, "")

    container.create(prefix=prefix, cwd=place).failed("a user namespace needs a mount namespace of its own")


@pytest.mark.clause("linux.namespaces.new")
@pytest.mark.needs("userns")
def test_are_made_by_an_unprivileged_user(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.script(_LOOK)

    found = dict(zip(_TYPES, container.run(**as_user).ok().stdout.split(), strict=True))

    assert {kind for kind in _TYPES if found[kind] != own(kind)} == {"pid", "ipc", "uts", "mount", "user"}


@pytest.mark.clause("linux.namespaces.new")
@pytest.mark.needs("userns")
@pytest.mark.differs("runc knows the user's cgroups otherwise")
def test_are_made_by_root_of_a_user_namespace(container: Container) -> None:
    container.bundle.without_namespace("network").linux.pop("resources")
    container.bundle.config["mounts"] = [
        {**entry, "options": [option for option in entry["options"] if not option.startswith("gid=")]}
        for entry in container.bundle.config["mounts"]
        if entry["type"] not in ("sysfs", "cgroup")
    ]
    container.bundle.script(_LOOK + "id -u")

    result = container.run(prefix=["unshare", "--user", "--map-root-user"])

    assert result.ok().stdout.split()[-1] == "0"
