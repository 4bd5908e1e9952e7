"""process.terminal, process.consoleSize."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container
from tests.support.terminal import ConsoleSocket

_LOOK = (
    'for fd in 0 1 2; do echo "fd $(readlink /proc/$$/fd/$fd)"; done; echo "tty $(tty)"; stty size;'
    'echo "controlling $(cut -d" " -f7 /proc/$$/stat)"; stat -c "rdev %t:%T" /dev/console "$(tty)";'
    "echo said >/dev/console; echo then >/dev/tty; echo end"
)


def _lines(container: Container, recvtty: ConsoleSocket) -> list[str]:
    """What the program prints on its terminal."""
    container.bundle.process["terminal"] = True
    container.create("--console-socket", recvtty.path).ok()
    terminal = recvtty.terminal()
    container.start().ok()
    return terminal.read_until("end\r\n").splitlines()


@pytest.mark.clause("process.terminal", "process.terminal.console", "process.console-size", "process.console-socket")
def test_is_the_programs_streams_and_its_controlling_terminal(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process["consoleSize"] = {"height": 33, "width": 99}
    container.bundle.script(_LOOK)

    lines = _lines(container, recvtty)

    assert lines[:5] == ["fd /dev/pts/0"] * 3 + ["tty /dev/pts/0", "33 99"]
    assert lines[5] != "controlling 0"
    assert lines[6] == lines[7]
    assert lines[8:] == ["said", "then", "end"]


@pytest.mark.clause("process.terminal")
def test_belongs_to_the_user(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process["user"] = {"uid": 1000, "gid": 1000}
    container.bundle.script('stat -c %u "$(tty)"; echo again >/dev/stdout; echo end')

    assert _lines(container, recvtty) == ["1000", "again", "end"]


@pytest.mark.clause("process.terminal")
def test_works_in_a_user_namespace(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.user_namespace()
    container.bundle.script("tty; echo again >/dev/stdout; echo said >/dev/console; echo end")

    assert _lines(container, recvtty) == ["/dev/pts/0", "again", "said", "end"]


@pytest.mark.clause("process.console-size.ignored", "process.terminal")
def test_is_not_there_unless_asked_for(container: Container) -> None:
    container.bundle.process["consoleSize"] = {"height": 33, "width": 99}

    assert container.output("tty; test -e /dev/console && echo console; cut -d' ' -f7 /proc/$$/stat") == "not a tty\n0"


@pytest.mark.clause("process.console-size")
@pytest.mark.differs("runc reads a missing number as 0")
@pytest.mark.parametrize(
    "size", [{"height": 5}, {"width": 5}, {"height": -1, "width": 5}, {"height": 5, "width": 2**64}]
)
def test_size_has_two_numbers(container: Container, size: dict[str, int]) -> None:
    container.bundle.process.update(terminal=True, consoleSize=size)

    container.create().failed("process.consoleSize")


@pytest.mark.clause("process.terminal")
def test_needs_a_devpts(container: Container, recvtty: ConsoleSocket) -> None:
    container.bundle.process["terminal"] = True
    container.bundle.config["mounts"] = [
        entry for entry in container.bundle.config["mounts"] if entry["type"] not in ("devpts", "tmpfs", "mqueue")
    ]

    container.create("--console-socket", recvtty.path).failed("/dev/pt")


@pytest.mark.differs("runc opens what is there")
@pytest.mark.parametrize("kind", ["file", "pipe", "link"])
def test_is_not_opened_where_the_image_has_something_else(
    container: Container, recvtty: ConsoleSocket, kind: str
) -> None:
    container.bundle.process["terminal"] = True
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if not entry["destination"].startswith("/dev")]
    place = container.bundle.rootfs / "dev/pts"
    place.mkdir(exist_ok=True)
    match kind:
        case "file":
            (place / "ptmx").touch()
        case "pipe":
            os.mkfifo(place / "ptmx")
        case "link":
            (place / "ptmx").symlink_to("/dev/full")

    container.create("--console-socket", recvtty.path).failed("/dev/pts is not a devpts filesystem")


@pytest.mark.differs("runc before CVE-2025-52565 believes the container's path")
@pytest.mark.parametrize("target", ["/proc/self/fd/7", "/etc/passwd", "/proc/sysrq-trigger"])
def test_is_not_led_astray_by_a_console_of_the_image(container: Container, recvtty: ConsoleSocket, target: str) -> None:
    container.bundle.process["terminal"] = True
    container.bundle.config["mounts"] = [
        entry
        for entry in container.bundle.config["mounts"]
        if entry["destination"] not in ("/dev", "/dev/shm", "/dev/mqueue")
    ]
    (container.bundle.rootfs / "dev/console").symlink_to(target)
    before = (container.bundle.rootfs / "etc/passwd").read_bytes()

    container.create("--console-socket", recvtty.path)

    assert (container.bundle.rootfs / "etc/passwd").read_bytes() == before
