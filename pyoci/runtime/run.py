"""run: create a container, start it, and stay in front of it until its program ends."""

from __future__ import annotations

from pyoci.container import store
from pyoci.errors import ContainerError
from pyoci.runtime import create, delete, handover, kill, start
from pyoci.runtime.foreground import Foreground
from pyoci.runtime.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.container.container import Container


def run(root: str, container_id: str, bundle: str, **given: object) -> int:
    """Run the container; see Options. The program's exit status or 128 + its signal; 0 at once when detached.

    The container is deleted afterwards unless ``keep`` is given, and in any case when it could not be started.
    """
    options = Options(**given)
    if options.detach:
        container = create.bear(root, container_id, bundle, options, handover.console_taker(options))
        _guarded(container, lambda: start.release(container))
        store.unlock(container)
        return 0
    front = Foreground(adopt=not options.no_subreaper)
    try:
        container = create.bear(root, container_id, bundle, options, front.take_terminal)
        status = _guarded(container, lambda: _attend(container, front))
    finally:
        front.leave()
    if options.keep:
        kill.end(container)
        store.unlock(container)
    else:
        delete.destroy(container)
    return status


def _attend(container: Container, front: Foreground) -> int:
    start.release(container)
    store.unlock(container)  # others may pause, kill or exec while it runs
    status = front.wait_for(container.pid)
    store.lock(container)
    return status


def _guarded(container: Container, action: Callable[[], int | None]) -> int:
    """Do *action*; if it fails, leave nothing of *container*."""
    try:
        return action() or 0
    except BaseException as error:
        if isinstance(error, ContainerError) and not error.message.startswith("unable"):
            error.args = (f"unable to start container process: {error.message}",)
        delete.destroy(container)
        raise
