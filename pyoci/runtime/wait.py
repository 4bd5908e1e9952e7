"""wait: until a container's program has ended, and how it ended."""

from __future__ import annotations

import os

from pyoci.container.store import Store
from pyoci.errors import Ignoring, WrongStatus
from pyoci.syscalls import pidfd, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.container import Container


def wait(root: str, container_id: str) -> int | None:
    """Wait until init has ended: its exit status, or 128 + its signal. Raises ContainerNotFound, WrongStatus.

    It is known for sure while nobody has collected it, and to whoever waits already on Linux 6.15 or newer; also where
    ``run`` has kept the container, for that writes it down. Otherwise None. If init is a child of this process,
    as after ``create`` in it, it is collected.
    """
    container = Store(root).load(container_id)
    if container.status == "creating":
        raise WrongStatus("cannot wait for a container that is still being created")
    status = _status_at_end(container) if container.pid else None
    if status is None:
        return container.record.get("exitStatus")  # type: ignore[return-value]  # as run wrote it
    return status if status >= 0 else 128 - status


def _status_at_end(container: Container) -> int | None:
    start_time = container.record["startTime"]
    assert isinstance(start_time, int)
    with Ignoring(ProcessLookupError):
        fd = os.pidfd_open(container.pid)
        try:
            if process.start_time(container.pid) == start_time:  # else another process has the number by now
                return pidfd.wait_for_status(fd, container.pid, start_time)
        finally:
            os.close(fd)
    return None
