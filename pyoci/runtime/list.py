"""The containers below a root directory."""

from __future__ import annotations

import os

from pyoci import log
from pyoci.container.store import Store
from pyoci.errors import ContainerError, ContainerNotFound, Ignoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def containers(root: str) -> list[dict[str, object]]:
    """The state of every container, with its owner's name; one deleted meanwhile or damaged is left out."""
    return list(_states(Store(root), _user_names()))


def _states(store: Store, names: dict[int, str]) -> Iterator[dict[str, object]]:
    for container_id in store.ids():
        try:
            container = store.load(container_id)
            owner = os.stat(container.path).st_uid
            yield {**container.state(), "owner": names.get(owner, f"#{owner}")}
        except (ContainerNotFound, FileNotFoundError):  # deleted since ids()
            continue
        except ContainerError as error:
            log.warning(f"load container {container_id}: {error}")


def _user_names() -> dict[int, str]:
    """Who is who on this host, by its passwd file: the pwd module would ask NSS, over the network perhaps."""
    names: dict[int, str] = {}
    with Ignoring(OSError), open("/etc/passwd", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, *fields = line.split(":")
            if len(fields) > 1 and fields[1].isdecimal():
                names.setdefault(int(fields[1]), name)
    return names
