"""What podman, docker, containerd and buildah handed to their runtime, run again: tests/data/recorded/README.md."""

from __future__ import annotations

import difflib
import json
import os
import re

import pytest

from tests.support import installed, recorded
from tests.support.bundle import Bundle
from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CASES = recorded.cases()

# Where we differ from the runc 1.1 that the fixtures were printed by: what it printed, what is printed under pyoci.
_ON_PURPOSE = {
    # linux.rootfsPropagation is the root's, and with an r in front that of all mounts below it.
    "containerd/mounts": [(r"(mount: \S+ \S+)", r"\1 shared")],
    "docker/volumes": [(r"(mount: / rw)", r"\1 shared")],
    "podman/volumes": [(r"(mount: / rw)", r"\1 shared")],
    # linux.personality came to runc with 1.2.
    "podman/umask": [("personality: 00000000", "personality: 00000008")],
    # What stands in the container's /dev belongs to the container's root, and the host's /dev/null stays root's.
    "podman/user-namespace": [
        ("0 65534 0:0 /dev/mqueue", "0 0 0:0 /dev/mqueue"),
        ("0 0 1:3 /dev/null", "65534 65534 1:3 /dev/null"),
    ],
}
# The machine's own: a link to /proc/kcore where the kernel has that, and the flags of mounts that a container borrows.
_OF_THE_MACHINE = {"": "'/dev/core'", "docker/host-namespaces": "mount: (/dev/shm|/dev/mqueue) "}


@pytest.fixture(autouse=True)
def engines_cgroups() -> Iterator[None]:
    """What is above the containers' cgroups is removed last."""
    yield
    recorded.remove_parents()


def _differences(name: str, expected: list[str], found: list[str]) -> list[str]:
    """What is found more or less in the case *name*."""
    different = [line for line in difflib.ndiff(expected, found) if line[0] in "-+"]
    ignored = [_OF_THE_MACHINE[case] for case in ("", name) if case in _OF_THE_MACHINE]
    return [line for line in different if not any(re.search(pattern, line) for pattern in ignored)]


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

    expected = [line.replace("hostname: @HOST@", f"hostname: {os.uname().nodename}") for line in case.printed]
    printed = replays[-1].printed
    if installed.other_runtime():
        # Go raises the soft limit of open files on its own, and runc 1.1's exec does not always get it back in time.
        expected, printed = ([line for line in lines if "exec: limit n" not in line] for lines in (expected, printed))
    else:
        for pattern, text in _ON_PURPOSE.get(case.name, ()):
            expected = [re.sub(pattern, text, line) for line in expected]
    assert _differences(case.name, expected, printed) == []


@pytest.mark.parametrize("name", ["docker/plain", "docker/privileged"])
def test_gives_the_engines_hook_the_state(
    name: str, new_container: Callable[[], Container], place: Path
) -> None:
    """docker moves a container's network in a prestart hook, whose arguments are its own."""
    case = recorded.Case(recorded.DATA / name)
    (replay,) = _started(case, new_container, place)
    pid = replay.container.pid

    words, state = replay.hook_log().splitlines()

    assert words.split()[1:] == recorded.filled(case.config["hooks"]["prestart"][0]["args"][1:], replay.words)
    assert {key: json.loads(state)[key] for key in ("id", "pid")} == {"id": replay.container.id, "pid": pid}
    replay.to_the_end()


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_makes_nothing_outside_of_its_own_place(case: recorded.Case) -> None:
    sources = [mount["source"] for mount in case.config["mounts"] if mount.get("type") == "bind"]
    made = set(case.call["sources"])

    assert all(source.startswith(("@ENGINE@/", "@BUNDLE@/")) for source in made)
    assert all(source in made or source.startswith(("/dev/", "/proc/", "/sys/")) for source in sources)
    assert not [source for source in made if ".." in source.split("/")]


def test_has_recordings_of_each_engine() -> None:
    assert {case.path.parent.name for case in _CASES} == {"podman", "docker", "containerd", "buildah"}
