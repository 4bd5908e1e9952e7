"""Fixtures for the tests of the sections of config.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.container import Container
    from tests.support.runtime import Result

_USER = 1234


@pytest.fixture
def exec_process(container: Container, place: Path) -> Callable[..., Result]:
    """``exec`` in the container of a process like that of config.json, changed by keywords; None takes one out."""

    def run(*options: str, **changes: Any) -> Result:
        process = {**container.bundle.process, **changes}
        document = {name: value for name, value in process.items() if value is not None}
        (place / "process.json").write_text(json.dumps(document))
        return container.exec(flags=("--process", str(place / "process.json"), *options))

    return run


@pytest.fixture
def as_user(container: Container, place: Path) -> dict[str, Any]:
    """Keywords that run the runtime as a user without privileges, whose files are the bundle's."""
    container.bundle.rootless(_USER, _USER)
    place.chmod(0o777)
    for directory in Path(container.runtime.path).parents:
        if not (mode := directory.stat().st_mode) & 0o001:  # pytest's own, in which the runtime is installed
            directory.chmod(mode | 0o011)
    (place / "bundle/config.json").touch()
    for path in (container.bundle.path, *container.bundle.path.rglob("*")):
        os.lchown(path, _USER, _USER)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(place)}
    return {"user": _USER, "group": _USER, "extra_groups": [], "env": environment}


@pytest.fixture
def agent(place: Path) -> Iterator[Agent]:
    """An agent for seccomp notifications; it answers every call with ENOMEDIUM."""
    agent = Agent(place / "agent.sock")
    yield agent
    agent.close()
