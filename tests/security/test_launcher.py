"""The launcher, built with the sanitizers of the compiler, and what its caller may do to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from launcher import link
from tests.support.container import Container

pytestmark = [
    pytest.mark.differs("about pyoci's own program"),
    pytest.mark.needs("launcher"),
]
_SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_USER = 1234
# What the launcher does before the interpreter goes on; then what it has become.
_MAIN = """
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "protect.h"

int main(int argc, char **argv)
{
    (void)argc;
    clean_environment();
    protect(argv);
    char self[4096] = {0};
    struct statvfs status;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || statvfs("/proc/self/exe", &status) < 0)
        return 1;
    printf("%s\\nREAD_ONLY=%d\\n", self, (status.f_flag & ST_RDONLY) != 0);
    for (char **variable = environ; *variable; variable++)
        printf("%s\\n", *variable);
    return 0;
}
"""


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What protects the launcher, with sanitizers in it, as a program."""
    directory = tmp_path_factory.mktemp("sanitized")
    directory.chmod(0o755)
    (directory / "main.c").write_text(_MAIN)
    sources = Path(link.__file__).parent
    files = [directory / "main.c", sources / "protect.c"]
    built = subprocess.run(["cc", *link.COMPILE, *_SANITIZED, f"-I{sources}", *files, "-o", directory / "pyoci"],
                           check=False, capture_output=True, text=True)  # fmt: skip
    if "cannot find lib" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    return directory / "pyoci"


@pytest.mark.needs("root")
def test_a_life_has_no_undefined_behaviour(container: Container, place: Path) -> None:
    """Of what is ours in the interpreter: its memory, its system calls, its filters."""
    (place / "own/bin").mkdir(parents=True)
    container.runtime.path = str(place / "own/bin/pyoci")
    more = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
    try:
        link.build(Path(container.runtime.path), place / "build", more)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    rule = {"names": ["uselib"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}
    container.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}

    container.up()
    for command in ("state", "ps", "pause", "resume", "events --stats"):
        name, *options = command.split()
        container.runtime(name, *options, container.id).ok()
    container.exec("true").ok()
    container.exec("nothing").failed("not found", status=255)
    container.runtime("features").ok()


def run(program: Path, *words: str, environment: dict[str, str], **kwargs: Any) -> tuple[str, dict[str, str]]:
    """Run the sanitized program: where it was executed from, and its environment."""
    # Symbols are found by another program, which a caller may not choose.
    given = {"ASAN_OPTIONS": "symbolize=0:detect_leaks=0", **environment}
    done = subprocess.run([program, *words], env=given, capture_output=True, text=True, check=False, **kwargs)
    assert (done.returncode, done.stderr) == (0, "")
    executed, *variables = done.stdout.splitlines()
    found = dict(line.split("=", 1) for line in variables)
    del found["ASAN_OPTIONS"]
    return executed, found


@pytest.mark.parametrize("command", ["create", "state"])
def test_passes_on_what_chooses_no_code(sanitized: Path, command: str) -> None:
    harmful = {"LD_LIBRARY_PATH": "", "LD_X": "1", "GLIBC_TUNABLES": "", "GCONV_PATH": "/", "LOCPATH": "/"}
    harmless = {"PATH": "/bin", "LDX": "1", "GCONV_PATHS": "x", "EMPTY": ""}

    _, found = run(sanitized, command, environment={**harmful, **harmless})

    assert {name: found.get(name) for name in (*harmful, *harmless)} == {**dict.fromkeys(harmful), **harmless}


@pytest.mark.parametrize("count", [0, 5000])
def test_takes_as_many_variables_as_there_are(sanitized: Path, count: int) -> None:
    given = {f"{'LD_' * (number % 2)}V{number}": "x" * 100 for number in range(count)}

    _, found = run(sanitized, "create", environment=given)

    assert sum("V" in name for name in found) == count // 2


@pytest.mark.needs("root")
@pytest.mark.parametrize("own", [True, False], ids=["his own", "not his own"])
def test_is_copied_for_a_user_who_may_not_mount_but_write(sanitized: Path, place: Path, own: bool) -> None:
    program = place / "pyoci"
    program.write_bytes(sanitized.read_bytes())
    program.chmod(0o755)
    os.chown(program, _USER * own, _USER * own)

    user: dict[str, Any] = {"user": _USER, "group": _USER, "extra_groups": []}
    executed, found = run(program, "run", environment={"A": "b"}, **user)

    assert executed == ("/memfd:pyoci (deleted)" if own else str(program))
    assert found["A"] == "b"


@pytest.mark.needs("root")
@pytest.mark.parametrize(("command", "protected"), [("create", "1"), ("state", "0")])
def test_is_protected_when_a_container_may_be_entered(sanitized: Path, command: str, protected: str) -> None:
    _, found = run(sanitized, command, environment={})

    assert found["READ_ONLY"] == protected


@pytest.mark.needs("root")
def test_is_not_taken_for_protected_by_its_name(sanitized: Path) -> None:
    """It looks at the name that it gets when it is executed by a descriptor, as anybody may."""
    fd = os.open(sanitized, os.O_RDONLY)

    _, found = run(Path(f"/dev/fd/{fd}"), "create", environment={}, pass_fds=[fd])
    os.close(fd)

    assert found["READ_ONLY"] == "1"
