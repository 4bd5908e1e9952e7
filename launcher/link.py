"""Building the launcher: freeze, compile, link.

It is linked with CPython's static library, which Debian's python3-dev has. Where that or a compiler is missing, or the
Python is not the one freeze.py knows, the wheel gets the script bin/pyoci, which is a third slower and no worse.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from launcher import freeze

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parent
# Of the standard library: what every command imports and the interpreter does not hold already.
_STANDARD = ("encodings", "encodings.aliases", "encodings.utf_8", "__future__", "struct")
_COMPILE = ("-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong", "-fno-pie")
# At a fixed address, as Debian's interpreter is: 60,000 pointers in the frozen modules are right before the start.
_ARCHIVED = ("-lz", "-lexpat")
_PLACE = '-DPLACE="PYOCI_LIBRARY"'  # the variable by which the one tells the other where the library is
_LINK = ("-no-pie", "-Wl,--export-dynamic", "-Wl,-z,relro", "-Wl,-z,noexecstack", "-s")


def sources() -> dict[str, tuple[Path, str]]:
    """What is frozen: the module → its source, and the path that tracebacks show."""
    standard = Path(sysconfig.get_path("stdlib"))
    found = {name: _file(standard, name) for name in _STANDARD}
    modules = {name: (path, str(path.relative_to(standard))) for name, path in found.items()}
    for path in sorted(_TOP.glob("pyoci/**/*.py")):
        shown = path.relative_to(_TOP)
        name = ".".join(shown.with_suffix("").parts).removesuffix(".__init__")
        if name != "pyoci.__main__":
            modules[name] = (path, str(shown))
    return modules


def _file(directory: Path, name: str) -> Path:
    path = directory / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def missing() -> str:
    """Why no launcher can be built here; nothing if one can."""
    if sys.version_info[:2] != freeze.VERSION or sys.implementation.name != "cpython":
        return f"modules are frozen for CPython {'.'.join(map(str, freeze.VERSION))} alone"
    if not _static_library().exists():
        return f"there is no {_static_library()} (Debian: python3-dev)"
    return "" if shutil.which(_compiler()) else f"there is no {_compiler()}"


def _static_library() -> Path:
    return Path(sysconfig.get_config_var("LIBPL") or "/nonexistent") / f"libpython{sysconfig.get_python_version()}.a"


def _compiler() -> str:
    return str(sysconfig.get_config_var("CC") or "cc").split()[0]


def build_launcher(target: Path) -> None:
    """Build the program that is called, pyoci.c, as *target*. Raises CalledProcessError."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    defines = [f'-DPYTHON="{python}"', _PLACE]
    _run(*_COMPILE, *defines, "-static", "-s", str(_HERE / "pyoci.c"), "-o", str(target))


def build_interpreter(
    target: Path, directory: Path, modules: Mapping[str, tuple[Path, str]] | None = None
) -> None:
    """Build the interpreter, python.c, as *target*, with *modules* (``sources``) frozen in it.

    Intermediate files go into *directory*. Raises CalledProcessError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    frozen = directory / "frozen.c"
    frozen.write_text(freeze.freeze(sources() if modules is None else modules))
    told = {
        "EXECUTABLE": sys._base_executable,  # type: ignore[attr-defined]  # noqa: SLF001 (not that of a virtual environment)
        "PREFIX": sys.base_prefix,
        "STDLIB": sysconfig.get_path("stdlib"),
        "EXTENSIONS": sysconfig.get_config_var("DESTSHARED"),
    }
    defines = [_PLACE, *[f'-D{name}="{value}"' for name, value in told.items()]]
    headers = [f"-I{sysconfig.get_path('include')}", f"-I{sysconfig.get_path('platinclude')}"]
    objects = []
    for source, extra in ((_HERE / "python.c", defines), (frozen, ["-DPy_BUILD_CORE"])):
        objects.append(str(directory / f"{source.stem}.o"))
        _run(*_COMPILE, *headers, *extra, "-c", str(source), "-o", objects[-1])
    _run(*_LINK, *objects, str(_static_library()), *_libraries(), "-o", str(target))


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
