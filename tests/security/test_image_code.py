"""Nothing of the image runs before its program: whoever is on the way in loads no library and no module there.

CVE-2019-14271 was a helper of docker's that had entered the image and then looked for the libraries of NSS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.test_planted import compile_library
from tests.support import installed
from tests.support.container import Container

pytestmark = [
    pytest.mark.differs("about pyoci's own program"),
    pytest.mark.needs("root", "cc"),
]
_RAN = "/ran"
_LIBRARIES = (
    *("libc.so.6", "libm.so.6", "libgcc_s.so.1", "libnss_files.so.2", "libnss_compat.so.2", "libnss_systemd.so.2"),
    *("libseccomp.so.2", "libcap.so.2", "libdl.so.2", "libpthread.so.0", "libresolv.so.2", "gconv/UTF-16.so"),
)


@pytest.fixture(params=[pytest.param("launcher", marks=pytest.mark.needs("launcher")), "script"])
def hostile(request: pytest.FixtureRequest, container: Container, place: Path) -> Container:
    """A container whose image has a library or module in every place where the interpreter would look for one."""
    if request.param == "script":
        container.runtime.path = str(installed.with_script(place / "script"))
    rootfs = container.bundle.rootfs
    library = compile_library(place, _RAN)
    machine = os.uname().machine
    for directory in ("lib", "usr/lib", f"lib/{machine}-linux-gnu", f"usr/lib/{machine}-linux-gnu"):
        for name in _LIBRARIES:
            target = rootfs / directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library, target)
    for source in {Path(os.__file__).parent, Path(container.runtime.path).resolve().parent.parent / "lib"}:
        _imitate(source, rootfs / str(source).lstrip("/"))
    return container


def _imitate(source: Path, target: Path) -> None:
    """Put a module that leaves a mark in the place of each in *source*."""
    for path in source.rglob("*.py"):
        if "test" not in path.parts and "dist-packages" not in path.parts:
            made = target / path.relative_to(source)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(f"open({_RAN!r}, 'a').write('module ' + __name__ + '\\n')\n")


def test_nothing_of_the_image_is_loaded_on_the_way_in(hostile: Container) -> None:
    hostile.bundle.process["user"] = {"uid": 12, "gid": 34, "additionalGids": [56]}
    hostile.up()
    hostile.exec("true").ok()
    hostile.exec("nothing").failed("executable file not found", status=255)
    hostile.exec("/etc/passwd").failed("permission denied", status=255)
    hostile.exec("true", flags=("--user", "4000000", "--cwd", "/nowhere")).failed("/nowhere", status=255)

    assert not (hostile.bundle.rootfs / _RAN.lstrip("/")).exists()


def test_what_is_there_would_have_been_loaded(hostile: Container) -> None:
    """By an interpreter that has entered the root and only then imports, or asks who a user is."""
    script = f"import os; os.chroot({str(hostile.bundle.rootfs)!r}); os.chdir('/'); import wsgiref"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=False, capture_output=True)

    assert (hostile.bundle.rootfs / _RAN.lstrip("/")).read_text() == "module wsgiref\n"
