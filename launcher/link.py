"""Building the launcher: compile, link, make the image.

It is linked statically with CPython, which Debian's python3-dev has as an archive, libseccomp and the C library. Where
one of them or a compiler is missing, or the Python is not one this was tried with, the wheel gets the script bin/pyoci,
which is slower and no worse.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from launcher import image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parent
COMPILE = (
    *("-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", "-Wformat=2", "-Wshadow", "-Werror"),
    *("-fstack-protector-strong", "-fstack-clash-protection", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"),
)
# At a fixed address, as Debian's interpreter is: pointers in the image are right before the start.
_LINK = ("-static", "-fno-pie", "-no-pie", "-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack", "-s", "-Wl,--no-warnings",
         *(f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc", "free", "_Py_Deepfreeze_Init")))
_SOURCES = ("python.c", "protect.c", "memory.c", "immortal.c", "calls.c", "json.c", "seccomp.c", "absent.c")
_IMPORTED = ("jeepney", "jsonschema")
_C_LIBRARY = ("-lm", "-ldl")
VERSIONS = ("3.11", "3.13")


def missing() -> str:
    """Why no launcher can be built here; nothing if one can."""
    if sysconfig.get_python_version() not in VERSIONS or sys.implementation.name != "cpython":
        return f"images are made of CPython {' and '.join(VERSIONS)} alone"
    if not shutil.which(_compiler()):
        return f"there is no {_compiler()}"
    if not _static_library().exists():
        return f"there is no {_static_library()} (Debian: python3-dev)"
    if not all(importlib.util.find_spec(name) for name in _IMPORTED):
        return f"{' and '.join(_IMPORTED)} are not both installed"
    absent = [option for option in _libraries() if not _archive(option)]
    return f"there is no archive for {' '.join(absent)} (Debian: libseccomp-dev, python3-dev)" if absent else ""


def _static_library() -> Path:
    return Path(sysconfig.get_config_var("LIBPL") or "/nonexistent") / f"libpython{sysconfig.get_python_version()}.a"


def _compiler() -> str:
    return str(sysconfig.get_config_var("CC") or "cc").split()[0]


def build(target: Path, directory: Path, more: Sequence[str] = ()) -> None:
    """Build the launcher as *target*, compiled with *more*.

    Intermediate files go into *directory*. Raises CalledProcessError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    told = [f'-DPREFIX="{sys.base_prefix}"', f'-DSTDLIB="{sysconfig.get_path("stdlib")}"',
            f"-DHASH_SEED={1 + secrets.randbelow(2**32 - 1)}"]
    headers = [f"-I{sysconfig.get_path('include')}", f"-I{sysconfig.get_path('platinclude')}"]
    edges = [_edge(name, directory) for name in ("first", "last")]
    sources = [str(_HERE / name) for name in _SOURCES]
    program = directory / "python"
    ours = [edges[0], *sources, str(_static_library()), *_libraries(), edges[1]]
    _run(*COMPILE, *more, *headers, *told, *_LINK, *ours, "-lm", "-o", str(program))
    image.make(program, target, directory)


def _edge(name: str, directory: Path) -> str:
    """The object file that stands at the *name* edge of the interpreter's variables."""
    made = str(directory / f"{name}.o")
    _run(*COMPILE, f"-DDATA={name}_data", f"-DBSS={name}_bss", "-c", str(_HERE / "edge.c"), "-o", made)
    return made


def _libraries() -> list[str]:
    """The archives that CPython's modules need, and ours."""
    names = " ".join(str(sysconfig.get_config_var(name) or "") for name in ("MODLIBS", "LIBS")).split()
    return [*dict.fromkeys(name for name in names if name.startswith("-l") and name not in _C_LIBRARY), "-lseccomp"]


def _archive(option: str) -> str:
    """The archive that *option*, ``-lz``, means; nothing if there is none."""
    name = f"lib{option.removeprefix('-l')}.a"
    found = subprocess.check_output([_compiler(), f"-print-file-name={name}"], text=True).strip()
    return "" if found == name else found


def _run(*arguments: str) -> None:
    subprocess.run([_compiler(), *arguments], check=True)


if __name__ == "__main__":  # python -m launcher.link TARGET
    if reason := missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as intermediate:
        build(Path(sys.argv[1]), Path(intermediate))
