"""``--trace``: what was done, by whom and when, as trace viewers read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

pytestmark = pytest.mark.differs("an option of pyoci's")


def events(path: Path) -> list[dict[str, Any]]:
    """The events of the trace, which has no end."""
    found: list[dict[str, Any]] = json.loads(path.read_text().rstrip().removesuffix(",") + "]")
    return found


def test_shows_each_step_in_its_process(container: Container, place: Path) -> None:
    container.run(options=("--trace", str(place / "trace"))).ok()

    processes: dict[int, set[str]] = {}
    for event in events(place / "trace"):
        processes.setdefault(event["pid"], set()).add(event["name"])
    init = processes.pop(1)
    (runtime,) = processes.values()
    assert {"mounts.mount_all", "root.pivot", "linux.masked_paths.hide", "pivot_root(2)", "posix.mkdir"} <= init
    assert {"config.load", "runtime.create.bear", "runtime.delete.destroy"} <= runtime
    assert "mounts.mount_all" not in runtime
    assert "runtime.delete.destroy" not in init


def test_calls_lie_within_their_callers(container: Container, place: Path) -> None:
    container.run(options=("--trace", str(place / "trace"))).ok()

    calls = [event for event in events(place / "trace") if event["ph"] == "X" and event["pid"] == 1]
    (outer,) = [event for event in calls if event["name"] == "mounts.mount_all"]
    inner = [event for event in calls if event["name"] == "mounts._mount"]
    assert len(inner) == len(container.bundle.config["mounts"])
    for event in inner:
        assert outer["ts"] <= event["ts"] <= event["ts"] + event["dur"] <= outer["ts"] + outer["dur"]
    assert "order" in outer["args"]["does"]


def test_is_written_to_the_end_when_the_command_fails(runtime: Runtime, place: Path) -> None:
    runtime("state", "none", options=("--trace", str(place / "trace"))).failed("does not exist")

    assert {"cli.state.run", "container.store.Store.load"} <= {event["name"] for event in events(place / "trace")}


def test_says_so_when_it_cannot_be_written(runtime: Runtime, place: Path) -> None:
    runtime("state", "none", options=("--trace", str(place / "no/such"))).failed("cannot open the trace")
