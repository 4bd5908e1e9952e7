"""Races that somebody runs while a container is made: names in its image or volume are exchanged all the time.

Whether the container then comes to life is left to chance. The host stays as it was (``victim``), and what is mounted,
masked or entered is what config.json says, or nothing is.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.security.conftest import STARTS
from tests.support.container import Container
from tests.support.mountinfo import MountPoint, parse
from tests.support.racer import exchanging
from tests.support.terminal import ConsoleSocket
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # a pipe would stay open in the container
pytestmark = [pytest.mark.differs("about pyoci's own care"), pytest.mark.timeout(STARTS + 60)]


@pytest.fixture
def volume(container: Container, place: Path, victim: Path) -> Path:
    """A directory that is mounted at /volume: its ``target`` is a directory, its ``link`` leads to the host's."""
    directory = place / "volume"
    (directory / "target").mkdir(parents=True)
    (directory / "link").symlink_to(victim)
    (directory / "up").symlink_to("../" * 30 + str(victim).lstrip("/"))
    container.bundle.mount("/volume", "none", str(directory), "bind")
    return directory


def start_often(
    container: Container, look: Callable[[], object] = bool, change: Callable[[int], object] = bool
) -> None:
    """Create and delete the container, which may fail, and *look* each time it did not; *change* it before."""
    container.bundle.args("sleep", "1000")
    lived = 0
    for number in range(10 * STARTS):
        if number >= STARTS and lived:
            break
        change(number)
        if container.create("--pid-file", container.bundle.path / "pid").status == 0:
            lived += 1
            look()
        container.remove()
    assert lived


def covered_in_procfs(container: Container) -> set[str]:
    """The names in the container's procfs on which something is mounted, whatever the way to it is called by now."""
    lines = [line.split() for line in (of(container) / "mountinfo").read_text().splitlines()]
    (procfs,) = [words[0] for words in lines if words[3] == "/" and words[words.index("-") + 1] == "proc"]
    return {words[4].rpartition("/")[2] for words in lines if words[1] == procfs}


def to_be_covered(container: Container) -> set[str]:
    """The names in procfs that are to be masked or read-only, as far as this kernel has them."""
    paths = [*container.bundle.linux["maskedPaths"], *container.bundle.linux["readonlyPaths"]]
    return {path.removeprefix("/proc/") for path in paths if path.startswith("/proc/") and Path(path).exists()}


def mounts_of(container: Container) -> dict[str, MountPoint]:
    """What is mounted in the container, by mount point."""
    return parse((of(container) / "mountinfo").read_text())


def of(container: Container) -> Path:
    """The directory in /proc of the container's init."""
    return Path("/proc", (container.bundle.path / "pid").read_text())


@pytest.mark.parametrize("link", ["link", "up"])
def test_a_destination_is_never_the_hosts(container: Container, volume: Path, link: str) -> None:
    """CVE-2021-30465, CVE-2024-45310."""
    container.bundle.mount("/volume/target/made", "tmpfs", "tmpfs")
    container.bundle.mount("/volume/target/deeper", "none", "/etc", "bind")
    container.bundle.mount("/volume/target/sub", "tmpfs", "tmpfs")  # which both sides have
    (volume / "target/sub").mkdir()
    made, deeper, _ = container.bundle.config["mounts"][-3:]

    def change(number: int) -> None:
        made["destination"] = f"/volume/target/{number}/made"
        deeper["destination"] = f"/volume/target/{number}/x/deeper"

    def look() -> None:
        assert {"made", "deeper", "sub"} <= {path.rpartition("/")[2] for path in mounts_of(container)}

    with exchanging((volume / "target", volume / link)):
        start_often(container, look, change)


def test_a_mount_of_many_options_is_that_mount(container: Container, volume: Path) -> None:
    """What does not fit into fsconfig(2) goes through mount(2), and is picked up again: it, and not what lies there."""
    text = ":".join(str(volume / f"layer{number:03}") for number in range(9))
    for layer in text.split(":"):
        Path(layer).mkdir()
    (volume / "link").unlink()
    (volume / "link").symlink_to("/proc/sys")
    container.bundle.mount("/volume/target", "overlay", "overlay", f"lowerdir={text}", "ro")
    assert len(text) > 255

    def look() -> None:
        found = {entry.fstype for path, entry in mounts_of(container).items() if not path.startswith("/proc")}
        assert "proc" not in found
        assert "overlay" in found

    with exchanging((volume / "target", volume / "link")):
        start_often(container, look)


def test_proc_is_procfs_or_there_is_no_container(container: Container, victim: Path) -> None:
    """CVE-2019-19921, CVE-2023-27561."""
    rootfs = container.bundle.rootfs
    (rootfs / "elsewhere").mkdir()
    (rootfs / "link").symlink_to("elsewhere")

    def look() -> None:
        assert "/elsewhere" not in mounts_of(container)
        assert covered_in_procfs(container) >= to_be_covered(container)

    with exchanging((rootfs / "proc", rootfs / "link")):
        start_often(container, look)


