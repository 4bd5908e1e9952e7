"""resume: thaw a paused container."""

from __future__ import annotations

from pyoci.container import store
from pyoci.errors import WrongStatus


def resume(root: str, container_id: str) -> None:
    """Thaw the container. Raises WrongStatus unless it is paused."""
    container = store.Store(root).load(container_id)
    if container.status != "paused":
        raise WrongStatus("container not paused")
    container.cgroup().thaw()
