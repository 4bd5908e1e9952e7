"""run: create a container, start it, and stay in front of it until its program ends."""

from __future__ import annotations

from pyoci.container import store
from pyoci.errors import ContainerError
from pyoci.runtime import create
from pyoci.runtime.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pyoci.container.container import Container
    from pyoci.container.notify_socket import NotifySocket
    from pyoci.runtime.foreground import Foreground

    T = TypeVar("T")


def run(root: str, container_id: str, bundle: str, **given: object) -> int:
    """Run the container; see Options. The program's exit status or 128 + its signal; 0 at once when detached.

    The container is deleted afterwards unless ``keep`` is given, and in any case when it could not be started.
    """
    options = Options(**given)
    options.meanwhile = _import_the_rest
    if options.detach:
        return _run_detached(root, container_id, bundle, options)
    from pyoci.runtime import start

    return in_foreground(options, lambda: create.bear(root, container_id, bundle, options), start.release)


def in_foreground(
    options: Options, bear: Callable[[], Container], release: Callable[[Container], NotifySocket | None]
) -> int:
    """Stay in front of the container that *bear* makes and *release* sets off, until its program ends: its status."""
    from pyoci.runtime.foreground import Foreground

    front = Foreground(adopt=not options.no_subreaper)
    options.on_terminal = front.take_terminal
    try:
        container = bear()
        status = _guarded(container, lambda: _attend(container, front, release))
    finally:
        front.leave()
    _end(container, status, keep=options.keep)
    return status


def _import_the_rest() -> None:
    """Import what is needed once the container is ready, while it is not."""
    from pyoci.runtime import delete, kill, start  # noqa: F401 (imported for later)


def _run_detached(root: str, container_id: str, bundle: str, options: Options) -> int:
    from pyoci.runtime import handover, start

    options.on_terminal = handover.console_taker(options)
    container = create.bear(root, container_id, bundle, options)
    notify = _guarded(container, lambda: start.release(container))
    store.unlock(container)
    if notify:
        notify.forward_until_ready()
    return 0


def _attend(container: Container, front: Foreground, release: Callable[[Container], NotifySocket | None]) -> int:
    notify = release(container)
    if notify:
        front.watch(notify.fileno(), notify.forward)
    store.unlock(container)  # others may pause, kill or exec while it runs
    status = front.wait_for(container.pid)
    store.lock(container)
    return status


def _end(container: Container, status: int, *, keep: bool) -> None:
    """End what outlived the program, and unless it is to be kept, delete the container."""
    from pyoci.runtime import delete, kill

    if keep:
        kill.end(container)
        container.record["exitStatus"] = status  # for ``wait``: nobody else was told
        container.save()
        store.unlock(container)
    else:
        delete.destroy(container)


def _guarded(container: Container, action: Callable[[], T]) -> T:
    """Do *action*; if it fails, leave nothing of *container*."""
    try:
        return action()
    except BaseException as error:
        from pyoci.runtime import delete

        if isinstance(error, ContainerError) and not error.message.startswith("unable"):
            error.args = (f"unable to start container process: {error.message}",)
        delete.destroy(container)
        raise
