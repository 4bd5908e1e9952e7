"""The tree is the spec: what config.json calls linux.resources.cpu lives in pyoci/config/linux/resources/cpu.py."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest

from pyoci.config import Config, schema
from pyoci.record import Record, camel, declared, section

PACKAGE = Path(schema.__file__).parent
GROUPS = ("", "process", "linux", "linux.resources")

# Properties whose module is called otherwise, and why.
ELSEWHERE = {
    "ociVersion": "checks.py",  # one check
    "annotations": "checks.py",  # one check
    "process.args": "process/execute.py",  # args and env are what execve(2) takes
    "process.env": "process/execute.py",
    "process.consoleSize": "process/terminal.py",  # nothing without a terminal
    "linux.uidMappings": "linux/id_mappings.py",  # two lists of one kind
    "linux.gidMappings": "linux/id_mappings.py",
    "linux.cgroupsPath": "../cgroups/__init__.py",  # where the cgroup is, is for those who make it
}
# Of other systems; a runtime on Linux ignores them (config.md#platform-specific-configuration).
IGNORED = {"windows", "solaris", "vm", "freebsd", "zos", "process.commandLine", "process.user.username"}


def snake(name: str) -> str:
    """The property that JSON calls *name*; the inverse of record.camel, found by trying."""
    text = ""
    for place, letter in enumerate(name):
        before, after = name[place - 1 : place], name[place + 1 : place + 2]
        starts = letter.isupper() and (before.islower() or before.isdigit() or (before.isupper() and after.islower()))
        text += ("_" if place and starts else "") + letter.lower()
    assert camel(text) == name
    return text


def resolved(entry: dict[str, Any]) -> dict[str, Any]:
    reference = entry.get("$ref")
    return schema.load()["$defs"][reference.rpartition("/")[2]] if reference else entry


def group(path: str) -> dict[str, Any]:
    """The properties of the section *path* in the schema."""
    entry = schema.load()
    for name in path.split(".") if path else ():
        entry = entry["properties"][name]
    properties: dict[str, Any] = entry["properties"]
    return properties


SECTIONS = [f"{path}.{name}".lstrip(".") for path in GROUPS for name in group(path)]


def module(path: str) -> Path:
    """Where *path* in config.json is dealt with."""
    if path in ELSEWHERE:
        return (PACKAGE / ELSEWHERE[path]).resolve()
    place = PACKAGE.joinpath(*(snake(name) for name in path.split(".")))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@pytest.mark.parametrize("path", [path for path in SECTIONS if path not in IGNORED])
def test_section_has_a_module_named_after_it_when_the_schema_has_it(path: str) -> None:
    assert module(path).is_file()


@pytest.mark.parametrize("path", [path for path in SECTIONS if path not in IGNORED | ELSEWHERE.keys()])
def test_docstring_begins_with_the_path_and_names_the_clause_when_it_is_a_section(path: str) -> None:
    docstring = ast.get_docstring(ast.parse(module(path).read_text())) or ""
    assert docstring.startswith((f"{path}:", f"{path},", f"{path} and"))
    assert "(config" in docstring


def test_exceptions_are_needed_when_listed() -> None:
    assert ELSEWHERE.keys() <= set(SECTIONS)
    assert all(
        not PACKAGE.joinpath(*(snake(name) for name in path.split("."))).with_suffix(".py").exists()
        for path in ELSEWHERE
    )


@pytest.mark.clause("platform.others-ignored", "process.command-line", "process.user.username")
def test_records_have_exactly_the_properties_of_the_schema_when_walked_together() -> None:
    assert list(differences(Config, schema.load(), "")) == []


def differences(record: type[Record], entry: dict[str, Any], path: str) -> list[str]:
    """Where *record* and the schema *entry* disagree about which properties there are."""
    fields = {camel(name): text for name, text in declared(record).items()}
    known = {name for name in entry["properties"] if f"{path}{name}" not in IGNORED}
    found = [f"{path}{name}" for name in sorted(known ^ fields.keys())]
    for name in sorted(known & fields.keys()):
        if inner := section_of(record, fields[name]):
            found += differences(inner, element(entry["properties"][name]), f"{path}{name}.")
    return found


def section_of(record: type[Record], annotation: str) -> type[Record] | None:
    """The class a type such as ``dict[str, module.Class]`` is about, or None for strings, numbers and booleans."""
    inner = annotation.removesuffix(" | None").removeprefix("tuple[").removeprefix("dict[str, ")
    inner = inner.removesuffix("]").removesuffix(", ...")
    return section(record, inner) if inner.rpartition(".")[2][:1].isupper() else None


def element(entry: dict[str, Any]) -> dict[str, Any]:
    """What an array or a map of the schema holds, or the object itself."""
    entry = resolved(entry)
    while "properties" not in entry:
        entry = resolved(entry.get("items") or entry["additionalProperties"])
    return entry


def test_every_module_of_config_can_be_imported_when_alone() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent.parent).with_suffix("").parts)
        importlib.import_module(name.removesuffix(".__init__"))
