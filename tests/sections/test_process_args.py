"""process.args: finding the program, and saying why it cannot be run."""

from __future__ import annotations

import os

import pytest

from tests.support import elf
from tests.support.bundle import Bundle
from tests.support.container import Container, leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result


def put(bundle: Bundle, path: str, content: bytes | str, mode: int = 0o755) -> None:
    """Write a file into the root filesystem."""
    file = bundle.rootfs / path.lstrip("/")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(mode)


@pytest.mark.clause("process.args.path")
@pytest.mark.parametrize(
    ("name", "path", "cwd", "found"),
    [
        pytest.param("p", "/one:/two", "/", "one", id="the first in PATH"),
        pytest.param("p", "/none:/two", "/", "two", id="a directory of PATH is missing"),
        pytest.param("p", "/closed:/two", "/", "two", id="the first may not be executed"),
        pytest.param("p", "/folder:/two", "/", "two", id="the first is a directory"),
        pytest.param("/two/p", "/one", "/", "two", id="an absolute path"),
        pytest.param("./p", "/one", "/two", "two", id="relative to cwd"),
        pytest.param("../two/p", "/one", "/one", "two", id="a relative path with .."),
        pytest.param("two/p", "/one", "/", "two", id="a relative path without a dot"),
    ],
)
def test_finds_the_program(container: Container, name: str, path: str, cwd: str, found: str) -> None:
    for place in ("one", "two"):
        put(container.bundle, f"{place}/p", f"#!/bin/sh\necho {place} $@\n")
    put(container.bundle, "closed/p", "#!/bin/sh\necho closed\n", 0o644)
    (container.bundle.rootfs / "folder/p").mkdir(parents=True)
    container.bundle.args(name, "a", "b c").process.update(env=[f"PATH={path}"], cwd=cwd)

    assert container.run().ok().output == f"{found} a b c"


@pytest.mark.clause("process.args.path")
def test_passes_every_argument_unchanged(container: Container) -> None:
    arguments = ["", " ", "ü", "a\nb", "'\"$`\\", "-"]
    container.bundle.args("printf", "<%s>", *arguments)

    assert container.run().ok().stdout == "".join(f"<{argument}>" for argument in arguments)


@pytest.mark.clause("process.args.empty")
@pytest.mark.parametrize("args", [[], None], ids=["empty", "absent"])
def test_has_at_least_one_entry(container: Container, args: list[str] | None) -> None:
    container.bundle.process["args"] = args

    container.create().failed("args must not be empty")


_NOT_FOUND = 'exec: "{}": executable file not found in $PATH'


@pytest.mark.clause("process.args.missing")
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        pytest.param("nope", [_NOT_FOUND.format("nope")], id="not in PATH"),
        pytest.param("", [_NOT_FOUND.format("")], id="empty"),
        pytest.param("/nope", ['exec: "/nope": stat /nope: no such file or directory'], id="no such path"),
        pytest.param(
            "/etc/passwd/x", ['exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory'], id="below a file"
        ),
        pytest.param("/etc/passwd", ['exec: "/etc/passwd": permission denied'], id="not executable"),
    ],
)
def test_says_before_the_start_that_there_is_no_program(container: Container, name: str, texts: list[str]) -> None:
    container.bundle.args(name)

    container.create().failed("unable to start container process: ", *texts)

    assert leftovers(container.runtime, container.id) == {}


@pytest.mark.clause("process.args.missing")
@pytest.mark.differs("runc says no more than the kernel does")
@pytest.mark.parametrize(
    ("content", "texts"),
    [
        pytest.param(
            "#!/no/such\n", ["exec /p: no such file or directory", '"/no/such" does not exist'], id="interpreter"
        ),
        pytest.param("#!/bin/sh\r\n:\r\n", ["exec /p: no such file or directory", "CRLF"], id="CRLF"),
        pytest.param("#!\n", ["exec /p: ", "names no interpreter"], id="no interpreter"),
        pytest.param("echo\n", ["exec /p: exec format error", "neither an ELF program nor a script"], id="no #!"),
        pytest.param("", ["exec /p: exec format error", "empty"], id="empty"),
        pytest.param(elf.program(machine=elf.AARCH64), ["exec /p: exec format error", "aarch64"], id="architecture"),
        pytest.param(
            elf.program(loader="/lib/ld-musl.so.1"),
            ["exec /p: no such file or directory", "/lib/ld-musl.so.1"],
            id="loader",
        ),
        pytest.param(b"\x7fELF\x02\x01\x01", ["exec /p: exec format error", "cut short"], id="damaged"),
    ],
)
def test_says_why_the_kernel_refuses(container: Container, content: bytes | str, texts: list[str]) -> None:
    put(container.bundle, "p", content)
    container.bundle.args("/p")

    container.run().failed(*texts)


@pytest.mark.clause("process.args.missing")
@pytest.mark.differs("runc says no more than the kernel does")
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        pytest.param("/closed/p", ['exec: "/closed/p": permission denied', "0644"], id="no x bit"),
        pytest.param(
            "p", ["executable file not found in $PATH", "/closed/p cannot be executed"], id="no x bit in PATH"
        ),
        pytest.param("/bin", ['exec: "/bin": permission denied: it is a directory'], id="a directory"),
        pytest.param("/flat/p", ['exec: "/flat/p": permission denied', "noexec"], id="noexec"),
        pytest.param("/mine", ['exec: "/mine": permission denied'], id="of another user"),
    ],
)
def test_says_what_denies_permission(container: Container, name: str, texts: list[str]) -> None:
    for path, mode in (("closed/p", 0o644), ("source", 0o755), ("mine", 0o700)):
        put(container.bundle, path, "#!/bin/sh\n", mode)
    container.bundle.mount("/flat/p", "none", str(container.bundle.rootfs / "source"), "bind", "noexec")
    container.bundle.args(name).env("PATH=/closed").process["user"] = {"uid": 1000, "gid": 1000}

    container.run().failed(*texts)


def test_runs_what_only_a_group_may(container: Container) -> None:
    put(container.bundle, "p", "#!/bin/sh\necho ran\n", 0o050)
    os.chown(container.bundle.rootfs / "p", 0, 77)
    container.bundle.args("/p").process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [77]}

    assert container.run().ok().output == "ran"


@pytest.mark.clause("process.args.missing")
def test_of_an_exec_is_looked_for_too(container: Container, exec_process: Callable[..., Result]) -> None:
    put(container.bundle, "folder/p", "#!/bin/sh\necho mine\n")
    container.up()

    missing = exec_process(args=["nope"])
    found = exec_process(args=["p"], env=["PATH=/folder"])

    assert missing.status in {1, 255}
    assert _NOT_FOUND.format("nope") in missing.stderr.replace('\\"', '"')
    assert found.ok().output == "mine"


@pytest.mark.clause("process.command-line")
def test_ignores_the_command_line_of_windows(container: Container) -> None:
    container.bundle.process["commandLine"] = "cmd /c dir"

    assert container.output("echo ran") == "ran"
