"""tests/security/guards.toml is true of this tree; that its tests fail without the guards, tools/mutations.py shows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
GUARDS = tomllib.loads((TOP / "tests/security/guards.toml").read_text())["guard"]
each = pytest.mark.parametrize("guard", [pytest.param(guard, id=guard["name"]) for guard in GUARDS])


@each
def test_guard_is_where_the_table_says(guard: dict[str, str]) -> None:
    text = (TOP / guard["file"]).read_text()

    assert text.count(guard["old"]) == 1
    assert guard["old"] != guard["new"]
    if guard["file"].endswith(".py"):
        compile(text.replace(guard["old"], guard["new"]), guard["file"], "exec")  # gone, and nothing else is wrong


@each
def test_tests_of_a_guard_exist(guard: dict[str, list[str]]) -> None:
    assert guard["red"]
    for test in guard["red"]:
        file, _, name = test.partition("::")
        assert f"\ndef {name.partition('[')[0]}(" in (TOP / file).read_text()


def test_every_incident_has_a_guard() -> None:
    """Those of SECURITY.md, which names what happened to runtimes."""
    text = (TOP / "SECURITY.md").read_text()
    told = {incident for guard in GUARDS for incident in guard["incidents"]}

    assert {incident for incident in told if incident not in text} == set()
