"""``ps``: the processes of a container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime


@pytest.fixture
def family(container: Container) -> Container:
    """A container of three processes."""
    container.bundle.script("sleep 1001 & sleep 1002 & echo up >/up; wait")
    container.up().wait_for_file("/up")
    return container


@pytest.mark.parametrize("option", [["--format", "json"], ["--format=json"], ["-f", "json"]], ids=" ".join)
def test_prints_pids_as_json(family: Container, option: list[str]) -> None:
    pids = json.loads(family.runtime("ps", *option, family.id).ok().stdout)

    assert len(pids) == 3
    assert family.pid in pids
    assert all(Path(f"/proc/{pid}").is_dir() for pid in pids)


def test_prints_the_rows_of_ps(family: Container) -> None:
    header, *rows = family.runtime("ps", family.id).ok().stdout.splitlines()

    assert "PID" in header.split()
    assert len(rows) == 3
    assert any("sleep 1001" in row for row in rows)


def test_takes_options_of_ps(family: Container) -> None:
    header, *rows = family.runtime("ps", family.id, "-o", "pid,comm").ok().stdout.splitlines()

    assert header.split()[0] == "PID"
    assert sorted(row.split()[1] for row in rows) == ["sh", "sleep", "sleep"]


def test_shows_the_init_of_a_created_container(container: Container) -> None:
    container.create().ok()

    assert json.loads(container.runtime("ps", "-f", "json", container.id).ok().stdout) == [container.pid]


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("ps", "nobody").failed("container does not exist")


def test_refuses_an_unknown_format(family: Container) -> None:
    family.runtime("ps", "--format", "yaml", family.id).failed("invalid format")
