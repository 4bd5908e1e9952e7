"""What is installed: every module, the schemas, compiled bytecode, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import installed

pytestmark = pytest.mark.differs("about pyoci's own files")

_TREE = Path(installed.__file__).resolve().parents[2]


@pytest.fixture
def package(program: str) -> Path:
    """The installed package."""
    (found,) = (Path(program).resolve().parent.parent / "lib").glob("python3*/site-packages/pyoci")
    return found


def files(directory: Path, pattern: str) -> set[str]:
    """The paths below *directory* that match *pattern*."""
    return {str(path.relative_to(directory)) for path in directory.rglob(pattern)}


def test_has_every_module(package: Path) -> None:
    assert files(package, "*.py") == files(_TREE / "pyoci", "*.py")


def test_has_the_schemas(package: Path) -> None:
    assert files(package / "spec", "*") == files(_TREE / "spec", "*.json")


def test_has_compiled_bytecode(package: Path) -> None:
    compiled = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in package.rglob("__pycache__/*.pyc")}

    assert compiled == set(package.rglob("*.py"))


def test_starts_from_any_directory_by_a_link(program: str, place: Path) -> None:
    (place / "link").symlink_to(program)

    finished = subprocess.run(["./link", "--version"], cwd=place, env={}, capture_output=True, text=True, check=True)

    assert finished.stdout.startswith("pyoci version ")


def test_runs_no_code_of_the_current_directory(program: str, place: Path) -> None:
    """It runs as root, in directories that others write to."""
    for name in ("pyoci", "os", "posix", "ctypes", "sitecustomize"):
        (place / f"{name}.py").write_text("raise SystemExit('code of the current directory')")

    environment = {"PYTHONPATH": str(place), "PYTHONSTARTUP": str(place / "os.py"), "PYTHONHOME": ""}
    finished = subprocess.run([program, "--version"], cwd=place, env=environment, capture_output=True, check=True)

    assert finished.stdout.startswith(b"pyoci version ")
