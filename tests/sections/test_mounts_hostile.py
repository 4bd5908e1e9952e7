"""mounts, root and devices with an image that tries to lead the runtime out of the container (config.md#mounts)."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container
from tests.support.mountinfo import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MOUNTINFO = "cat /proc/self/mountinfo"
UP = "../" * 30


def without_mount(container: Container, *destinations: str) -> None:
    container.bundle.config["mounts"] = [
        entry for entry in container.bundle.config["mounts"] if entry["destination"] not in destinations
    ]


def outside(place: Path) -> Path:
    """A directory of the host nothing may be made in."""
    victim = place / "victim"
    victim.mkdir()
    return victim


@pytest.mark.clause("mounts.destination.inside")
@pytest.mark.parametrize("link", ["absolute", "upwards", "through a directory", "chain"])
@pytest.mark.parametrize("source", ["directory", "file", "tmpfs"])
def test_destination_stays_inside_when_the_image_has_a_link_outwards(
    container: Container, place: Path, link: str, source: str
) -> None:
    victim, rootfs = outside(place), container.bundle.rootfs
    relative = str(victim).lstrip("/")
    evil = rootfs / "evil"
    if link == "absolute":
        evil.symlink_to(victim)
    elif link == "upwards":
        evil.symlink_to(UP + relative)
    elif link == "through a directory":
        (rootfs / "sub").mkdir()
        (rootfs / "sub/up").symlink_to(UP)
        evil.symlink_to(f"sub/up/{relative}")
    else:
        evil.symlink_to("/second")
        (rootfs / "second").symlink_to(f"third/../{UP}{relative}")
        (rootfs / "third").mkdir()
    (place / "file").write_text("text\n")
    if source == "tmpfs":
        container.bundle.mount("/evil/new", "tmpfs", "tmpfs")
    else:
        container.bundle.mount("/evil/new", "none", str(place if source == "directory" else place / "file"), "bind")

    mounts = parse(container.output(MOUNTINFO))

    assert f"{victim}/new" in mounts  # the same name, but below the container's root
    assert list(victim.iterdir()) == []
    assert (rootfs / relative / "new").exists()


@pytest.mark.clause("mounts.destination.inside")
def test_destination_stays_inside_when_the_host_has_what_the_link_names(container: Container, place: Path) -> None:
    victim = outside(place)
    (victim / "sub").mkdir()
    (container.bundle.rootfs / "evil").symlink_to(victim)
    container.bundle.mount("/evil/sub", "tmpfs", "tmpfs")

    assert f"{victim}/sub" in parse(container.output(MOUNTINFO))


@pytest.mark.clause("mounts.destination.inside")
@pytest.mark.parametrize("destination", [UP + "escaped", "/" + UP + "escaped", "/a/../../../escaped"])
def test_destination_stays_inside_when_it_leads_upwards_itself(container: Container, destination: str) -> None:
    container.bundle.mount(destination, "tmpfs", "here")
    (container.bundle.rootfs / "a").mkdir()

    mounts = parse(container.output(MOUNTINFO))

    assert mounts["/escaped"].source == "here"
    assert not os.path.exists("/escaped")


@pytest.mark.clause("mounts.destination.inside", "mounts.destination.made")
def test_create_ends_when_the_destination_is_a_link_to_itself(container: Container) -> None:
    (container.bundle.rootfs / "loop").symlink_to("loop")
    container.bundle.mount("/loop/x", "tmpfs", "tmpfs")

    container.create().failed("/loop/x", "too many")


@pytest.mark.clause("mounts.destination.inside")
def test_mounted_directory_cannot_redirect_the_next_mount_when_it_has_links(container: Container, place: Path) -> None:
    """CVE-2021-30465: a volume that another container fills with links."""
    victim, volume = outside(place), place / "volume"
    volume.mkdir()
    (volume / "link").symlink_to(UP + str(victim).lstrip("/"))
    container.bundle.mount("/volume", "none", str(volume), "bind")
    container.bundle.mount("/volume/link/new", "tmpfs", "tmpfs")

    container.create()

    assert list(victim.iterdir()) == []


@pytest.mark.clause("mounts.destination.links")
@pytest.mark.parametrize(("name", "fstype"), [("proc", "proc"), ("sys", "sysfs")])
def test_create_refuses_to_follow_when_proc_or_sys_is_a_link(container: Container, name: str, fstype: str) -> None:
    """CVE-2019-19921, CVE-2023-27561."""
    (container.bundle.rootfs / name).rmdir()
    (container.bundle.rootfs / "elsewhere").mkdir()
    (container.bundle.rootfs / name).symlink_to("elsewhere")

    container.create().failed(f'filesystem "{fstype}"', "must be mounted on ordinary directory")


@pytest.mark.clause("mounts.destination.links")
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_create_fails_when_proc_or_sys_is_a_file(container: Container, name: str) -> None:
    (container.bundle.rootfs / name).rmdir()
    (container.bundle.rootfs / name).touch()

    container.create().failed(f"/{name}")


@pytest.mark.differs("runc 1.1 makes the links of /dev on the host then")
@pytest.mark.clause("mounts.destination.inside", "dev-links.created")
def test_devices_stay_inside_when_dev_is_a_link_outwards(container: Container, place: Path) -> None:
    victim = outside(place)
    (container.bundle.rootfs / "dev").rmdir()
    (container.bundle.rootfs / "dev").symlink_to(UP + str(victim).lstrip("/"))

    container.create()

    assert list(victim.iterdir()) == []


@pytest.mark.clause("mounts.destination.inside", "dev-links.created")
def test_devices_stay_inside_when_the_image_has_links_in_their_places(container: Container, place: Path) -> None:
    victim, rootfs = outside(place), container.bundle.rootfs
    without_mount(container, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "fd", "stdin", "core", "console"):
        (rootfs / "dev" / name).symlink_to(victim / name)

    container.create()

    assert list(victim.iterdir()) == []


@pytest.mark.clause("mounts.destination.inside")
def test_masked_and_read_only_paths_stay_inside_when_the_image_links_them(container: Container, place: Path) -> None:
    victim = outside(place)
    (victim / "file").write_text("text\n")
    for name in ("masked", "guarded"):
        (container.bundle.rootfs / name).symlink_to(victim)
    container.bundle.linux["maskedPaths"] = ["/masked", "/masked/file"]
    container.bundle.linux["readonlyPaths"] = ["/guarded"]

    container.create()

    assert (victim / "file").read_text() == "text\n"
    (victim / "new").touch()


@pytest.mark.clause("mounts.destination.proc")
@pytest.mark.parametrize(
    "destination",
    ["/proc/sys/kernel/core_pattern", "/proc/self/attr", "/proc/1/attr/exec", "/proc/net", "/proc/cpuinfo/../version",
     "/p/version", "proc/version", "//proc/./version"],
)  # fmt: skip
@pytest.mark.parametrize("source", ["directory", "file"])
def test_create_refuses_to_cover_procfs_when_the_destination_is_inside(
    container: Container, place: Path, destination: str, source: str
) -> None:
    """CVE-2019-16884: a false /proc/self/attr would swallow the label."""
    (place / "file").touch()
    (container.bundle.rootfs / "p").symlink_to("proc")
    container.bundle.mount(destination, "none", str(place if source == "directory" else place / "file"), "bind")

    container.create().failed(destination)


@pytest.mark.clause("mounts.destination.proc")
@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "stat", "uptime", "loadavg", "diskstats", "swaps"])
def test_files_of_procfs_can_be_covered_when_they_are_harmless(container: Container, place: Path, name: str) -> None:
    (place / "file").write_text("covered\n")
    container.bundle.mount(f"/proc/{name}", "none", str(place / "file"), "bind", "ro")

    assert container.output(f"cat /proc/{name}") == "covered"


@pytest.mark.differs("runc refuses it since 1.2")
@pytest.mark.clause("mounts.destination.proc")
def test_create_refuses_to_cover_procfs_when_a_filesystem_is_mounted_inside(container: Container) -> None:
    container.bundle.mount("/proc/sys/kernel", "tmpfs", "tmpfs")

    container.create().failed("/proc/sys/kernel")


@pytest.mark.clause("mounts.destination.inside")
def test_host_stays_as_it_was_when_something_is_mounted_on_the_root(container: Container) -> None:
    container.bundle.mount("/", "tmpfs", "tmpfs")

    container.create()

    assert os.path.exists("/bin/sh")
