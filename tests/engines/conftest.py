"""Engines that use the runtime under test, each one started once per worker of xdist, in a place of its own."""

from __future__ import annotations

import collections
import itertools
from pathlib import Path

import pytest

from tests.support import abilities, engines, recorded
from tests.support.belongings import Belongings
from tests.support.docker import DockerContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    E = TypeVar("E", bound=engines.Engine)


_COLUMNS = {"passed": "ok", "failed": "failed", "error": "failed", "skipped": "skipped"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table of what was tried with which engine: how many cases are ok, failed, or neither."""
    rows = collections.defaultdict[tuple[str, str], collections.Counter[str]](collections.Counter)
    for outcome, column in _COLUMNS.items():
        for report in terminalreporter.stats.get(outcome, []):
            file, _, test = report.nodeid.rpartition("tests/engines/")[2].partition("::")
            engine = Path(file).stem.removeprefix("test_").partition("_")[0]
            rows[engine, test.partition("[")[0].removeprefix("test_").replace("_", " ")][column] += 1
    terminalreporter.section("engines")
    for (engine, case), counts in sorted(rows.items()):
        said = ", ".join(f"{count} {column}" for column, count in counts.items())
        terminalreporter.write_line(f"{engine:<12}{case:<72}{said}")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with the image engines.IMAGE: busybox, and a program that says what it finds and waits for SIGTERM."""
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    engines.make_image(archive, recorded.OBSERVER)
    return archive


def _started(kind: type[E], ability: str, image: Path, program: str, factory: pytest.TempPathFactory) -> Iterator[E]:
    if reason := abilities.reason_to_skip("root", "overlayfs", ability):
        pytest.skip(reason)
    with engines.Place(factory.mktemp(ability)) as place:
        engine = kind(place, program)
        engine.prepare(image)
        yield engine
        engine.end()


@pytest.fixture(scope="session")
def podman(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Podman]:
    """``podman("run", …)`` succeeds, ``podman.attempt("run", …)`` may fail."""
    yield from _started(engines.Podman, "podman", image, program, tmp_path_factory)


@pytest.fixture(scope="session")
def buildah(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Buildah]:
    """``buildah("from", …)``."""
    yield from _started(engines.Buildah, "buildah", image, program, tmp_path_factory)


@pytest.fixture(scope="session")
def docker(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Docker]:
    """``docker("run", …)``, with a dockerd of its own."""
    yield from _started(engines.Docker, "docker", image, program, tmp_path_factory)


@pytest.fixture(scope="session")
def containerd(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Containerd]:
    """``containerd("run", …)`` is ctr, with a containerd of its own."""
    yield from _started(engines.Containerd, "containerd", image, program, tmp_path_factory)


_numbers = itertools.count()


@pytest.fixture(params=["docker", "podman"])
def made(request: pytest.FixtureRequest) -> Iterator[Belongings]:
    """What a test makes with docker and podman alike; removed afterwards."""
    belongings = Belongings(request.getfixturevalue(request.param))
    yield belongings
    belongings.remove()


@pytest.fixture
def nothing_left(podman: engines.Podman) -> Iterator[None]:
    """Afterwards nothing of podman's containers is left."""
    with podman.leaving_nothing():
        yield


@pytest.fixture
def name(podman: engines.Podman, nothing_left: None) -> Iterator[str]:
    """The name of a container of podman's, which is removed afterwards."""
    name = f"one{next(_numbers)}"
    yield name
    podman("rm", "--force", "--ignore", "--time=0", "--volumes", name)


@pytest.fixture
def new_box(docker: engines.Docker, new_id: Callable[[], str]) -> Iterator[Callable[[], DockerContainer]]:
    """A maker of containers of docker; afterwards they are removed, and nothing of them may be left."""
    made: list[DockerContainer] = []

    def make() -> DockerContainer:
        made.append(DockerContainer(docker, new_id()))
        return made[-1]

    yield make
    for one in made:
        one.remove()
        assert not one.leftovers()


@pytest.fixture
def box(new_box: Callable[[], DockerContainer]) -> DockerContainer:
    """A container of docker, not yet made."""
    return new_box()
