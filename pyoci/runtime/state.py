"""state: what is known of a container (runtime.md#query-state)."""

from __future__ import annotations

from pyoci.container import store


def state(root: str, container_id: str) -> dict[str, object]:
    """The state document of the container. Raises ContainerNotFound."""
    return store.Store(root).load(container_id).state()
