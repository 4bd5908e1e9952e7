"""devices and the default devices, looked at with stat."""

from __future__ import annotations

import os
import stat

import pytest

from pyoci.config.linux import default_devices, devices, id_mappings
from pyoci.config.linux.id_mappings import IdMapping
from pyoci.syscalls import mount, namespaces
from tests.support.fake_init import fake_init

BIND = ({"destination": "/dev", "type": "bind", "source": "/dev"},)


def _new_root() -> int:
    fd = mount.new_filesystem("tmpfs", "tmpfs", [("mode", "755")])
    mount.attach(fd, os.open("/tmp", os.O_PATH))
    return fd


def _node(root: int, path: str) -> tuple[str, int, int, int, int]:
    found = os.stat(path, dir_fd=root, follow_symlinks=False)
    return (
        stat.filemode(found.st_mode), os.major(found.st_rdev), os.minor(found.st_rdev), found.st_uid, found.st_gid
    )  # fmt: skip


def test_create_makes_the_default_devices_whatever_the_umask(in_child):
    def look():
        root = _new_root()
        os.umask(0o077)
        default_devices.create(fake_init(root=root))
        return [_node(root, f"dev/{name}") for name in ("null", "zero", "full", "random", "urandom", "tty")]

    numbers = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0)]
    assert in_child(look) == [("crw-rw-rw-", *number, 0, 0) for number in numbers]


def test_create_makes_each_kind_with_mode_and_owner(in_child):
    def look():
        root = _new_root()
        os.umask(0o022)
        listed = [
            {"type": "b", "path": "/dev/disk", "major": 7, "minor": 300, "fileMode": 0o660, "uid": 1, "gid": 2},
            {"type": "u", "path": "/var/lib/x", "major": 1, "minor": 5},
            {"type": "p", "path": "/run/pipe", "fileMode": 0o602, "uid": 3},
            {"type": "c", "path": "/dev/null", "major": 1, "minor": 3, "fileMode": 0o600},
        ]
        init = fake_init({"devices": listed}, root=root)
        devices.create(init)
        default_devices.create(init)
        return [_node(root, path) for path in ("dev/disk", "var/lib/x", "run/pipe", "dev/null")]

    assert in_child(look) == [
        ("brw-rw----", 7, 300, 1, 2),
        ("crw-rw-rw-", 1, 5, 0, 0),
        ("prw-----w-", 0, 0, 3, 0),
        ("crw-------", 1, 3, 0, 0),
    ]


def test_create_leaves_a_matching_device_as_it_is(in_child):
    def look():
        root = _new_root()
        os.mkdir("dev", dir_fd=root)
        os.mknod("dev/tty", stat.S_IFCHR | 0o640, os.makedev(5, 0), dir_fd=root)
        default_devices.create(fake_init(root=root))
        return _node(root, "dev/tty")

    assert in_child(look) == ("crw-r-----", 5, 0, 0, 0)


@pytest.mark.parametrize("there", ["a file", "another device", "a directory", "a link"])
def test_create_refuses_what_is_no_such_device(there, in_child):
    def look():
        root = _new_root()
        os.mkdir("dev", dir_fd=root)
        if there == "a file":
            os.mknod("dev/null", dir_fd=root)
        elif there == "another device":
            os.mknod("dev/null", stat.S_IFCHR, os.makedev(1, 5), dir_fd=root)
        elif there == "a directory":
            os.mkdir("dev/null", dir_fd=root)
        else:
            os.symlink("/dev/zero", "dev/null", dir_fd=root)
        default_devices.create(fake_init(root=root))

    with pytest.raises(FileExistsError, match=r"something else is there: .*, wanted is c 1:3: '/dev/null'"):
        in_child(look)


