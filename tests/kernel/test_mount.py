from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyoci.syscalls import files, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]


def _options(path: str) -> str:
    """The mount options of the mount point *path*, from /proc/self/mountinfo; the last mounted counts."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [fields[5] for fields in lines if fields[4] == path][-1]


@pytest.mark.parametrize(
    ("flags", "prefix", "text"),
    [
        pytest.param(0, "MS_", "0", id="none"),
        pytest.param(mount.MS_BIND | mount.MS_REC, "MS_", "MS_BIND|MS_REC", id="two"),
        pytest.param(1 << 30, "MS_", "0", id="unknown"),
        pytest.param(mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_IDMAP, "MOUNT_ATTR_",
                     "MOUNT_ATTR_RDONLY|MOUNT_ATTR_IDMAP", id="attributes"),
    ],
)  # fmt: skip
def test_flag_names_are_the_headers_when_printed(flags: int, prefix: str, text: str) -> None:
    assert mount.flag_names(flags, prefix) == text


def test_mount_says_what_was_asked_when_it_fails() -> None:
    with pytest.raises(OSError, match="type tmpfs, source none, flags MS_NOSUID, data size=1m") as caught:
        mount.mount("none", "/nonexistent", "tmpfs", mount.MS_NOSUID, "size=1m")

    assert caught.value.filename == "/nonexistent"
    assert caught.value.__notes__ == ["mount(2)"]


def test_mount_and_umount2_change_the_tree_when_in_a_namespace(in_child: InChild, tmp_path: Path) -> None:
    def child() -> list[str]:
        mount.mount("tmpfs", str(tmp_path), "tmpfs", mount.MS_NOEXEC, "mode=700")
        seen = [_options(str(tmp_path))]
        mount.mount(None, str(tmp_path), None, mount.MS_BIND | mount.MS_REMOUNT | mount.MS_RDONLY)
        seen.append(_options(str(tmp_path)))
        mount.umount2(str(tmp_path), mount.MNT_DETACH)
        return [*seen, str(os.path.ismount(tmp_path))]

    assert in_child(child) == ["rw,noexec,relatime", "ro,relatime", "False"]


def test_new_filesystem_carries_the_kernels_words_when_an_option_is_wrong(in_child: InChild) -> None:
    def child() -> None:
        mount.new_filesystem("tmpfs", "tmpfs", [("size", "1m"), ("x", "1")])

    with pytest.raises(OSError, match="tmpfs: Unknown parameter 'x'") as caught:
        in_child(child)

    assert (caught.value.errno, caught.value.__notes__[0]) == (errno.EINVAL, "fsconfig(2)")


@pytest.mark.parametrize(
    ("fstype", "options", "number", "words"),
    [
        pytest.param("no-such-fs", [], errno.ENODEV, "No such device", id="unknown type"),
        pytest.param("tmpfs", [("size", "abc")], errno.EINVAL, "Bad value for 'size'", id="bad value"),
        pytest.param("tmpfs", [("mode", None)], errno.EINVAL, "mode", id="flag for a value"),
        pytest.param("tmpfs", [("k", "v" * 256)], errno.EINVAL, "option k", id="longer than the kernel takes"),
        pytest.param("overlay", [], errno.EINVAL, "Invalid argument: overlay", id="refused without a word"),
    ],
)
def test_new_filesystem_leaves_nothing_open_when_it_fails(
    in_child: InChild, fstype: str, options: list[tuple[str, str | None]], number: int, words: str
) -> None:
    def child() -> tuple[int | None, str, bool]:
        before = os.listdir("/proc/self/fd")
        try:
            mount.new_filesystem(fstype, None, options)
        except OSError as failure:
            return failure.errno, str(failure), os.listdir("/proc/self/fd") == before
        raise AssertionError

    got, text, clean = in_child(child)
    assert (got, clean) == (number, True)
    assert words in text


def test_new_filesystem_takes_flags_and_values_when_attached(in_child: InChild, tmp_path: Path) -> None:
    def child() -> tuple[str, bool]:
        target = os.open(tmp_path, os.O_PATH)
        attributes = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV
        fd = mount.new_filesystem("tmpfs", "x", [("ro", None), ("size", "64k")], attributes)
        mount.attach(fd, target)
        return _options(str(tmp_path)), os.get_inheritable(fd)

    assert in_child(child) == ("rw,nosuid,nodev,relatime", False)  # ro is the superblock's


def test_attach_hits_the_directory_when_its_path_is_swapped(in_child: InChild, tmp_path: Path) -> None:
    def child() -> list[str]:
        (tmp_path / "a").mkdir()
        (tmp_path / "host").mkdir()
        target = os.open(tmp_path / "a", os.O_PATH)
        (tmp_path / "a").rename(tmp_path / "moved")
        (tmp_path / "a").symlink_to("host")
        mount.attach(mount.new_filesystem("tmpfs", "tmpfs"), target)
        return [name for name in ("a", "host", "moved") if os.path.ismount(tmp_path / name)]

    assert in_child(child) == ["moved"]


@pytest.mark.parametrize(("recursive", "expected"), [pytest.param(False, [], id="one"),
                                                     pytest.param(True, ["x"], id="recursive")])  # fmt: skip
def test_clone_takes_the_mounts_below_when_recursive(
    in_child: InChild, tmp_path: Path, recursive: bool, expected: list[str]
) -> None:
    def child() -> list[str]:
        mount.mount("tmpfs", str(tmp_path), "tmpfs")
        (tmp_path / "sub").mkdir()
        mount.mount("tmpfs", str(tmp_path / "sub"), "tmpfs")
        (tmp_path / "sub/x").touch()
        directory = os.open(tmp_path, os.O_PATH)
        copies = [mount.clone(mount.AT_FDCWD, str(tmp_path), recursive=recursive),
                  mount.clone(directory, "", recursive=recursive)]  # fmt: skip
        first, second = (os.listdir(os.open("sub", os.O_RDONLY, dir_fd=copy)) for copy in copies)
        assert first == second
        return first

    assert in_child(child) == expected


def test_mount_setattr_reaches_the_mounts_below_when_recursive(in_child: InChild, tmp_path: Path) -> None:
    def child() -> list[str]:
        mount.mount("tmpfs", str(tmp_path), "tmpfs")
        (tmp_path / "sub").mkdir()
        mount.mount("tmpfs", str(tmp_path / "sub"), "tmpfs", mount.MS_NOEXEC)
        fd = os.open(tmp_path, os.O_PATH)
        mount.mount_setattr(
            fd, "", mount.AT_EMPTY_PATH | mount.AT_RECURSIVE, attr_set=mount.MOUNT_ATTR_RDONLY,
            attr_clr=mount.MOUNT_ATTR_NOEXEC, propagation=mount.MS_PRIVATE,
        )  # fmt: skip
        return [_options(str(tmp_path)), _options(str(tmp_path / "sub"))]

    assert in_child(child) == ["ro,relatime", "ro,relatime"]


def test_mount_setattr_names_the_call_when_it_fails(tmpfs: int) -> None:
    with pytest.raises(OSError, match="Invalid argument") as caught:
        mount.mount_setattr(tmpfs, "", mount.AT_EMPTY_PATH, attr_set=1 << 40)

    assert caught.value.__notes__ == ["mount_setattr(2)"]


def test_pivot_root_swaps_the_root_when_both_are_dots(in_child: InChild, tmp_path: Path) -> None:
    def child() -> list[str]:
        mount.mount("tmpfs", str(tmp_path), "tmpfs")
        (tmp_path / "only").touch()
        os.chdir(tmp_path)
        mount.pivot_root(".", ".")
        mount.umount2(".", mount.MNT_DETACH)
        os.chdir("/")
        return os.listdir("/")

    assert in_child(child) == ["only"]


def test_tmpfs_paths_stay_inside_when_the_root_is_a_detached_mount(tmpfs: int) -> None:
    os.close(files.make_directory(tmpfs, "a/../../b"))

    assert sorted(os.listdir(os.open(".", os.O_RDONLY, dir_fd=tmpfs))) == ["a", "b"]
