"""The program pyoci is cannot be changed from a container (CVE-2019-5736), nor the code it runs chosen from outside."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import installed
from tests.support.container import Container
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("about pyoci's own program")
_USER = 1234


@pytest.fixture
def own_copy(container: Container, program: str, place: Path) -> Container:
    """The container, under an installation that is all the user's own."""
    (place / "own/bin").mkdir(parents=True)
    shutil.copy2(program, place / "own/bin")
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


def as_user(container: Container, place: Path) -> dict[str, Any]:
    """Keywords that run the runtime as a user to whom all of it belongs."""
    container.bundle.rootless(_USER, _USER).args("sleep", "1000").write()
    place.chmod(0o777)
    own = Path(container.runtime.path).parent.parent
    for path in (container.bundle.path, *container.bundle.path.rglob("*"), own, *own.rglob("*")):
        os.lchown(path, _USER, _USER)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(place)}
    return {"user": _USER, "group": _USER, "extra_groups": [], "env": environment}


@pytest.mark.needs("root", "launcher")
def test_init_is_executed_from_a_mount_that_is_read_only(own_copy: Container) -> None:
    own_copy.create().ok()

    assert writing_afterwards(own_copy) == errno.EROFS


@pytest.mark.needs("root", "userns", "launcher")
def test_init_is_executed_from_a_sealed_copy_when_a_user_may_not_mount(
    own_copy: Container, place: Path
) -> None:
    who = as_user(own_copy, place)

    own_copy.runtime("create", "--bundle", own_copy.bundle.path, own_copy.id, **who).ok()

    assert os.readlink(f"/proc/{own_copy.pid}/exe").startswith("/memfd:pyoci")
    assert writing_afterwards(own_copy, **who) == errno.EPERM


@pytest.mark.needs("root", "userns", "launcher")
def test_a_filter_is_kept_for_the_next_sealed_copy(own_copy: Container, place: Path) -> None:
    own_copy.bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["uselib"], "action": "SCMP_ACT_ERRNO"}],
    }  # fmt: skip
    who = as_user(own_copy, place)
    seen = []

    for _ in range(2):
        own_copy.runtime("create", "--bundle", own_copy.bundle.path, own_copy.id, **who).ok()
        (kept,) = (place / "pyoci.cache").iterdir()
        seen.append(kept.stat().st_ino)  # another one when it is written anew
        own_copy.runtime("delete", "--force", own_copy.id, **who).ok()

    assert seen[0] == seen[1]


@pytest.mark.needs("root", "launcher")
def test_a_container_that_grasps_at_those_who_enter_changes_nothing(container: Container, program: str) -> None:
    """Its root opens the program of every process that comes along, to read or to write, and keeps what it gets."""
    before = hashlib.sha256(Path(program).read_bytes()).hexdigest()
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

    assert hashlib.sha256(Path(program).read_bytes()).hexdigest() == before
    assert log.read_text() == ""


# The image's loader, which the kernel takes to start /proc/self/exe: it keeps hold of that file, and lets sh write to
# it when nobody executes it any more. Without a C library, for there is none where it begins.
_LOADER = """
static long call(long number, long a, long b, long c)
{
#if defined __x86_64__
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}
void _start(void)
{
    char *argv[] = {"sh", "-c", SCRIPT, 0}, *envp[] = {"PATH=/bin", 0};
    call(OPENAT, -100, (long)"/proc/self/exe", 0);
    call(EXECVE, (long)"/bin/sh", (long)argv, (long)envp);
    for (;;)
        ;
}
"""
# As long as the runtime waits for it, the file is busy.
_SCRIPT = (
    "n=0; while [ $((n += 1)) -lt 100 ]; do sleep 0.02; for fd in 3 4 5 6 7 8 9; do "
    "(echo x >> /proc/self/fd/$fd) 2> /dev/null && echo wrote to $fd >> /said; done; done; echo tried >> /said"
)
_MACHINES = {"x86_64": (257, 59, "lib64/ld-linux-x86-64.so.2"), "aarch64": (56, 221, "lib/ld-linux-aarch64.so.1")}


