"""root: path, readonly, and what is left of the host's tree (config.md#root)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.mountinfo import parse


@pytest.mark.clause("root.path", "bundle.root-below", "root.writable")
@pytest.mark.parametrize(
    "way",
    [
        "relative",
        "dotted",
        "absolute",
        "trailing slash",
        *(pytest.param(way, marks=pytest.mark.differs("runc takes no link")) for way in ("below", "link")),
    ],
)
def test_directory_becomes_the_root_when_the_path_leads_there(container: Container, place: Path, way: str) -> None:
    rootfs = container.bundle.rootfs
    below = container.bundle.path / "a"
    below.mkdir()
    (below / "deep").symlink_to(rootfs)
    (container.bundle.path / "link").symlink_to(rootfs)
    paths = {"relative": "rootfs", "dotted": "./a/../rootfs", "below": "a/deep", "absolute": str(rootfs),
             "link": "link", "trailing slash": "rootfs/"}  # fmt: skip
    container.bundle.config["root"] = {"path": paths[way]}

    assert container.output("pwd; echo made >/made; ls -d /../bin") == "/\n/../bin"
    assert (rootfs / "made").read_text() == "made\n"


@pytest.mark.clause("root.directory", "create.cannot-apply", "general.errors-leave-nothing")
@pytest.mark.parametrize("path", ["missing", "config.json", "/etc/passwd", "rootfs/bin/sh"])
def test_create_fails_when_the_path_is_no_directory(container: Container, path: str) -> None:
    container.bundle.config["root"]["path"] = path

    container.create().failed()

    container.runtime("state", container.id).failed()


@pytest.mark.clause("root.name")
def test_template_calls_the_directory_rootfs_when_it_is_written(container: Container, place: Path) -> None:
    container.runtime("spec", cwd=place).ok()

    assert '"path": "rootfs"' in (place / "config.json").read_text()


@pytest.mark.clause("root.readonly")
def test_root_is_read_only_once_everything_is_made_when_that_is_asked_for(container: Container, place: Path) -> None:
    container.bundle.config["root"]["readonly"] = True
    container.bundle.mount("/made/for/mount", "tmpfs", "tmpfs")
    container.bundle.linux["devices"] = [{"path": "/made/device", "type": "p"}]
    container.bundle.linux["maskedPaths"].append("/etc/group")

    seen = container.output(
        "! touch /new 2>/dev/null && touch /made/for/mount/new /dev/new /dev/shm/new && test -p /made/device && "
        "test -c /dev/null && ! cat /etc/group | grep . && cat /proc/self/mountinfo"
    )

    mounts = parse(seen)
    assert "ro" in mounts["/"].attributes
    assert "ro" not in mounts["/dev"].attributes
    assert not (container.bundle.rootfs / "new").exists()


@pytest.mark.clause("root.readonly")
def test_root_of_the_host_stays_writable_when_the_containers_is_not(container: Container) -> None:
    container.bundle.config["root"]["readonly"] = True
    container.up()

    (container.bundle.rootfs / "new").touch()

    container.exec("test", "-e", "/new").ok()


@pytest.mark.clause("root.pivot", "root.path")
@pytest.mark.parametrize("options", [(), ("--no-pivot",)], ids=["pivot", "no pivot"])
def test_nothing_of_the_host_is_in_sight_when_the_container_runs(
    container: Container, place: Path, options: tuple[str, ...]
) -> None:
    (place / "file").touch()
    container.up(*options)

    mounts = parse(Path(f"/proc/{container.pid}/mountinfo").read_text())

    container.exec("test", "!", "-e", place / "file").ok()
    for name in ("cwd", "root"):
        assert os.path.samefile(f"/proc/{container.pid}/{name}", container.bundle.rootfs)
    if not options:
        assert set(mounts) & {"/tmp", "/home", "/boot", "/mnt"} == set()
        assert mounts["/"].root.endswith("/rootfs")
        assert mounts["/"].propagation <= {"master"}


@pytest.mark.clause("root.path")
def test_root_filesystem_has_only_its_own_files_when_the_container_has_ended(container: Container) -> None:
    """What the runtime makes are mount points, and they are few."""
    before = {str(path) for path in container.bundle.rootfs.rglob("*")}

    container.run().ok()

    assert {str(path) for path in container.bundle.rootfs.rglob("*")} == before


@pytest.mark.clause("root.path")
def test_root_may_be_a_mount_with_mounts_below_when_it_is_bound_along(container: Container) -> None:
    rootfs = container.bundle.rootfs
    script = (
        f"mount --make-rprivate / && mount --bind {rootfs} {rootfs} && mount -t tmpfs data {rootfs}/home && "
        f'touch {rootfs}/home/file && exec "$@"'
    )
    container.bundle.args("ls", "/home")

    assert container.run(prefix=["unshare", "--mount", "sh", "-c", script, "-"]).ok().output == "file"


@pytest.mark.needs("overlayfs")
@pytest.mark.clause("root.path", "root.readonly")
@pytest.mark.parametrize("readonly", [False, True])
def test_root_may_be_an_overlay_when_the_host_has_mounted_one(
    container: Container, place: Path, readonly: bool
) -> None:
    for name in ("upper", "work", "merged"):
        (place / name).mkdir()
    container.bundle.config["root"] = {"path": str(place / "merged"), "readonly": readonly}
    container.bundle.script("touch /new && echo written")
    layers = f"lowerdir={container.bundle.rootfs},upperdir={place}/upper,workdir={place}/work"
    script = f'mount --make-rprivate / && mount -t overlay -o {layers} overlay {place}/merged && exec "$@"'

    result = container.run(prefix=["unshare", "--mount", "sh", "-c", script, "-"])

    assert (result.output == "written") is not readonly
    assert (place / "upper/new").exists() is not readonly


@pytest.mark.clause("dev-links.created", "dev-links.core")
def test_links_into_the_descriptors_are_made_when_the_mounts_are(container: Container) -> None:
    seen = container.output("for n in fd stdin stdout stderr core; do readlink /dev/$n; done; echo text >>/dev/stdout")

    expected = ["/proc/self/fd", *(f"/proc/self/fd/{number}" for number in range(3)), "/proc/kcore", "text"]
    if not os.path.exists("/proc/kcore"):
        expected.remove("/proc/kcore")
    assert seen.split() == expected


@pytest.mark.clause("dev-links.created")
def test_links_of_the_image_stay_when_they_are_there_already(container: Container) -> None:
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if not entry["destination"].startswith("/dev")]
    (container.bundle.rootfs / "dev/fd").symlink_to("/proc/self/fd")

    assert container.output("readlink /dev/fd /dev/stdin 2>/dev/null || readlink /dev/fd") == "/proc/self/fd"
    assert stat.S_ISLNK((container.bundle.rootfs / "dev/stdin").lstat().st_mode)


@pytest.mark.clause("dev-links.created")
@pytest.mark.parametrize("option", [(), ("--preserve-fds", "0")])
def test_program_has_three_descriptors_when_the_caller_had_more(container: Container, option: tuple[str, ...]) -> None:
    container.bundle.script("cd /proc/self/fd && ls")

    result = container.run(*option, prefix=["sh", "-c", 'exec "$@" 3</etc/hostname 9</etc/hostname', "-"]).ok()

    assert result.output.split() == ["0", "1", "2", "3"]  # the last is the directory ls reads


@pytest.mark.differs("runc is not done closing when start returns")
@pytest.mark.clause("dev-links.created")
def test_no_descriptor_of_the_host_is_open_when_the_container_waits_or_runs(container: Container) -> None:
    """CVE-2024-21626: a directory of the host that stays open leads out."""
    container.bundle.args("sleep", "1000")
    container.create().ok()
    pid = container.pid

    def open_directories() -> list[str]:
        fds = Path(f"/proc/{pid}/fd")
        return [os.readlink(path) for path in fds.iterdir() if path.is_dir() and os.readlink(path) != "/"]

    waiting = open_directories()
    container.start().ok()

    assert waiting == []
    assert {path.name for path in Path(f"/proc/{pid}/fd").iterdir()} == {"0", "1", "2"}