def test_procfs_is_masked_wherever_it_has_gone(container: Container, victim: Path) -> None:
    """A directory is exchanged for another: what is mounted on it goes with it."""
    rootfs = container.bundle.rootfs
    (rootfs / "elsewhere").mkdir()

    def look() -> None:
        assert covered_in_procfs(container) >= to_be_covered(container)

    with exchanging((rootfs / "proc", rootfs / "elsewhere")):
        start_often(container, look)


def test_dev_is_never_the_hosts(container: Container, victim: Path) -> None:
    """CVE-2026-41579, with a race."""
    rootfs = container.bundle.rootfs
    container.bundle.config["mounts"] = [
        entry for entry in container.bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    (rootfs / "link").symlink_to(victim)
    container.bundle.linux["devices"] = [{"type": "c", "path": "/dev/sub/fuse", "major": 10, "minor": 229}]

    with exchanging((rootfs / "dev", rootfs / "link")):
        start_often(container)


def test_what_masks_a_file_is_never_a_file_of_procfs(container: Container, victim: Path) -> None:
    """CVE-2025-31133: on the way from /dev/null to the masked file a link led to core_pattern, writable."""
    rootfs = container.bundle.rootfs
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if not entry["destination"].startswith("/dev")]
    (rootfs / "secret").write_text("secret\n")
    (rootfs / "dev/link").symlink_to("/proc/sys/kernel/core_pattern")
    os.mknod(rootfs / "dev/null", 0o20666, os.makedev(1, 3))
    container.bundle.linux["maskedPaths"] = ["/secret"]

    def look() -> None:
        fd = os.open(of(container) / "root/secret", os.O_RDONLY)
        assert os.read(fd, 100) == b""
        os.close(fd)

    with exchanging((rootfs / "dev/null", rootfs / "dev/link")):
        start_often(container, look)


def test_the_terminal_is_shown_on_no_file_of_the_host(container: Container, victim: Path, place: Path) -> None:
    """CVE-2025-52565: /dev/console as a link, and /dev/pts."""
    rootfs = container.bundle.rootfs
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if entry["destination"] != "/dev"]
    container.bundle.process["terminal"] = True
    container.bundle.args("sleep", "1000")
    (rootfs / "dev/console").touch()
    (rootfs / "dev/link").symlink_to(victim / "file")
    (rootfs / "dev/pts").mkdir(exist_ok=True)
    (rootfs / "dev/ptslink").symlink_to(victim)

    with exchanging((rootfs / "dev/console", rootfs / "dev/link"), (rootfs / "dev/pts", rootfs / "dev/ptslink")):
        for number in range(STARTS):
            console = ConsoleSocket(place / f"console{number}.sock")
            container.create("--console-socket", console.path)
            container.remove()
            console.close()


def test_the_working_directory_is_never_outside(container: Container, volume: Path, victim: Path) -> None:
    """CVE-2024-21626, CVE-2024-45310: made where it is missing, entered, and both by a name that leads elsewhere."""
    process = container.bundle.process

    def look() -> None:
        assert (of(container) / "cwd").stat().st_dev == os.stat(volume).st_dev
        assert os.readlink(of(container) / "cwd").startswith("/")

    with exchanging((volume / "target", volume / "link")):
        start_often(container, look, lambda number: process.update(cwd=f"/volume/target/{number}/made"))


def test_two_containers_that_start_at_once_do_not_lead_each_other_out(
    new_container: Callable[[], Container], volume: Path, container: Container, victim: Path
) -> None:
    """CVE-2019-19921: both mount on the volume they share, while the names in it are exchanged."""
    other = new_container()
    container.bundle.args("sleep", "1000").mount("/volume/target/made", "tmpfs", "tmpfs")
    bundle = container.bundle.write()

    with exchanging((volume / "target", volume / "link")):
        for _ in range(STARTS):
            running = [one.runtime.spawn("create", "--bundle", bundle, one.id, **SILENT) for one in (container, other)]
            for process in running:
                process.wait(timeout=30 * PATIENCE)
            container.remove()
            other.remove()


def test_what_a_tmpfs_begins_with_is_the_containers(container: Container, victim: Path) -> None:
    """tmpcopyup reads what the image has: a file that becomes a pipe must not stop it, a link not lead elsewhere."""
    inside = container.bundle.rootfs / "data"
    inside.mkdir()
    (inside / "name").write_text("the image's\n")
    (inside / "link").symlink_to(victim / "file")
    (inside / "plain").write_text("the image's\n")
    os.mkfifo(inside / "pipe")
    container.bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup")

    texts = set()

    def look() -> None:  # each name may have been the link or the pipe when it was looked at
        root = of(container) / "root/data"
        texts.update(path.read_text() for path in root.iterdir() if path.is_file() and not path.is_symlink())
        assert texts <= {"the image's\n"}

    with exchanging((inside / "name", inside / "link"), (inside / "plain", inside / "pipe")):
        start_often(container, look)
    assert texts
