"""Building the launcher: compile, link, make the image.

It is linked with CPython's static library, which Debian's python3-dev has. Where that or a compiler is missing, or the
Python is not one this was tried with, the wheel gets the script bin/pyoci, which is slower and no worse.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from launcher import image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parent
_COMPILE = (
    *("-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", "-Wformat=2", "-Wshadow", "-Werror"),
    *("-fstack-protector-strong", "-fstack-clash-protection", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"),
)
_LAUNCHER = ("-Wconversion", "-fPIE", "-static-pie", "-Wl,-z,relro,-z,now,-z,noexecstack", "-s")
_ARCHIVED = ("-lz", "-lexpat")
_PLACE = '-DPLACE="PYOCI_LIBRARY"'  # the variable by which the one tells the other where the library is
# At a fixed address, as Debian's interpreter is: pointers in the image are right before the start. Functions of the C
# library are all looked up at once, so that their addresses lie in what is read-only afterwards.
_LINK = ("-fno-pie", "-no-pie", "-Wl,--export-dynamic", "-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack", "-s",
         *(f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc", "free")))
VERSION = (3, 11)


def missing() -> str:
    """Why no launcher can be built here; nothing if one can."""
    if sys.version_info[:2] != VERSION or sys.implementation.name != "cpython":
        return f"images are made of CPython {'.'.join(map(str, VERSION))} alone"
    if not _static_library().exists():
        return f"there is no {_static_library()} (Debian: python3-dev)"
    return "" if shutil.which(_compiler()) else f"there is no {_compiler()}"


def _static_library() -> Path:
    return Path(sysconfig.get_config_var("LIBPL") or "/nonexistent") / f"libpython{sysconfig.get_python_version()}.a"


def _compiler() -> str:
    return str(sysconfig.get_config_var("CC") or "cc").split()[0]


def build_launcher(target: Path, source: Path = _HERE / "pyoci.c", more: Sequence[str] = _LAUNCHER) -> None:
    """Build the program that is called, *source*, as *target*, compiled and linked with *more*.

    Raises CalledProcessError.
    """
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    defines = [f'-DPYTHON="{python}"', _PLACE]
    _run(*_COMPILE, *defines, *more, str(source), "-o", str(target))


def build_interpreter(target: Path, directory: Path, more: Sequence[str] = ()) -> None:
    """Build the interpreter, python.c, and its image as *target*, compiled with *more*.

    Intermediate files go into *directory*. Raises CalledProcessError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    told = {
        "EXECUTABLE": sys._base_executable,  # type: ignore[attr-defined]  # noqa: SLF001 (not that of a virtual environment)
        "PREFIX": sys.base_prefix,
        "STDLIB": sysconfig.get_path("stdlib"),
        "EXTENSIONS": sysconfig.get_config_var("DESTSHARED"),
    }
    defines = [_PLACE, *[f'-D{name}="{value}"' for name, value in told.items()]]
    headers = [f"-I{sysconfig.get_path('include')}", f"-I{sysconfig.get_path('platinclude')}"]
    sources = [str(_HERE / name) for name in ("python.c", "memory.c", "calls.c", "json.c")]
    program = directory / "python"
    flags = [*_COMPILE, *more, *headers, *defines]
    _run(*flags, *sources, *_LINK, str(_static_library()), *_libraries(), "-o", str(program))
    image.make(program, target, directory)


def _libraries() -> list[str]:
    """What the static library needs; as archives where they are there, for each shared one costs the loader time."""
    names = " ".join(str(sysconfig.get_config_var(name) or "") for name in ("MODLIBS", "LIBS", "SYSLIBS")).split()
    return [_archive(name) if name in _ARCHIVED else name for name in dict.fromkeys(names)]


def _archive(option: str) -> str:
    """The archive that *option*, ``-lz``, could mean; *option* itself if there is none."""
    name = f"lib{option.removeprefix('-l')}.a"
    found = subprocess.check_output([_compiler(), f"-print-file-name={name}"], text=True).strip()
    return option if found == name else found


def _run(*arguments: str) -> None:
    subprocess.run([_compiler(), *arguments], check=True)
