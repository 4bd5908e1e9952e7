"""The importer of the installed command agrees with Python's own."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from pyoci import importer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of a module ``pyoci.thing`` beside no other, compiled."""
    source = tmp_path / "pyoci" / "thing.py"
    source.parent.mkdir()
    source.write_text("value = 1\n")
    py_compile.compile(str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    monkeypatch.setattr(importer, "_ABOVE", f"{tmp_path}/")
    return source


def find(name: str = "pyoci.thing") -> ModuleSpec | None:
    """What the importer says of *name*."""
    return importer.Importer.find_spec(name, None, None)


def test_find_spec_gives_the_code_when_it_is_current(module: Path) -> None:
    spec = find()
    assert spec is not None
    assert spec.origin == str(module)
    made = importlib.util.module_from_spec(spec)
    importer.Importer.exec_module(made)
    assert vars(made)["value"] == 1


@pytest.mark.parametrize("name", ["os", "pyoci", "pyocix.thing", "pyoci.missing", "json.decoder"])
def test_find_spec_leaves_it_to_python_when_it_is_not_ours(module: Path, name: str) -> None:
    assert find(name) is None


def test_find_spec_leaves_it_to_python_when_the_source_is_newer(module: Path) -> None:
    os.utime(module, (1, 1))
    assert find() is None


def test_find_spec_leaves_it_to_python_when_the_source_has_another_size(module: Path) -> None:
    found = module.stat()
    module.write_text("value = 22\n")
    os.utime(module, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert find() is None


@pytest.mark.parametrize("change", [b"\0\0\0\0", b""], ids=["another Python", "cut short"])
def test_find_spec_leaves_it_to_python_when_the_bytecode_is_not_for_it(module: Path, change: bytes) -> None:
    compiled = Path(importlib.util.cache_from_source(str(module)))
    compiled.write_bytes(change + compiled.read_bytes()[4:] if change else b"")
    assert find() is None


def test_find_spec_leaves_it_to_python_when_nothing_is_compiled(module: Path) -> None:
    Path(importlib.util.cache_from_source(str(module))).unlink()
    assert find() is None


def test_packages_find_their_modules_when_it_is_installed() -> None:
    code = f"""import sys; sys.path.insert(0, {str(TOP)!r})
from pyoci import importer
importer.install()
import pyoci.config.linux.resources.cpu, pyoci.config
print(pyoci.config.__path__[0], pyoci.config.linux.resources.cpu.__file__)"""
    words = subprocess.check_output([sys.executable, "-I", "-S", "-c", code], text=True).split()
    assert words == [f"{TOP}/pyoci/config", f"{TOP}/pyoci/config/linux/resources/cpu.py"]
