from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from pyoci.syscalls import call, files


def _where(fd: int) -> str:
    """The path *fd* is open on; closes it."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("links", "path", "expected"),
    [
        pytest.param({}, "", "", id="nothing"),
        pytest.param({}, "/", "", id="slash"),
        pytest.param({}, "../../..", "", id="dots above the root"),
        pytest.param({}, "//a///./b/", "a/b", id="slashes and dots"),
        pytest.param({}, "a/../../../b", "b", id="dots beyond the root on the way"),
        pytest.param({"l": "/"}, "l/x", "x", id="link to the root"),
        pytest.param({"l": "/etc/cron.d"}, "l/x", "etc/cron.d/x", id="absolute link is taken inside"),
        pytest.param({"l": "../../../../tmp/q"}, "l", "tmp/q", id="relative link cannot climb out"),
        pytest.param({"l": "m", "m": "/n", "n": "o"}, "l/x", "o/x", id="chain of links"),
        pytest.param({"l": "missing"}, "l", "missing", id="dangling link: its target is made"),
        pytest.param({"l": "."}, "l/l/l/x", "x", id="link to itself's directory"),
        pytest.param({"l": "a/b/c"}, "l/../d", "a/b/d", id="dots after a link go up from its target"),
    ],
)
def test_make_directory_stays_inside_when_the_path_is_odd(
    root: int, tmp_path: Path, links: dict[str, str], path: str, expected: str
) -> None:
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)

    made = _where(files.make_directory(root, path))

    assert made == str(tmp_path / expected).rstrip("/")
    assert Path(made).is_dir()


def test_make_directory_agrees_with_the_kernel_when_called_again(root: int, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("/a/../b/c")

    assert _where(files.make_directory(root, "l/d")) == _where(files.open_in_root(root, "l/d", os.O_PATH))


def test_make_directory_gives_the_mode_to_all_it_makes_when_parents_are_missing(root: int, tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        os.close(files.make_directory(root, "a/b", 0o711))
    finally:
        os.umask(former)

    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == [0o711, 0o711]


@pytest.mark.parametrize(
    ("path", "number"),
    [
        pytest.param("file", errno.ENOTDIR, id="a file is there"),
        pytest.param("file/x", errno.ENOTDIR, id="a file is on the way"),
        pytest.param("loop/x", errno.ELOOP, id="loop of links"),
        pytest.param("x" * 256, errno.ENAMETOOLONG, id="name too long"),
    ],
)
def test_make_directory_fails_when_something_else_is_there(root: int, tmp_path: Path, path: str, number: int) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(OSError) as caught:
        files.make_directory(root, path)

    assert caught.value.errno == number


def test_make_directory_gives_up_when_links_lead_on_for_ever(root: int, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("missing/../l/x")

    with pytest.raises(OSError, match="Too many levels") as caught:
        files.make_directory(root, "l/y")

    assert caught.value.errno == errno.ELOOP


def test_make_directory_never_leaves_the_root_when_a_directory_is_swapped_for_a_link(tmp_path: Path) -> None:
    """CVE-2024-45310: a sibling container swaps a directory and a symlink to the host while we create in it."""
    inside, outside = tmp_path / "root", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "swap").mkdir()
    (inside / "link").symlink_to("../" * 8 + str(outside).lstrip("/"))
    (inside / "absolute").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            other = ("link", "absolute")[turn % 2]
            try:
                os.rename(inside / "swap", inside / "away")
                os.rename(inside / other, inside / "swap")
                os.rename(inside / "swap", inside / other)
                os.rename(inside / "away", inside / "swap")
            except OSError:  # our side made one of the names in the meantime
                if not (inside / other).is_symlink() and (inside / "swap").is_symlink():
                    os.rename(inside / "swap", inside / other)

    attacker = threading.Thread(target=swap)
    attacker.start()
    fd = os.open(inside, os.O_PATH)
    try:
        for turn in range(300):
            try:
                os.close(files.make_directory(fd, f"swap/{turn}/b"))
                os.close(files.make_file(fd, f"swap/{turn}/f"))
            except OSError as failure:
                assert failure.errno in {errno.EAGAIN, errno.ENOENT, errno.ENOTDIR, errno.ELOOP}  # noqa: PT017
    finally:
        stop.set()
        attacker.join()
        os.close(fd)

    assert list(outside.iterdir()) == []


def test_make_file_makes_what_a_dangling_link_names_when_a_container_ships_one(root: int, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")

    made = _where(files.make_file(root, "/etc/resolv.conf"))

    assert made == str(tmp_path / "run/systemd/resolve/stub-resolv.conf")
    assert Path(made).is_file()
    assert (tmp_path / "etc/resolv.conf").is_symlink()


def test_make_file_takes_what_is_there_when_there_is_something(root: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("kept")

    assert Path(_where(files.make_file(root, "f"))).read_text() == "kept"
    assert _where(files.make_file(root, ".")) == str(tmp_path)


def test_parent_makes_the_directory_and_leaves_the_name_alone(root: int, tmp_path: Path) -> None:
    dirfd, name = files.parent(root, "/dev/pts/../null")

    assert (_where(dirfd), name) == (str(tmp_path / "dev"), "null")
    assert not (tmp_path / "dev/null").exists()


@pytest.mark.parametrize("path", ["", "/", ".", "a/..", "a/."])
def test_parent_fails_when_the_path_ends_in_no_name(root: int, path: str) -> None:
    with pytest.raises(OSError, match="does not end in a name"):
        files.parent(root, path)


def test_open_in_root_refuses_magic_links_when_procfs_is_below(root: int) -> None:
    slash = os.open("/", os.O_PATH)
    try:
        with pytest.raises(OSError, match="symbolic links") as caught:
            files.open_in_root(slash, "/proc/self/root/etc", os.O_RDONLY)
    finally:
        os.close(slash)

    assert caught.value.errno == errno.ELOOP
    assert caught.value.__notes__ == ["openat2(2)"]


@pytest.mark.parametrize(("lost", "opened"), [pytest.param(3, True, id="some"), pytest.param(10**6, False, id="all")])
def test_openat2_tries_again_when_it_loses_a_race(
    root: int, monkeypatch: pytest.MonkeyPatch, lost: int, opened: bool
) -> None:
    calls = []

    def racing(name: str, *arguments: object, path: str) -> int:
        calls.append(name)
        if len(calls) <= lost:
            raise call.error(name, errno.EAGAIN, path)
        return 1000

    monkeypatch.setattr(call, "syscall", racing)
    if opened:
        assert files.open_in_root(root, "x", os.O_PATH) == 1000
    else:
        with pytest.raises(BlockingIOError):
            files.open_in_root(root, "x", os.O_PATH)
    assert lost < len(calls) or len(calls) < 1000


def test_open_in_root_makes_a_close_on_exec_descriptor_when_it_creates(root: int, tmp_path: Path) -> None:
    fd = files.open_in_root(root, "new", os.O_WRONLY | os.O_CREAT, 0o600)

    assert os.get_inheritable(fd) is False
    os.close(fd)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_nothing_stays_open_when_paths_are_walked(root: int, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("/a/b/../c")
    before = os.listdir("/proc/self/fd")

    os.close(files.make_directory(root, "l/d/e"))
    os.close(files.make_file(root, "l/f"))
    with pytest.raises(NotADirectoryError):
        files.make_directory(root, "l/f/x")

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("path", "magic"),
    [
        pytest.param("/proc", files.PROC_SUPER_MAGIC, id="proc"),
        pytest.param("/sys", files.SYSFS_MAGIC, id="sysfs"),
        pytest.param("/dev/pts", files.DEVPTS_SUPER_MAGIC, id="devpts"),
    ],
)
def test_filesystem_tells_the_type_when_the_host_has_it_mounted(path: str, magic: int) -> None:
    fd = os.open(path, os.O_PATH)

    assert files.filesystem(fd) == magic
    os.close(fd)


def test_replace_leaves_the_old_content_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()  # a directory cannot be replaced by a file

    with pytest.raises(IsADirectoryError):
        files.replace(str(tmp_path / "state"), b"new")

    assert os.listdir(tmp_path) == ["state"]


def test_replace_sets_content_and_mode_when_the_file_exists(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old and longer")

    files.replace(str(path), b"new", 0o640)

    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert os.listdir(tmp_path) == ["state"]
