"""delete: remove what create made (runtime.md#delete)."""

from __future__ import annotations

from pyoci.container import store
from pyoci.errors import ContainerNotFound, WrongStatus
from pyoci.runtime import kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.hooks import Hook
    from pyoci.container.container import Container


def delete(root: str, container_id: str, force: bool = False) -> None:
    """Remove the container; with *force* even a running one, and a missing one is no error.

    A container that was created but never started is ended first, as every runtime does.
    """
    try:
        container = store.Store(root).load_locked(container_id)
    except ContainerNotFound:
        if force:
            return
        raise
    status = container.status
    if not force and status not in {"stopped", "created"}:
        store.unlock(container)
        raise WrongStatus(f"cannot delete container {container_id} that is not stopped: {status}")
    destroy(container)


def destroy(container: Container) -> None:
    """End what still runs, remove cgroup, resctrl group and state, then run the poststop hooks."""
    kill.end(container)
    poststop = _poststop_hooks(container)
    container.cgroup().delete()
    if container.record["intelRdt"]:
        from pyoci.config.linux import intel_rdt

        intel_rdt.delete(container.record["intelRdt"])  # type: ignore[arg-type]  # as intel_rdt.create made it
    state = container.state("stopped")
    store.remove(container)
    store.unlock(container)
    if poststop:
        from pyoci.runtime import answers

        answers.run_poststop_hooks(poststop, state)


def _poststop_hooks(container: Container) -> tuple[Hook, ...]:
    if "poststop" not in container.record.get("hooks", ()):  # type: ignore[operator]  # a list
        return ()
    try:
        return container.config().hooks.poststop
    except ContainerNotFound:  # a delete that was killed took it along
        return ()
