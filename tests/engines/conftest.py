"""Engines that use the runtime under test, each one started once per worker of xdist, in a place of its own."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support import abilities, engines, recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with the image engines.IMAGE: busybox, and a program that says what it finds and waits for SIGTERM."""
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    engines.make_image(archive, recorded.OBSERVER)
    return archive


def _engine(name: str, image: Path, program: str, directories: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    if reason := abilities.reason_to_skip("root", name):
        pytest.skip(reason)
    with engines.Place(directories.mktemp(name)) as place:
        engine = engines.ENGINES[name](place, program)
        engine.prepare(image)
        yield engine
        engine.end()


@pytest.fixture(scope="session")
def podman(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """``podman("run", …)`` succeeds, ``podman.attempt("run", …)`` may fail."""
    yield from _engine("podman", image, program, tmp_path_factory)


@pytest.fixture(scope="session")
def buildah(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """``buildah("from", …)``."""
    yield from _engine("buildah", image, program, tmp_path_factory)


@pytest.fixture(scope="session")
def docker(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """``docker("run", …)``, with a dockerd of its own."""
    yield from _engine("docker", image, program, tmp_path_factory)


@pytest.fixture(scope="session")
def containerd(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """``containerd("run", …)`` is ctr, with a containerd of its own."""
    yield from _engine("containerd", image, program, tmp_path_factory)


_numbers = itertools.count()


@pytest.fixture
def name(podman: engines.Engine) -> Iterator[str]:
    """The name of a container of podman's, which is removed afterwards."""
    name = f"one{next(_numbers)}"
    yield name
    podman("rm", "--force", "--ignore", "--time=0", "--volumes", name)
