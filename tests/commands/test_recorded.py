"""What podman, docker, containerd and buildah handed to their runtime, run again: tests/data/recorded/README.md."""

from __future__ import annotations

import json

import pytest

from tests.support import recorded
from tests.support.bundle import Bundle
from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CASES = recorded.cases()


def _started(case: recorded.Case, new_container: Callable[[], Container], place: Path) -> list[recorded.Replay]:
    """The case, running; before it the container whose namespaces it joins."""
    replays: list[recorded.Replay] = []
    for number, one in enumerate([case.joins, case] if case.joins else [case]):
        directory = place / str(number)
        directory.mkdir()
        container = new_container()
        container.bundle = Bundle(directory / "bundle")
        other = replays[-1] if replays else None
        replays.append(recorded.Replay(one, container, directory, other).until_started())
    return replays


@pytest.mark.needs("cgroup1")  # as the machine that they were recorded on
@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_runs_as_recorded(case: recorded.Case, new_container: Callable[[], Container], place: Path) -> None:
    """The engine's calls succeed, and the program finds what it finds under runc; new_container sees what is left."""
    replays = _started(case, new_container, place)

    for replay in reversed(replays):
        replay.to_the_end()

    assert replays[-1].printed == case.printed


@pytest.mark.parametrize("case", [case for case in _CASES if "hooks" in case.config], ids=lambda case: case.name)
def test_gives_the_engines_hooks_the_state(
    case: recorded.Case, new_container: Callable[[], Container], place: Path
) -> None:
    """docker configures a container's network in a prestart hook."""
    (replay,) = _started(case, new_container, place)
    pid = replay.container.pid

    words, state = replay.hook_log().splitlines()

    assert words.split()[1:] == recorded.filled(case.config["hooks"]["prestart"][0]["args"][1:], replay.words)
    assert {key: json.loads(state)[key] for key in ("id", "pid")} == {"id": replay.container.id, "pid": pid}
    replay.to_the_end()


def test_has_recordings_of_each_engine() -> None:
    assert {case.path.parent.name for case in _CASES} == {"podman", "docker", "containerd", "buildah"}
