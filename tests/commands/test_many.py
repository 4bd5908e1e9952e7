"""Many containers, one after the other and at once: the machine looks afterwards as it did before."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.container import Container, cgroups_named, mounts_naming, processes_naming
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.bundle import Bundle
    from tests.support.runtime import Runtime

_IN_A_ROW = 200
_AT_ONCE = 50


@pytest.fixture
def batch(new_id: Callable[[], str]) -> str:
    """What the ids of all containers of one test begin with."""
    return new_id()


def live(container: Container) -> None:
    """Create, start, kill and delete, as an engine does."""
    container.runtime("create", "--bundle", container.bundle.path, container.id).ok()
    container.start().ok()
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    container.delete().ok()


def left(runtime: Runtime, batch: str) -> list[str]:
    """Everything on the machine that names the batch."""
    states = [name for name in os.listdir(runtime.root) if name.startswith(batch)]
    return [*states, *mounts_naming(batch), *cgroups_named(batch), *processes_naming(batch)]


@pytest.mark.timeout(300)
def test_leaves_nothing_of_containers_in_a_row(runtime: Runtime, bundle: Bundle, batch: str) -> None:
    bundle.args("sleep", "1000").write()
    descriptors = len(os.listdir("/proc/self/fd"))

    for number in range(_IN_A_ROW):
        live(Container(runtime, bundle, f"{batch}.{number}"))

    assert left(runtime, batch) == []
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.timeout(300)
def test_leaves_nothing_of_containers_at_once(runtime: Runtime, bundle: Bundle, batch: str) -> None:
    bundle.args("sleep", "1000").write()
    containers = [Container(runtime, bundle, f"{batch}.{number}") for number in range(_AT_ONCE)]
    all_up = threading.Barrier(_AT_ONCE, timeout=200 * PATIENCE)

    def live_together(container: Container) -> None:
        runtime("create", "--bundle", bundle.path, container.id, timeout=200).ok()
        container.start(timeout=200).ok()
        all_up.wait()
        container.delete("--force", timeout=200).ok()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(live_together, containers))

    assert left(runtime, batch) == []


@pytest.mark.differs("runc 1.1 looks for the state directory and makes it in two steps")
@pytest.mark.timeout(300)
def test_gives_one_id_to_one_of_many_callers(runtime: Runtime, bundle: Bundle, container: Container) -> None:
    bundle.write()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: runtime("create", "-b", bundle.path, container.id), range(8)))

    assert sorted(result.status for result in results) == [0] + [1] * 7
    assert container.status == "created"
