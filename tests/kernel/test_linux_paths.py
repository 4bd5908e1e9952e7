"""maskedPaths, readonlyPaths and rootfsPropagation, looked at from inside."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from pyoci.config.linux import masked_paths, readonly_paths, rootfs_propagation
from pyoci.syscalls import mount
from tests.support.fake_init import fake_init


def _new_root() -> int:
    """A root filesystem of our own, mounted on /tmp of this mount namespace."""
    fd = mount.new_filesystem("tmpfs", "tmpfs", [("mode", "755")])
    mount.attach(fd, os.open("/tmp", os.O_PATH))
    for name in ("dev", "secrets", "more", "more/below"):
        os.mkdir(name, dir_fd=fd)
    for name in ("secret", "secrets/key", "more/below/key"):
        _write(fd, name, b"hidden")
    os.mknod("dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3), dir_fd=fd)
    return fd


def _write(root: int, path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=root)
    os.write(fd, data)
    os.close(fd)


def _read(root: int, path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY, dir_fd=root)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


def _reached(root: int, path: str, flags: int = os.O_PATH) -> int:
    """A descriptor of *path* as of now, with what has been mounted there."""
    return os.open(path, flags, dir_fd=root)


def _errno_of_writing(root: int, path: str) -> int | None:
    try:
        _write(root, path, b"x")
    except OSError as error:
        return error.errno
    return None


def _mounts() -> list[list[str]]:
    with open("/proc/self/mountinfo") as file:
        return [line.split() for line in file]


def test_hide_covers_files_and_directories(in_child):
    def look():
        root = _new_root()
        before = len(_mounts())
        masked = ["/secret", "/secrets", "/more", "/nowhere", "/secret/below a file", "/more/below"]
        init = fake_init({"maskedPaths": masked}, root=root)
        masked_paths.prepare(init)
        masked_paths.hide(init)
        null = os.stat(_reached(root, "secret"))
        places = [_reached(root, name) for name in ("secrets", "more")]
        lists = [os.listdir(_reached(root, name, os.O_RDONLY)) for name in ("secrets", "more")]
        same = len({os.fstat(place).st_dev for place in places})
        refused = _errno_of_writing(root, "secrets/x")
        return null.st_rdev, _read(root, "secret"), lists, same, refused, len(_mounts()) - before

    assert in_child(look) == (os.makedev(1, 3), b"", [[], []], 1, errno.EROFS, 3)


def test_hide_follows_links_inside_the_root_only(in_child):
    def look():
        root = _new_root()
        os.symlink("/secrets/../../../secrets", "link", dir_fd=root)
        os.symlink("/proc", "out", dir_fd=root)
        masked_paths.hide(fake_init({"maskedPaths": ["/link/key", "/out/version"]}, root=root))
        return _read(root, "secrets/key"), len(_read_host("/proc/version")) > 0

    assert in_child(look) == (b"", True)


def _read_host(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("node", ["a link", "another device", "a file", "a directory", "missing"])
def test_hide_trusts_no_other_dev_null(node, in_child):
    def look():
        root = _new_root()
        os.unlink("dev/null", dir_fd=root)
        if node == "a link":
            os.symlink("/secrets/key", "dev/null", dir_fd=root)
        elif node == "another device":
            os.mknod("dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 5), dir_fd=root)
        elif node == "a file":
            _write(root, "dev/null", b"bait")
        elif node == "a directory":
            os.mkdir("dev/null", dir_fd=root)
        masked_paths.hide(fake_init({"maskedPaths": ["/secret"]}, root=root))
        found = os.stat(_reached(root, "secret"))
        return stat.S_ISREG(found.st_mode), _read(root, "secret"), _errno_of_writing(root, "secret")

    assert in_child(look) == (True, b"", errno.EROFS)


def test_remount_makes_paths_readonly(in_child):
    def look():
        root = _new_root()
        below = mount.new_filesystem("tmpfs", "tmpfs")
        mount.attach(below, _reached(root, "more/below"))
        readonly_paths.remount(fake_init({"readonlyPaths": ["/more", "/secret", "/nowhere"]}, root=root))
        paths = ("more/x", "secret", "more/below/x", "secrets/key")
        return [_errno_of_writing(root, path) for path in paths], _read(root, "secret")

    assert in_child(look) == ([errno.EROFS, errno.EROFS, None, None], b"hidden")


def test_remount_keeps_other_flags(in_child):
    def look():
        root = _new_root()
        below = mount.new_filesystem("tmpfs", "tmpfs", [], mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NOEXEC)
        mount.attach(below, _reached(root, "more"))
        readonly_paths.remount(fake_init({"readonlyPaths": ["/more"]}, root=root))
        return [fields[5] for fields in _mounts() if fields[4] == "/tmp/more"]

    assert in_child(look) == ["rw,nosuid,noexec,relatime", "ro,nosuid,noexec,relatime"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("shared", ["shared", ""], id="shared: the root alone"),
        pytest.param("rshared", ["shared", "shared"], id="rshared: all"),
        pytest.param("private", ["", ""], id="private"),
        pytest.param("unbindable", ["unbindable", ""], id="unbindable: the root alone"),
    ],
)
def test_apply_changes_the_root_mount(value, expected, in_child):
    def look():
        root = _new_root()
        mount.attach(mount.new_filesystem("tmpfs", "tmpfs"), _reached(root, "more"))
        rootfs_propagation.apply(fake_init({"rootfsPropagation": value}, root=root))
        found = {fields[4]: fields[6].split(":")[0].replace("-", "") for fields in _mounts()}
        return [found["/tmp"], found["/tmp/more"]]

    assert in_child(look) == expected