def give_loader(container: Container, place: Path) -> None:
    """Put the hostile loader into the image."""
    openat, execve, path = _MACHINES[os.uname().machine]
    (place / "loader.c").write_text(_LOADER)
    target = container.bundle.rootfs / path
    target.parent.mkdir(exist_ok=True)
    defines = [f"-DOPENAT={openat}", f"-DEXECVE={execve}", f"-DSCRIPT={json.dumps(_SCRIPT)}"]
    flags = ["-O1", "-fPIE", "-static-pie", "-nostdlib", "-ffreestanding", "-fno-stack-protector"]
    subprocess.run(["cc", *flags, *defines, str(place / "loader.c"), "-o", str(target)], check=True)


@pytest.mark.needs("root", "cc")
@pytest.mark.skipif(os.uname().machine not in _MACHINES, reason="the loader is not written for this machine")
@pytest.mark.parametrize("entry", ["/proc/self/exe", "/script"])
@pytest.mark.parametrize("way", ["run", "exec"])
def test_an_entry_point_that_is_the_interpreter_changes_nothing(
    container: Container, place: Path, entry: str, way: str
) -> None:
    """CVE-2019-5736 as it was found: by a script's first line or as the program itself, the image runs the runtime."""
    container.runtime.path = str(installed.with_script(place / "script"))
    for names in container.bundle.process["capabilities"].values():
        names.append("CAP_DAC_OVERRIDE")
    own = Path(container.runtime.path).parent.parent
    before = hashes(own)
    give_loader(container, place)
    (container.bundle.rootfs / "script").write_text("#!/proc/self/exe\n")
    (container.bundle.rootfs / "script").chmod(0o755)
    if way == "exec":
        container.up()
        container.exec(entry, flags=("--detach",)).ok()
    else:
        container.bundle.args(entry)
        container.up()

    said = container.wait_for_file("said")
    wait_for(lambda: "tried" in (container.bundle.rootfs / "said").read_text(), "the attempts")

    assert "wrote" not in said
    assert hashes(own) == before


@pytest.mark.needs("root", "cc", "launcher")
@pytest.mark.skipif(os.uname().machine not in _MACHINES, reason="the loader is not written for this machine")
@pytest.mark.parametrize("entry", ["/proc/self/exe", "/script"])
def test_an_entry_point_that_is_the_launcher_runs_nothing_of_the_image(
    own_copy: Container, place: Path, entry: str
) -> None:
    """It has no loader that could be the image's, and is out of reach like any program on a read-only mount."""
    own = Path(own_copy.runtime.path)
    before = hashes(own.parent)
    give_loader(own_copy, place)
    (own_copy.bundle.rootfs / "script").write_text("#!/proc/self/exe\n")
    (own_copy.bundle.rootfs / "script").chmod(0o755)
    own_copy.up()

    done = own_copy.exec(entry)

    assert "pyoci" in done.stdout + done.stderr  # it is the command, in the container
    assert not (own_copy.bundle.rootfs / "said").exists()
    assert hashes(own.parent) == before


def hashes(directory: Path) -> dict[Path, str]:
    """What each of our files is: the command, the interpreter, modules and libraries."""
    files = [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.needs("root")
def test_the_script_starts_an_interpreter_that_is_read_only(container: Container, place: Path) -> None:
    container.runtime.path = str(installed.with_script(place / "own"))

    container.create().ok()

    assert writing_afterwards(container) == errno.EROFS


@pytest.mark.needs("root", "userns")
def test_the_script_starts_a_sealed_copy_when_a_user_may_not_mount(container: Container, place: Path) -> None:
    container.runtime.path = str(installed.with_script(place / "own"))
    who = as_user(container, place)

    container.runtime("create", "--bundle", container.bundle.path, container.id, **who).ok()

    assert os.readlink(f"/proc/{container.pid}/exe").startswith("/memfd:pyoci")
    assert writing_afterwards(container, **who) == errno.EPERM
