"""A container: what is remembered of it, and what /proc says about it now (runtime.md#state)."""

from __future__ import annotations

import errno
import os
import time

from pyoci import json_text
from pyoci.errors import BundleError, ContainerNotFound
from pyoci.syscalls import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.config import Config

SPEC_VERSION = "1.3.0"
COMPLETE, INCOMPLETE = "state.json", "creating.json"


class Container:
    """One container. ``record`` is its state.json; everything else is looked up when asked for."""

    def __init__(self, container_id: str, path: str) -> None:
        self.id = container_id
        self.path = path
        """The container's directory below ``--root``."""
        self.lock_fd = -1
        self.is_being_made = False
        """Whether a ``create`` was at work when it was loaded."""
        self.record: dict[str, object] = {
            "ociVersion": SPEC_VERSION,
            "id": container_id,
            "pid": 0,
            "startTime": 0,
            "complete": False,
            "bundle": "",
            "rootfs": "",
            "created": "",
            "owner": 0,
            "annotations": {},
            "process": False,
            "hooks": [],
            "descriptors": [],
            "noNewKeyring": False,
            "sharesMounts": False,
            "privatePids": False,
            "cgroup": None,
            "intelRdt": None,
        }

    @property
    def pid(self) -> int:
        """The process id of init as the runtime sees it; it may be gone."""
        pid = self.record["pid"]
        assert isinstance(pid, int)
        return pid

    @property
    def bundle(self) -> str:
        """Absolute path of the bundle."""
        return str(self.record["bundle"])

    @property
    def fifo(self) -> str:
        """The fifo on which init waits for ``start``; it exists until then."""
        return f"{self.path}/exec.fifo"

    @property
    def status(self) -> str:
        """creating, created, running, paused or stopped."""
        if not self.record["complete"]:
            return "creating" if self.is_being_made else "stopped"
        awaits_start = self._awaits_start()  # first: a container that is deleted loses its init before its fifo
        if not self.is_alive(ending=False):
            return "stopped"
        if self.is_paused():  # whether its program runs already or not
            return "paused"
        return "created" if awaits_start else "running"

    def _awaits_start(self) -> bool:
        """Whether init still listens at the fifo: a ``start`` that was killed may have left it lying there."""
        try:
            os.close(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENXIO}:
                raise
            return False
        return True

    def is_alive(self, *, ending: bool = True) -> bool:
        """Whether init runs, or with *ending* is not gone yet; another process with its number does not count."""
        start_time: int = self.record["startTime"]  # type: ignore[assignment]  # as saved
        return self.pid > 0 and process.is_alive(self.pid, start_time, ending=ending)

    def is_paused(self) -> bool:
        """Whether its cgroup is frozen."""
        return self.cgroup().is_frozen()

    def cgroup(self) -> Cgroup:
        """Its cgroup, as it was found at create."""
        from pyoci import cgroups

        return cgroups.load(self.record["cgroup"] or {"disabled": True})  # type: ignore[arg-type]  # as saved

    def config(self) -> Config:
        """The configuration as it was at create."""
        from pyoci import config

        return config.load(self.config_text())

    def config_text(self) -> bytes:
        """Its config.json as it was at create. Raises ContainerNotFound when the container was deleted meanwhile."""
        from pyoci import config

        try:
            return config.read(self.path)
        except BundleError as error:
            if "errno" in error.details:
                raise
            raise ContainerNotFound(self.id, os.path.dirname(self.path)) from None

    def born(self, pid: int) -> None:
        """Remember which process is init."""
        self.record["pid"] = pid
        self.record["startTime"] = process.start_time(pid) or 0

    def save(self) -> None:
        """Write what is known, as state.json once it is complete; a reader sees nothing or the whole.

        What is known before that has a file of its own: ext4 flushes a file that replaces another, for some 5 ms.
        """
        name = COMPLETE if self.record["complete"] else INCOMPLETE
        files.replace(f"{self.path}/{name}", json_text.dumps(self.record).encode(), 0o600)

    def state(self, status: str = "") -> dict[str, object]:
        """The state document (runtime.md#state), for hooks and callers; *status* overrides what is found."""
        status = status or self.status
        return {
            "ociVersion": self.record["ociVersion"],
            "id": self.id,
            "pid": 0 if status == "stopped" else self.pid,
            "status": status,
            "bundle": self.bundle,
            "rootfs": self.record["rootfs"],
            "created": self.record["created"],
            "owner": "",
            "annotations": self.record["annotations"],
        }


def now() -> str:
    """The time in RFC 3339, UTC, to the nanosecond."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds:09d}Z"
