"""The program pyoci is cannot be changed from a container (CVE-2019-5736), nor the code it runs chosen from outside."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from launcher import link
from tests.support.container import Container
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.differs("about pyoci's own program"),
    pytest.mark.skipif(bool(link.missing()), reason=f"no launcher: {link.missing()}"),
]
_USER = 1234


@pytest.fixture
def interpreter(program: str) -> Path:
    """The file that runs on the way into a container."""
    (found,) = (Path(program).resolve().parent.parent / "lib").glob("python3*/site-packages/pyoci/python")
    return found


@pytest.fixture
def own_copy(container: Container, program: str, interpreter: Path, place: Path) -> Container:
    """The container, under an installation that is all the user's own."""
    (place / "own/bin").mkdir(parents=True)
    shutil.copy2(program, place / "own/bin")
    packages = place / "own" / interpreter.parents[1].relative_to(Path(program).resolve().parent.parent)
    shutil.copytree(interpreter.parent, packages / "pyoci")
    for path in (place / "own", *(place / "own").rglob("*")):
        os.lchown(path, _USER, _USER)
    container.runtime.path = str(place / "own/bin/pyoci")
    return container


def writing_afterwards(container: Container, **kwargs: Any) -> int:
    """The errno of writing to the program of the waiting init, when init is gone: 0 if that works.

    As long as somebody executes it, it is busy, whatever else protects it; so it is nobody else's.
    """
    found = os.open(f"/proc/{container.pid}/exe", os.O_RDONLY)
    try:
        container.runtime("delete", "--force", container.id, **kwargs).ok()
        with open(f"/proc/self/fd/{found}", "r+b", buffering=0) as program:
            program.write(b"#!")
    except OSError as error:
        return error.errno or 0
    finally:
        os.close(found)
    return 0


@pytest.mark.needs("root")
def test_init_is_executed_from_a_mount_that_is_read_only(own_copy: Container) -> None:
    own_copy.create().ok()

    assert writing_afterwards(own_copy) == errno.EROFS


@pytest.mark.needs("root", "userns")
def test_init_is_executed_from_a_sealed_copy_when_a_user_may_not_mount(
    own_copy: Container, place: Path, interpreter: Path
) -> None:
    bundle = own_copy.bundle.rootless(_USER, _USER).args("sleep", "1000")
    bundle.write()
    place.chmod(0o777)
    for path in (bundle.path, *bundle.path.rglob("*")):
        os.lchown(path, _USER, _USER)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(place)}
    who: dict[str, Any] = {"user": _USER, "group": _USER, "extra_groups": [], "env": environment}

    own_copy.runtime("create", "--bundle", bundle.path, own_copy.id, **who).ok()

    assert os.readlink(f"/proc/{own_copy.pid}/exe").startswith("/memfd:pyoci")
    assert writing_afterwards(own_copy, **who) == errno.EPERM


@pytest.mark.needs("root")
def test_a_container_that_grasps_at_those_who_enter_changes_nothing(container: Container, interpreter: Path) -> None:
    """Its root opens the program of every process that comes along, to read or to write, and keeps what it gets."""
    before = hashlib.sha256(interpreter.read_bytes()).hexdigest()
    container.bundle.script(
        "exec 9>/log; while :; do for p in /proc/[0-9]*; do "
        "[ ${p#/proc/} = $$ ] || { (echo x > $p/exe) 2>/dev/null && echo written >&9; }; done; done"
    )
    for names in container.bundle.process["capabilities"].values():
        names += ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"]
    container.bundle.config["root"]["readonly"] = False
    container.up()
    log = container.bundle.rootfs / "log"
    wait_for(log.exists, "the container to begin")

    for _ in range(20):
        container.exec("true").ok()

    assert hashlib.sha256(interpreter.read_bytes()).hexdigest() == before
    assert log.read_text() == ""


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "GLIBC_TUNABLES", "PYOCI_LIBRARY"])
def test_no_variable_chooses_code(program: str, place: Path, name: str) -> None:
    (place / "libc.so.6").write_text("no library")
    value = {"LD_LIBRARY_PATH": str(place), "PYOCI_LIBRARY": str(place), "GLIBC_TUNABLES": "glibc.rtld.enable_secure=x"}
    environment = {name: value.get(name, str(place / "libc.so.6"))}

    finished = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stderr) == (0, "")


def test_the_interpreter_alone_says_what_it_is(interpreter: Path) -> None:
    finished = subprocess.run([interpreter], env={}, capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == "pyoci: this is the interpreter of the command pyoci, which starts it\n"
