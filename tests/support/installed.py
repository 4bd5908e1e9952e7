"""The runtime under test: ``RUNTIME``, ``PYOCI``, or a wheel of this tree installed for the occasion."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

_TOP = Path(__file__).resolve().parents[2]
_SOURCES = (
    *("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"),
    *("pyoci", "spec", "bin", "launcher", "tools"),
)


def other_runtime() -> str:
    """The path of a runtime that is not pyoci and should pass these tests as well, or nothing."""
    return os.environ.get("RUNTIME", "")


def path(shared: Path) -> str:
    """The runtime's path. Without RUNTIME and PYOCI a wheel is built and installed below *shared*, once."""
    named = other_runtime() or os.environ.get("PYOCI", "")
    if named:
        return shutil.which(named) or os.path.abspath(named)
    with (shared / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = shared / "venv/bin/pyoci"
        if not program.exists():
            _install(shared)
        return str(program)


def _install(shared: Path) -> None:
    """Build a wheel and install it as users have it: bytecode compiled, nothing editable."""
    venv, wheels = shared / "venv", shared / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), _copy_of_tree(shared)])
    _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    (wheel,) = wheels.glob("pyoci_runtime-*.whl")
    _run([*pip, "--python", str(venv / "bin/python"), "install", "--no-deps", str(wheel)])
    (packages,) = venv.glob("lib/python3*/site-packages")
    _link_libraries(packages)


def with_script(prefix: Path, tree: Path = _TOP) -> Path:
    """The script bin/pyoci, as it is installed where no launcher can be built, with an interpreter of its own."""
    packages = prefix / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages.mkdir(parents=True)
    (prefix / "bin").mkdir()
    shutil.copy2(os.path.realpath(sys.executable), prefix / "bin/python3")
    shutil.copytree(tree / "pyoci", packages / "pyoci", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tree / "spec", packages / "pyoci/spec")
    _link_libraries(packages)
    return Path(shutil.copy2(tree / "bin/pyoci", prefix / "bin/pyoci"))


def _link_libraries(packages: Path) -> None:
    """Give *packages* the libraries pyoci stands on: those of the interpreter that runs the tests.

    (A .pth file would not do: pyoci starts without `site`.)
    """
    for library in Path(sysconfig.get_paths()["platlib"]).iterdir():
        if not (packages / library.name).exists():
            (packages / library.name).symlink_to(library)


def _copy_of_tree(shared: Path) -> str:
    """A copy to build in: setuptools leaves build/ and an egg-info where it works."""
    copy = shared / "tree"
    copy.mkdir()
    _run(["cp", "-a", *(str(_TOP / name) for name in _SOURCES if (_TOP / name).exists()), str(copy)])
    return str(copy)


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
