"""pause: freeze every process of a container, through its cgroup."""

from __future__ import annotations

from pyoci.container import store
from pyoci.errors import WrongStatus


def pause(root: str, container_id: str) -> None:
    """Freeze the container. Raises WrongStatus unless it is created or running."""
    container = store.Store(root).load(container_id)
    status = container.status
    if status not in {"running", "created"}:
        raise WrongStatus("container paused" if status == "paused" else "container not running")
    container.cgroup().freeze()
