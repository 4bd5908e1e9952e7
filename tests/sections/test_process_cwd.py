"""process.cwd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

_OUT_OF_HERE = "for up in . .. ../.. ../../.. ../../../..; do stat -c %i $up/etc/passwd; done"


def _sees_the_host(result: Result) -> bool:
    return result.status == 0 and str(os.stat("/etc/passwd").st_ino) in result.stdout.split()


@pytest.mark.clause("process.cwd")
@pytest.mark.parametrize(
    ("cwd", "seen"),
    [
        ("/home", "/home"),
        ("/usr/../home/.", "/home"),
        ("/var/run", "/var/run"),
        ("/link", "/usr/bin"),
        ("//home//", "/home"),
    ],
)
def test_is_where_the_program_starts(container: Container, cwd: str, seen: str) -> None:
    (container.bundle.rootfs / "link").symlink_to("/usr/bin")
    container.bundle.process["cwd"] = cwd

    assert container.output("/bin/pwd") == seen


@pytest.mark.clause("process.cwd.made")
def test_is_made_when_missing(container: Container) -> None:
    container.bundle.process.update(cwd="/made/of/many", user={"uid": 1000, "gid": 1000, "umask": 0o777})

    assert container.output("/bin/pwd; stat -c '%a %u %g' . ..").splitlines() == ["/made/of/many", "755 0 0", "755 0 0"]


@pytest.mark.clause("process.cwd.made")
def test_is_looked_for_behind_the_mounts(container: Container) -> None:
    container.bundle.mount("/place", "tmpfs", "tmpfs").process["cwd"] = "/place/here"

    assert container.output("/bin/pwd") == "/place/here"
    assert not (container.bundle.rootfs / "work/here").exists()


@pytest.mark.clause("process.cwd.absolute")
@pytest.mark.parametrize("cwd", ["", "relative", "./home", "~"])
def test_is_absolute(container: Container, cwd: str) -> None:
    container.bundle.process["cwd"] = cwd

    container.create().failed("Cwd must be an absolute path" if cwd else "")


def test_is_a_directory(container: Container) -> None:
    container.bundle.process["cwd"] = "/etc/passwd"

    container.create().failed("not a directory")


@pytest.mark.clause("process.cwd.permission")
def test_may_be_one_that_only_root_enters(container: Container) -> None:
    (container.bundle.rootfs / "closed").mkdir(mode=0o700)
    container.bundle.process.update(cwd="/closed", user={"uid": 1000, "gid": 1000})

    assert container.output("readlink /proc/self/cwd; ls . 2>&1 || :").splitlines()[0] == "/closed"


@pytest.mark.clause("process.cwd.inside")
@pytest.mark.differs("runc says it another way")
@pytest.mark.parametrize("link", [False, True], ids=["named", "by a link of the image"])
def test_is_never_outside(container: Container, link: bool) -> None:
    """CVE-2024-21626: a descriptor the runtime left open led to the host's files."""
    for number in range(3, 31):
        target = f"/proc/self/fd/{number}"
        if link:
            (container.bundle.rootfs / "link").unlink(missing_ok=True)
            (container.bundle.rootfs / "link").symlink_to(target)
        container.bundle.process["cwd"] = "/link" if link else target
        container.bundle.script(_OUT_OF_HERE)
        result = container.run()
        assert result.status == 1, str(result)
        assert result.stdout == ""


@pytest.mark.clause("process.cwd.inside")
def test_of_an_exec_is_never_outside(container: Container, exec_process: Callable[..., Result]) -> None:
    container.up()
    for number in range(3, 31):
        result = exec_process(cwd=f"/proc/self/fd/{number}", args=["sh", "-c", _OUT_OF_HERE])
        assert not _sees_the_host(result), str(result)


@pytest.mark.clause("process.cwd.inside")
@pytest.mark.parametrize("cwd", ["/proc/1/root/../..", "/proc/self/root", "/proc/1/cwd", "/../../../../../etc"])
def test_is_resolved_inside(container: Container, cwd: str) -> None:
    container.bundle.process["cwd"] = cwd
    container.bundle.script(_OUT_OF_HERE)

    assert not _sees_the_host(container.run())


@pytest.mark.clause("process.cwd")
def test_of_an_exec_is_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.up()

    assert exec_process(cwd="/etc", args=["/bin/pwd"]).ok().output == "/etc"
    exec_process(cwd="/nowhere", args=["/bin/pwd"])
    assert not Path("/nowhere").exists()
