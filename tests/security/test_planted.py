"""No variable of the caller and no file in the current directory chooses code that runs as root.

Everything that could be taken for a module, library or program of ours leaves its name in a file when it runs.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import installed
from tests.support.container import Container

pytestmark = [
    pytest.mark.differs("about pyoci's own program"),
    pytest.mark.needs("root", "cc"),
]
_MODULES = (
    *("sitecustomize", "usercustomize", "encodings", "os", "codecs", "re", "enum", "json", "ctypes", "_ctypes"),
    *("struct", "subprocess", "signal", "socket", "traceback", "prctl", "_prctl", "pyseccomp"),
    *("seccomp", "jsonschema", "jeepney", "pyoci", "pyoci/cli", "pyoci/runtime", "pyoci/config"),
)
_LIBRARIES = ("libseccomp.so.2", "libcap.so.2", "libm.so.6", "libz.so.1", "libexpat.so.1", "libtinfo.so.6")
_PROGRAMS = ("ps", "newuidmap", "newgidmap", "python3", "python", "sh", "env", "readlink", "ldconfig", "gcc", "ld")
_MODULE = """import posix
posix.write(posix.open({ran!r}, posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT, 0o666), b"module {name}" + bytes([10]))
"""
_LIBRARY = """
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
__attribute__((constructor)) static void run(void)
{
    char self[4096] = {0};
    int fd = open(RAN, O_WRONLY | O_APPEND | O_CREAT, 0666);
    long length = readlink("/proc/self/exe", self, sizeof self - 2);
    if (length > 0) {
        self[length] = 10;
        (void)!write(fd, self, length + 1);
    }
    close(fd);
}
unsigned la_version(unsigned version) { return version; }
"""


@pytest.fixture(params=[pytest.param("launcher", marks=pytest.mark.needs("launcher")), "script"])
def installation(request: pytest.FixtureRequest, container: Container, place: Path) -> str:
    """Which of the two commands the container is made with."""
    if request.param == "script":
        container.runtime.path = str(installed.with_script(place / "script"))
    return str(request.param)


@pytest.fixture
def ran(place: Path) -> Path:
    """The file in which what runs leaves its name."""
    return place / "ran"


@pytest.fixture
def planted(place: Path, ran: Path) -> Path:
    """A directory full of what should not run."""
    directory = place / "planted"
    (directory / "dist-packages").mkdir(parents=True)
    for name in _MODULES:
        (directory / name).mkdir()
        (directory / name / "__init__.py").write_text(_MODULE.format(ran=str(ran), name=name))
    for name in _PROGRAMS:
        (directory / name).write_text(f"#!/bin/sh\necho program {name} >> {ran}\n")
        (directory / name).chmod(0o755)
    (directory / "start.py").write_text(f"open({str(ran)!r}, 'a').write('start.py\\n')\n")
    compile_library(directory, str(ran))
    for name in _LIBRARIES:
        (directory / name).symlink_to("evil.so")
    (directory / "gconv-modules").write_text("module UTF-8// INTERNAL evil 1\nmodule INTERNAL UTF-8// evil 1\n")
    return directory


def compile_library(directory: Path, ran: str) -> Path:
    """A library in *directory* that leaves its program's name in the file *ran* when it is loaded."""
    source, library = directory / "library.c", directory / "evil.so"
    source.write_text(_LIBRARY)
    subprocess.run(["cc", "-shared", "-fPIC", f'-DRAN="{ran}"', str(source), "-o", str(library)], check=True)
    return library


def variables(planted: Path) -> dict[str, str]:
    """An environment in which everything points to *planted*."""
    paths = (
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH"),
        *("GCONV_PATH", "LOCPATH", "NLSPATH", "TMPDIR", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "PYOCI_LIBRARY"),
    )
    script = str(planted / "start.py")
    return {
        **dict.fromkeys(paths, str(planted)),
        "PATH": f"{planted}:.",
        "PYTHONSTARTUP": script,
        "PYTHONBREAKPOINT": "sitecustomize.run",
        "PYTHONWARNINGS": "error:::sitecustomize,error::usercustomize.Warning",
        "PYTHONEXECUTABLE": str(planted / "python3"),
        "PYTHONINSPECT": "1",
        "LD_PRELOAD": str(planted / "evil.so"),
        "LD_AUDIT": str(planted / "evil.so"),
        "BASH_ENV": script,
        "ENV": script,
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "xx",
    }


def test_a_whole_life_runs_nothing_that_was_planted(
    installation: str, container: Container, planted: Path, ran: Path
) -> None:
    given: dict[str, Any] = {"env": variables(planted), "cwd": planted}
    container.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [],
                                         "syscalls": [{"names": ["uselib"], "action": "SCMP_ACT_ERRNO"}]}  # fmt: skip
    container.bundle.args("sleep", "1000")
    container.create(**given).ok()
    container.start(**given).ok()
    container.exec("true", **given).ok()
    for command in ("state", "pause", "resume", "events --stats", "ps"):
        name, *options = command.split()
        container.runtime(name, *options, container.id, **given).ok()
    for command in ("features", "--version", "list", "spec --bundle /nowhere", "create --help", "nonsense", "--debug"):
        container.runtime(*command.split(), **given)
    container.bundle.config["process"]["args"] = 5  # explained by jsonschema
    (planted / "config.json").write_text(json.dumps(container.bundle.config))
    container.runtime("create", f"{container.id}-2", **given).failed("args")
    container.delete("--force", **given).ok()

    found = ran.read_text().splitlines() if ran.exists() else []
    if installation == "script":  # the loader of sh runs before it can drop a variable: see SECURITY.md
        shell = os.path.realpath("/bin/sh")
        found = [line for line in found if line not in {shell, os.path.realpath("/usr/bin/readlink")}]
    assert found == []


@pytest.mark.parametrize(("name", "kind"), [("PYTHONPATH", "module"), ("GCONV_PATH", "/"), ("LD_PRELOAD", "/")])
def test_what_is_planted_runs_where_nobody_is_careful(planted: Path, ran: Path, name: str, kind: str) -> None:
    given = {name: variables(planted)[name], "LC_ALL": "C.UTF-8"}
    subprocess.run(["/usr/bin/python3", "-c", "0"], env=given, cwd=planted, capture_output=True, check=False)

    assert ran.read_text().startswith(kind)
