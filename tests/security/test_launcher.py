"""The launcher, built with the sanitizers of the compiler, and what its caller may do to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from launcher import link
from tests.support.container import Container
from tests.support.installed import with_script

pytestmark = [
    pytest.mark.differs("about pyoci's own program"),
    pytest.mark.needs("launcher"),
]
_SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wno-format-truncation")
_LIBRARY = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
_USER = 1234


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher with sanitizers in it."""
    program = tmp_path_factory.mktemp("sanitized") / "pyoci"
    try:
        link.build_launcher(program, more=_SANITIZED)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    return program


@pytest.mark.needs("root")
def test_a_life_has_no_undefined_behaviour(container: Container, place: Path) -> None:
    """Of what is ours in the interpreter: its memory and its system calls."""
    container.runtime.path = str(with_script(place / "own"))
    (packages,) = (place / "own").glob("lib/python3*/site-packages")
    more = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
    try:
        link.build_interpreter(packages / "pyoci/python", place / "build", more)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    link.build_launcher(place / "own/bin/pyoci")

    container.up()
    for command in ("state", "ps", "pause", "resume", "events --stats"):
        name, *options = command.split()
        container.runtime(name, *options, container.id).ok()
    container.exec("true").ok()
    container.exec("nothing").failed("not found", status=255)
    container.runtime("features").ok()


@pytest.fixture
def installed(sanitized: Path, place: Path) -> Path:
    """The launcher, installed with env(1) as the interpreter: it prints its environment."""
    return install(sanitized, place / "prefix")


def install(program: Path, prefix: Path) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / _LIBRARY / "pyoci").mkdir(parents=True)
    shutil.copy2("/usr/bin/env", prefix / _LIBRARY / "pyoci/python")
    return Path(shutil.copy2(program, prefix / "bin/pyoci"))


def run(program: Path, environment: dict[str, str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
    # Symbols are found by another program, which a caller may not choose.
    given = {"ASAN_OPTIONS": "symbolize=0:detect_leaks=0", **environment}
    return subprocess.run([program], env=given, capture_output=True, text=True, check=False, **kwargs)


def test_passes_on_what_chooses_no_code(installed: Path) -> None:
    harmful = {"LD_PRELOAD": "", "LD_X": "1", "GLIBC_TUNABLES": "", "GCONV_PATH": "/", "LOCPATH": "/"}
    harmless = {"PATH": "/bin", "LDX": "1", "GCONV_PATHS": "x", "EMPTY": ""}

    finished = run(installed, {**harmful, "PYOCI_LIBRARY": "/", **harmless})

    assert finished.returncode == 0, finished.stderr
    found = dict(line.split("=", 1) for line in finished.stdout.splitlines())
    assert found.pop("PYOCI_LIBRARY") == str(installed.parent.parent / _LIBRARY)
    assert found.pop("ASAN_OPTIONS")
    assert found == harmless


@pytest.mark.parametrize("count", [0, 5000])
def test_takes_as_many_variables_as_there_are(installed: Path, count: int) -> None:
    finished = run(installed, {f"{'LD_' * (number % 2)}V{number}": "x" * 100 for number in range(count)})

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("\n") == count // 2 + 2


def test_says_so_when_its_library_is_missing(installed: Path) -> None:
    (installed.parent.parent / _LIBRARY / "pyoci/python").unlink()

    finished = run(installed, {})

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == "pyoci: its library is not in ../lib beside it; was it moved?\n"


@pytest.mark.parametrize("length", range(4020, 4090, 7))
def test_says_so_when_its_path_is_too_long(sanitized: Path, place: Path, length: int) -> None:
    """The names below it no longer fit into PATH_MAX; some of these lengths do, and end somewhere else."""
    directory = os.open(place, os.O_RDONLY)
    left = length - len(str(place)) - len("/bin/pyoci")
    while left > 1:
        name = "d" * (min(left, 201) - 1)
        os.mkdir(name, dir_fd=directory)
        inner = os.open(name, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory, left = inner, left - len(name) - 1
    os.mkdir("bin", dir_fd=directory)
    with open(sanitized, "rb") as program:
        fd = os.open("bin/pyoci", os.O_WRONLY | os.O_CREAT, 0o755, dir_fd=directory)
        with open(fd, "wb") as copy:
            copy.write(program.read())

    finished = run(Path(f"/proc/self/fd/{directory}/bin/pyoci"), {}, pass_fds=[directory])
    os.close(directory)

    assert finished.returncode == 1
    assert finished.stderr.startswith("pyoci: ")
    assert "runtime error" not in finished.stderr
    assert "Sanitizer" not in finished.stderr


@pytest.mark.needs("root")
@pytest.mark.parametrize("own", [True, False], ids=["his own", "not his own"])
def test_works_for_a_user_who_may_not_mount(installed: Path, own: bool) -> None:
    prefix = installed.parent.parent
    for path in (prefix, *prefix.rglob("*")):
        os.lchown(path, _USER * own, _USER * own)

    finished = run(installed, {"A": "b"}, user=_USER, group=_USER, extra_groups=[])

    assert finished.returncode == 0, finished.stderr
    assert "A=b" in finished.stdout
