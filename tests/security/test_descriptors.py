"""No descriptor of the host is of use in a container: neither the runtime's, nor one its caller left open."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.security.conftest import STARTS
from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.differs("runc before CVE-2024-21626"), pytest.mark.needs("root")]
_NUMBERS = range(3, 65)
_STEP = 1 if STARTS >= len(_NUMBERS) else 9


@pytest.fixture
def left_open(victim: Path) -> Iterator[dict[str, Any]]:
    """Keywords for a caller that has left a directory of the host open on every descriptor, for its children too."""
    made = [os.open(victim, os.O_RDONLY | os.O_DIRECTORY) for _ in _NUMBERS]
    os.chmod(victim, 0o755)
    yield {"pass_fds": made}
    for fd in made:
        os.close(fd)


def test_only_the_streams_are_open(container: Container, left_open: dict[str, Any]) -> None:
    container.bundle.args("ls", "/proc/self/fd")

    assert container.run(**left_open).ok().output.split() == ["0", "1", "2", "3"]  # 3: the directory that is listed


def test_only_the_streams_are_open_in_an_exec(container: Container, left_open: dict[str, Any]) -> None:
    container.up()

    assert container.exec("ls", "/proc/self/fd", **left_open).ok().output.split() == ["0", "1", "2", "3"]


def test_who_waits_for_start_holds_nothing_of_the_callers(
    container: Container, left_open: dict[str, Any], victim: Path
) -> None:
    container.create(**left_open).ok()
    held = [os.readlink(f"/proc/{container.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{container.pid}/fd")]

    assert str(victim) not in held
    assert [path for path in held if path.endswith("exec.fifo")]


@pytest.mark.parametrize("way", ["run", "exec"])
def test_no_program_is_reached_through_a_descriptor(
    container: Container, left_open: dict[str, Any], victim: Path, way: str
) -> None:
    """CVE-2024-21626, by args: the host's program would run in the container, and could be written to afterwards."""
    program = victim / "program"
    program.write_text("#!/bin/sh\necho out\n")
    program.chmod(0o755)
    try:
        if way == "exec":
            container.up()
        for number in left_open["pass_fds"][::_STEP]:
            args = [f"/proc/self/fd/{number}/program"]
            if way == "exec":
                result = container.exec(*args, **left_open)
            else:
                container.bundle.args(*args)
                result = container.run(**left_open)
            assert (result.status, result.stdout) == (255 if way == "exec" else 1, ""), str(result)
            assert "no such file" in result.stderr
    finally:
        program.unlink()


@pytest.mark.parametrize("way", ["run", "exec"])
def test_no_directory_is_entered_through_a_descriptor(
    container: Container, left_open: dict[str, Any], way: str
) -> None:
    """CVE-2024-21626, with something to find."""
    if way == "exec":
        container.up()
    container.bundle.script("pwd; ls")
    for number in left_open["pass_fds"][::_STEP]:
        cwd = f"/proc/self/fd/{number}"
        if way == "exec":
            result = container.exec("ls", flags=("--cwd", cwd), **left_open)
        else:
            container.bundle.process["cwd"] = cwd
            result = container.run(**left_open)
        assert (result.status, result.stdout) == (255 if way == "exec" else 1, ""), str(result)
