"""Fixtures and marks for all tests.

``needs("cgroup1", …)``   skips where the machine lacks an ability (tests/support/abilities.py); the end of the run says
                          which were missing, and a missing one that PYOCI_REQUIRED_ABILITIES names is an error.
``varies("cgroup2", …)``  runs everywhere, and means something else where the machine has an ability.
``differs("reason")``     a deliberate difference of pyoci: deselected when RUNTIME names another runtime.
``clause("mounts.order")``  what the test shows, for spec/conformance.md: ids of spec/requirements.toml.
"""

from __future__ import annotations

import collections
import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support import abilities, installed, mountinfo
from tests.support.bundle import Bundle
from tests.support.container import Container, end_processes, leftovers
from tests.support.hook import HookScript
from tests.support.runtime import Runtime
from tests.support.terminal import ConsoleSocket
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REASON = "needs "


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a machine run what another one could not."""
    names = "ABILITY,…"
    parser.addoption("--beyond", metavar=names, help="only tests that need, or vary with, one of these abilities")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks and refuse to run without the abilities that were asked for."""
    config.addinivalue_line("markers", "needs(*abilities): skip where the machine lacks one of them")
    config.addinivalue_line("markers", "varies(*abilities): shows something else where the machine has one of them")
    config.addinivalue_line("markers", "differs(reason): pyoci differs from other runtimes here, on purpose")
    config.addinivalue_line("markers", "clause(*names): the requirements of spec/requirements.toml it shows to be met")
    required = os.environ.get("PYOCI_REQUIRED_ABILITIES", "").replace(",", " ").split()
    missing = [name for name in required if name not in abilities.ABILITIES or not abilities.has(name)]
    if missing:
        raise pytest.UsageError(f"PYOCI_REQUIRED_ABILITIES names what this machine lacks: {', '.join(missing)}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what another runtime under test need not do, and what ``--beyond`` does not ask for; have patience."""
    beyond = set((config.getoption("--beyond") or "").split(",")) - {""}
    left_out = [
        item
        for item in items
        if (installed.other_runtime() and item.get_closest_marker("differs"))
        or (beyond and not beyond & set(_abilities_of(item)))
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        if mark := item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(mark.args[0] * PATIENCE), append=False)


def _abilities_of(item: pytest.Item) -> list[str]:
    return [name for mark in item.iter_markers() if mark.name in {"needs", "varies"} for name in mark.args]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what the machine lacks."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            skip_without(name)


def skip_without(ability: str) -> None:
    """Skip the test unless the machine has *ability*."""
    if reason := abilities.reason_to_skip(ability):
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which abilities were missing and how many tests each of them skipped."""
    counts = collections.Counter[str]()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if reason.startswith(_REASON):
            counts[reason.removeprefix(_REASON)] += 1
    if counts:
        terminalreporter.section("abilities this machine lacks")
        for reason, count in counts.most_common():
            terminalreporter.write_line(f"{count:5} skipped: {reason}")


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A directory every user may enter, unlike pytest's own, for what rootless containers must reach."""
    path = Path(tempfile.mkdtemp(prefix="pyoci-tests-"))
    path.chmod(0o755)
    yield path
    mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_text())
    left = [mount for mount in mounts if mount.startswith(f"{path}/")]
    assert not left, f"tests left mounts, whose files are not to be removed: {left}"
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """The path of the runtime under test; installed once, however many workers there are."""
    shared = tmp_path_factory.getbasetemp()
    return installed.path(shared if worker_id == "master" else shared.parent)


_numbers = itertools.count()


@pytest.fixture
def place(base: Path) -> Path:
    """A new directory with a short name, for this test alone (a socket's path has at most 107 bytes)."""
    path = base / str(next(_numbers))
    path.mkdir(mode=0o755)
    return path


@pytest.fixture
def runtime(program: str, place: Path) -> Runtime:
    """The runtime under test, with a ``--root`` of its own."""
    return Runtime(program, place)


@pytest.fixture
def bundle(place: Path) -> Bundle:
    """A bundle with a root filesystem of its own, ready to be edited."""
    return Bundle(place / "bundle")


@pytest.fixture
def new_id(worker_id: str) -> Callable[[], str]:
    """A maker of ids that no other test has, on no worker and in no other run."""
    return lambda: f"pyoci-test-{worker_id}-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def new_container(runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]) -> Iterator[Callable[[], Container]]:
    """A maker of containers of this bundle; afterwards they are removed, and nothing of them may be left."""
    skip_without("root")
    made: list[Container] = []

    def make() -> Container:
        made.append(Container(runtime, bundle, new_id()))
        return made[-1]

    yield make
    left = {}
    for container in made:
        container.remove()
        if found := leftovers(runtime, container.id):
            left[container.id] = found
            end_processes(container.id)
    assert not left


@pytest.fixture
def container(new_container: Callable[[], Container]) -> Container:
    """A container of this bundle, not yet created; afterwards it is removed, and nothing of it may be left."""
    return new_container()


@pytest.fixture
def recvtty(place: Path) -> Iterator[ConsoleSocket]:
    """A console socket to give to the runtime."""
    console = ConsoleSocket(place / "console.sock")
    yield console
    console.close()


@pytest.fixture
def hook_script(place: Path, bundle: Bundle) -> Callable[..., HookScript]:
    """A maker of hooks: ``hook_script("cat")``; with ``inside=True`` in the container's root filesystem."""
    count = itertools.count()

    def make(body: str, *, inside: bool = False) -> HookScript:
        directory, root = (bundle.rootfs, bundle.rootfs) if inside else (place, Path("/"))
        return HookScript(directory / f"hook{next(count)}.sh", body, root)

    return make