def test_create_stays_inside_when_dev_is_a_link_to_the_host(in_child, tmp_path):
    canary = tmp_path / "canary"
    canary.mkdir()

    def look():
        mount.attach(root := mount.new_filesystem("tmpfs", "tmpfs"), os.open("/mnt", os.O_PATH))
        os.symlink(str(canary), "dev", dir_fd=root)
        init = fake_init({"devices": [{"type": "p", "path": "/dev/pipe"}]}, root=root)
        devices.create(init)
        default_devices.create(init)
        default_devices.link(init)
        return sorted(os.listdir(os.open(str(canary)[1:], os.O_RDONLY, dir_fd=root)))

    assert {"null", "ptmx", "pipe"} < set(in_child(look))
    assert list(canary.iterdir()) == []


def test_link_makes_the_links(in_child):
    def look():
        root = _new_root()
        os.mkdir("dev", dir_fd=root)
        os.mknod("dev/ptmx", stat.S_IFCHR, os.makedev(5, 2), dir_fd=root)
        os.symlink("own", "dev/stdin", dir_fd=root)
        default_devices.link(fake_init(root=root))
        default_devices.link(fake_init(root=root))
        return {name: os.readlink(f"dev/{name}", dir_fd=root) for name in os.listdir(os.open("/tmp/dev", os.O_RDONLY))}

    assert in_child(look) == {
        "ptmx": "pts/ptmx", "stdin": "own", "fd": "/proc/self/fd", "stdout": "/proc/self/fd/1",
        "stderr": "/proc/self/fd/2",
    }  # fmt: skip


def test_link_makes_core_when_the_container_has_kcore(in_child):
    def look():
        root = _new_root()
        os.mkdir("proc", dir_fd=root)
        os.mknod("proc/kcore", dir_fd=root)
        default_devices.link(fake_init(root=root))
        return os.readlink("dev/core", dir_fd=root)

    assert in_child(look) == "/proc/kcore"


def test_nothing_is_made_in_a_dev_of_elsewhere(in_child):
    def look():
        root = _new_root()
        listed = [{"type": "p", "path": "/dev/pipe"}, {"type": "p", "path": "/run/pipe"}]
        init = fake_init({"devices": listed}, mounts=BIND, root=root)
        for step in (devices.create, default_devices.create, default_devices.link):
            step(init)
        return sorted(os.listdir("/tmp")), os.listdir("/tmp/run")

    assert in_child(look) == (["run"], ["pipe"])


def _enter_user_namespace() -> None:
    everything = [IdMapping(container_id=0, host_id=100000, size=65536)]
    namespaces.setns(id_mappings.open_namespace(everything, everything), namespaces.CLONE_NEWUSER)
    id_mappings.become_root(fake_init(private=frozenset({"user"})))
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mount.mount(None, "/", None, mount.MS_REC | mount.MS_PRIVATE)


@pytest.mark.parametrize("announced", [True, False])
def test_create_binds_the_hosts_nodes_in_a_user_namespace(announced, in_child):
    def look():
        _enter_user_namespace()
        root = _new_root()
        os.mkdir("dev", dir_fd=root)
        if announced:
            os.mknod("dev/zero", 0o600, dir_fd=root)
        listed = [{"type": "c", "path": "/dev/other", "major": 1, "minor": 3}, {"type": "p", "path": "/dev/pipe"}]
        init = fake_init({"devices": listed}, root=root, private=frozenset(("user",) if announced else ()))
        devices.create(init)
        default_devices.create(init)
        os.write(os.open("/tmp/dev/other", os.O_WRONLY), b"x")
        zeros = os.read(os.open("/tmp/dev/zero", os.O_RDONLY), 2)
        return [_node(root, f"dev/{name}")[:3] for name in ("other", "zero", "pipe")], zeros

    nodes = [("crw-rw-rw-", 1, 3), ("crw-rw-rw-", 1, 5), ("prw-rw-rw-", 0, 0)]
    assert in_child(look, 0) == (nodes, b"\0\0")


def test_create_says_so_when_the_host_lacks_the_node(in_child):
    def look():
        _enter_user_namespace()
        listed = [{"type": "c", "path": "/dev/null", "major": 4000, "minor": 3}]
        devices.create(fake_init({"devices": listed}, root=_new_root(), private=frozenset(("user",))))

    with pytest.raises(OSError, match="the host has no node c 4000:3 to bind"):
        in_child(look, 0)
