"""start: let the program of a created container run (runtime.md#start)."""

from __future__ import annotations

from pyoci.container import exec_fifo, notify_socket, store
from pyoci.errors import HookError, WrongStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.container import Container

_REFUSALS = {
    "stopped": "cannot start a container that has stopped",
    "running": "cannot start an already running container",
    "paused": "cannot start a container in the paused state",
    "creating": "cannot start a container that is still being created",
}


def start(root: str, container_id: str) -> None:
    """Start the container. Raises WrongStatus unless it is created, and what execve(2) or a hook refused."""
    container = store.Store(root).load_locked(container_id)
    try:
        _check(container)
        notify = release(container)
    finally:
        store.unlock(container)
    if notify:
        notify.forward_until_ready()  # without the lock: whoever tires of waiting may kill and delete


def _check(container: Container) -> None:
    status = container.status
    if status != "created":
        raise WrongStatus(_REFUSALS[status])


def release(container: Container) -> notify_socket.NotifySocket | None:
    """Give init the word, and run the poststart hooks once the program is executed.

    The socket on which the program will say that it is ready, where somebody wants to know.
    """
    if not container.record["process"]:
        raise WrongStatus("process property must not be empty", field="process")
    notify = _notify_socket(container)
    exec_fifo.give_the_word(container)
    if "poststart" in container.record["hooks"]:  # type: ignore[operator]  # a list
        _run_poststart(container)
    return notify


def _notify_socket(container: Container) -> notify_socket.NotifySocket | None:
    """The container's socket, where the caller's service manager waits for a word."""
    if "notify" not in container.record or not notify_socket.manager():
        return None
    return notify_socket.NotifySocket(container)


def _run_poststart(container: Container) -> None:
    """Run the poststart hooks; when one fails the container is stopped (runtime.md#lifecycle, since 1.3.0)."""
    from pyoci.config import hooks
    from pyoci.runtime import kill

    try:
        hooks.run("poststart", container.config().hooks.poststart, container.state("running"))
    except HookError:
        kill.end(container)
        raise
