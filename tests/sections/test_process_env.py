"""process.env."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

_PATH = "PATH=/bin"
_CARELESS = pytest.mark.differs("runc reads what the C library would not")
_WIDE = 131072  # MAX_ARG_STRLEN on machines with pages of 4096 bytes


def _environment(container: Container, *variables: str, uid: int = 0) -> list[str]:
    """The environment the program gets for *variables*, sorted."""
    container.bundle.process.update(env=[_PATH, *variables], args=["env"], user={"uid": uid, "gid": 0})
    return sorted(container.run().ok().stdout.splitlines())


@pytest.mark.clause("process.env")
def test_is_the_whole_environment(container: Container) -> None:
    given = ["A=1", "EMPTY=", "HOME=/h", "TWO=a=b", "SPACE= x ", "UNICODE=ü€", "lower=1", "1=digit"]
    environment = {**os.environ, "SECRET": "of the caller", "LISTEN_PID": "1"}
    container.bundle.process.update(env=[_PATH, *given], args=["env"])

    result = container.run(env=environment).ok()

    assert sorted(result.stdout.splitlines()) == sorted([_PATH, *given])


@pytest.mark.clause("process.env.duplicates")
@pytest.mark.differs("runc passes both on before 1.3")
def test_of_a_name_given_twice_the_last_counts(container: Container) -> None:
    assert _environment(container, "HOME=/h", "A=first", "A=last") == ["A=last", "HOME=/h", _PATH]


@pytest.mark.clause("process.env.home")
@pytest.mark.parametrize(("uid", "home"), [(0, "/root"), (1000, "/home/alice"), (4242, "/")])
def test_home_comes_from_the_containers_users(container: Container, uid: int, home: str) -> None:
    assert _environment(container, uid=uid) == [f"HOME={home}", _PATH]


@pytest.mark.clause("process.env.home")
@pytest.mark.parametrize(
    "passwd",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"root\n", id="one field"),
        pytest.param(b":" * 100_000, id="many fields"),
        pytest.param(b"\xff\xfe:x:0:0::\xff:\n", id="not UTF-8"),
        pytest.param(b"root:x:0:0:root:/", id="no newline"),
        pytest.param(b"root:x:-0:0:root:/wrong:\nroot:x: 0:0:root:/wrong:\n", id="odd numbers", marks=_CARELESS),
        pytest.param(b"+::::::\n-x\n#root:x:0:0::/wrong:\n", id="nis", marks=_CARELESS),
        pytest.param(b"\0" * 100_000, id="nul"),
        pytest.param(b"x" * 10_000_000, id="10 MB in one line"),
    ],
)
def test_survives_a_hostile_passwd(container: Container, passwd: bytes) -> None:
    (container.bundle.rootfs / "etc/passwd").write_bytes(passwd)
    container.bundle.process.update(env=[_PATH], args=["env"])

    result = container.run(timeout=10)

    assert result.status in {0, 1}
    assert "wrong" not in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.clause("process.env.home")
@pytest.mark.differs("runc waits for a writer of the FIFO")
@pytest.mark.parametrize("kind", ["fifo", "directory", "link out", "loop", "device", "missing", "proc"])
def test_survives_a_passwd_that_is_no_file(container: Container, kind: str) -> None:
    passwd = container.bundle.rootfs / "etc/passwd"
    passwd.unlink()
    match kind:
        case "fifo":
            os.mkfifo(passwd)
        case "directory":
            passwd.mkdir()
        case "link out":
            passwd.symlink_to("../../../../../../../../etc/passwd")
        case "loop":
            passwd.symlink_to("passwd")
        case "device":
            passwd.symlink_to("/dev/zero")
        case "proc":
            passwd.symlink_to("/proc/self/mem")

    assert _environment(container) == ["HOME=/", _PATH]


@pytest.mark.clause("process.env")
@pytest.mark.differs("runc ignores what has no =")
@pytest.mark.parametrize("entry", ["NOTHING", "", "=value"])
def test_an_entry_has_a_name_and_a_value(container: Container, entry: str) -> None:
    container.bundle.env(entry)

    container.create().failed("process.env[2]")


@pytest.mark.clause("process.env")
def test_may_be_large(container: Container) -> None:
    variables = [f"V{number}={'x' * 1000}" for number in range(1000)]

    assert len(_environment(container, "HOME=/h", *variables)) == 1002


@pytest.mark.clause("process.args.missing")
@pytest.mark.parametrize("where", ["env", "args"])
@pytest.mark.parametrize("size", [(1, _WIDE), (2500, 1000), (100, _WIDE - 10)], ids=["one", "all", "large ones"])
def test_too_large_is_an_error(container: Container, where: str, size: tuple[int, int]) -> None:
    texts = [f"V{number}={'x' * size[1]}" for number in range(size[0])]
    container.bundle.process[where] = [*container.bundle.process[where], *texts]

    result = container.run()

    assert result.status != 0
    assert "argument list too long" in result.stderr


def test_too_large_shows_at_start(container: Container) -> None:
    container.bundle.env("V=" + "x" * _WIDE)
    container.create()

    result = container.start()

    wait_for(lambda: container.runtime("state", container.id).status or container.status == "stopped")
    assert result.status == 0 or "argument list too long" in result.stderr  # runc learns of it too late


@pytest.mark.clause("process.env")
def test_of_an_exec_is_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.env("INIT=1")
    container.up()

    result = exec_process(env=[_PATH, "HOME=/h", "B=2"], args=["env"]).ok()

    assert sorted(result.stdout.splitlines()) == ["B=2", "HOME=/h", _PATH]


def test_of_an_exec_may_be_too_large(container: Container, exec_process: Callable[..., Result]) -> None:
    container.up()

    result = exec_process(env=[_PATH, "B=" + "x" * _WIDE])

    assert result.status in {1, 255}
    assert "argument list too long" in result.stderr
    assert Path(f"/proc/{container.pid}").exists()
