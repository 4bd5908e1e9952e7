"""linux.devices, and the devices every container has."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container

_FILE, _DEFAULT = "/place/thing", ("null 1:3", "zero 1:5", "full 1:7", "random 1:8", "urandom 1:9", "tty 5:0")
_SEEN = "stat -c '%F %a %t:%T %u:%g'"


def device(kind: str, path: str, major: int = 0, minor: int = 0, **rest: Any) -> dict[str, Any]:
    """An entry of linux.devices."""
    numbers = {} if kind == "p" else {"major": major, "minor": minor}
    return {"type": kind, "path": path, **numbers, **rest}


def _add(container: Container, *devices: dict[str, Any]) -> Container:
    container.bundle.linux["devices"] = list(devices)
    return container


@pytest.mark.clause("linux.devices.made", "linux.devices.file-mode", "linux.devices.same-numbers", "linux.devices.type")
def test_are_made_as_described(container: Container) -> None:
    _add(
        container,
        device("c", "/dev/plain", 10, 229),
        device("u", "/dev/deep/er/unbuffered", 10, 229, fileMode=0o600, uid=5, gid=6),
        device("b", "/outside", 7, 300, fileMode=0o777),
        device("p", "/dev/pipe", fileMode=0),
        device("c", "/dev/typed", 1, 3, fileMode=0o020644),
    )
    script = f"{_SEEN} /dev/plain /dev/deep/er/unbuffered /outside /dev/pipe /dev/typed; stat -c %a /dev/deep"
    container.bundle.script(script)

    result = container.run(prefix=["sh", "-c", 'umask 077; exec "$@"', "-"]).ok()

    assert result.stdout.splitlines() == [
        "character special file 666 a:e5 0:0",
        "character special file 600 a:e5 5:6",
        "block special file 777 7:12c 0:0",
        "fifo 0 0:0 0:0",
        "character special file 644 1:3 0:0",
        "755",
    ]


@pytest.mark.clause("linux.devices.type", "linux.devices.path", "linux.devices.numbers", "linux.devices.file-mode")
@pytest.mark.differs("runc checks less")
@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"path": "/dev/x", "major": 1, "minor": 3}, "type"),
        (device("x", "/dev/x", 1, 3), "type"),
        (device("", "/dev/x", 1, 3), "type"),
        (device("a", "/dev/x", 1, 3), "type"),
        (device("c", "dev/x", 1, 3), "path"),
        (device("c", "/dev/x/", 1, 3), "path"),
        (device("c", "/dev/..", 1, 3), "path"),
        ({"type": "c", "major": 1, "minor": 3}, "path"),
        ({"type": "c", "path": "/dev/x", "minor": 3}, "major"),
        ({"type": "b", "path": "/dev/x", "major": 3}, "minor"),
        (device("c", "/dev/x", -1, 3), "major"),
        (device("c", "/dev/x", 1, 2**32), "minor"),
        (device("c", "/dev/x", 1, 3, fileMode=0o4666), "fileMode"),
        (device("c", "/dev/x", 1, 3, fileMode=-1), "fileMode"),
    ],
)
def test_are_checked(container: Container, entry: dict[str, Any], field: str) -> None:
    _add(container, entry)

    container.create().failed(f"linux.devices[0].{field}")


@pytest.mark.clause("linux.devices.existing")
@pytest.mark.differs("runc leaves whatever is there")
@pytest.mark.parametrize("kind", ["file", "directory", "other device", "fifo", "link"])
def test_something_else_at_the_place_is_an_error(container: Container, kind: str) -> None:
    place = container.bundle.rootfs / "thing"
    match kind:
        case "file":
            place.write_text("content")
        case "directory":
            place.mkdir()
        case "other device":
            os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))
        case "fifo":
            os.mkfifo(place)
        case "link":
            place.symlink_to("/dev/null")
    _add(container, device("c", "/thing", 1, 3))

    container.create().failed("something else is there")


@pytest.mark.clause("linux.devices.existing")
def test_the_same_device_at_the_place_is_fine(container: Container) -> None:
    os.mknod(container.bundle.rootfs / "thing", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    _add(container, device("c", "/thing", 1, 3))

    assert container.output("stat -c %t:%T /thing") == "1:3"


@pytest.mark.clause("linux.devices.existing")
def test_a_default_device_may_be_listed(container: Container) -> None:
    _add(container, device("c", "/dev/zero", 1, 5, fileMode=0o600, uid=7))

    assert container.output(f"{_SEEN} /dev/zero") == "character special file 600 1:5 7:0"


@pytest.mark.needs("userns")
@pytest.mark.parametrize("own", [False, True], ids=["the host's user namespace", "its own"])
def test_ptmx_stays_the_containers_when_listed(container: Container, own: bool) -> None:
    if own:
        container.bundle.user_namespace()
    _add(container, device("c", "/dev/ptmx", 5, 2))

    assert container.output("readlink /dev/ptmx; stat -c %t:%T /dev/pts/ptmx") == "pts/ptmx\n5:2"


@pytest.mark.differs("runc follows links of the image before 1.1.9")
def test_are_never_made_outside(container: Container) -> None:
    """A /dev or a parent that the image has as a symlink leads nowhere else."""
    outside = container.bundle.path / "outside"
    outside.mkdir()
    (container.bundle.rootfs / "escape").symlink_to(f"../../../../../../../../{outside}")
    _add(container, device("c", "/escape/x", 1, 3), device("p", "/escape/deep/pipe"))

    container.run()

    assert list(outside.iterdir()) == []


@pytest.mark.clause("linux.devices.bound", "linux.default-devices.supplied")
@pytest.mark.needs("userns")
@pytest.mark.differs("runc knows the nodes of the host by path alone")
def test_are_the_hosts_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace()
    _add(container, device("c", "/dev/again", 1, 5), device("c", "/dev/null", 1, 3))
    names = " ".join(f"/dev/{entry.split()[0]}" for entry in _DEFAULT)

    seen = container.output(f"stat -c '%n %t:%T' {names} /dev/again; echo x >/dev/null; head -c 3 /dev/again | xxd -p")

    assert seen.splitlines() == [f"/dev/{entry}" for entry in _DEFAULT] + ["/dev/again 1:5", "000000"]


@pytest.mark.clause("linux.devices.bound")
@pytest.mark.needs("userns")
def test_the_host_does_not_have_cannot_be_bound(container: Container) -> None:
    container.bundle.user_namespace()
    _add(container, device("c", "/dev/x", 240, 4000))

    container.create().failed("/dev/x")


@pytest.mark.clause("linux.devices.bound", "linux.default-devices.supplied")
@pytest.mark.needs("userns")
def test_default_ones_are_there_for_a_user(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.script("echo x >/dev/null && head -c 2 /dev/zero | xxd -p; ls -l /dev/ptmx")

    assert container.run(**as_user).ok().stdout.split()[0] == "0000"


@pytest.mark.clause("linux.default-devices.supplied", "linux.default-devices.ptmx")
@pytest.mark.parametrize("own", [False, True], ids=["a tmpfs", "the image's own"])
def test_default_ones_are_there(container: Container, own: bool) -> None:
    if own:
        mounts = container.bundle.config["mounts"]
        container.bundle.config["mounts"] = [entry for entry in mounts if entry["destination"] != "/dev"]
        (container.bundle.rootfs / "dev/ptmx").write_text("in the way")
        (container.bundle.rootfs / "dev/stdin").write_text("in the way, too")
    names = " ".join(f"/dev/{entry.split()[0]}" for entry in _DEFAULT)
    links = "ptmx fd stdout stderr"

    seen = container.output(f"stat -c '%n %t:%T %a' {names}; for name in {links}; do readlink /dev/$name; done")

    wanted = [f"/dev/{entry} 666" for entry in _DEFAULT]
    assert seen.splitlines() == [*wanted, "pts/ptmx", "/proc/self/fd", "/proc/self/fd/1", "/proc/self/fd/2"]


@pytest.mark.clause("linux.default-devices.verified")
@pytest.mark.differs("runc believes the image before CVE-2025-31133")
@pytest.mark.parametrize("kind", ["link", "file", "other device"])
def test_masks_are_made_of_a_true_null(container: Container, kind: str) -> None:
    null = container.bundle.rootfs / "dev/null"
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if entry["destination"] != "/dev"]
    match kind:
        case "link":
            null.symlink_to("/proc/sys/kernel/core_pattern")
        case "file":
            null.write_text("a secret of the image")
        case "other device":
            os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    container.bundle.linux["maskedPaths"] = ["/etc/passwd"]
    container.bundle.script("head -c 100 /etc/passwd; echo evil >/etc/passwd")
    before = Path("/proc/sys/kernel/core_pattern").read_text()

    result = container.run()

    assert result.stdout == ""
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before
