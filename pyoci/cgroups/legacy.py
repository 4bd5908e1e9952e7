"""cgroup v1: one directory in each hierarchy (Documentation/admin-guide/cgroup-v1).

A write to ``cgroup.procs`` takes a lock of the whole system for which the kernel waits an RCU grace period, some
10 to 20 ms. A thread that writes "0" to ``tasks`` moves only itself and needs no lock (cgroup_procs_write_start):
that is how a container's first process walks in, see ``tasks`` and ``walk_in``.
"""

from __future__ import annotations

import errno
import os
import time

from pyoci.cgroups.directory import GONE, Directory, write
from pyoci.cgroups.hierarchy import memberships, read

_UNLIMITED = 2**60  # no limit reads as the largest multiple of the page size below 2**63
_FREEZE_ROUNDS = 20
_FREEZE_READS = 25


class LegacyDirectory(Directory):
    """A container's directory in one v1 hierarchy."""

    version = 1

    def create(self) -> None:
        """Make the directory; in the cpuset hierarchy also usable: a new one has no processor and no memory node."""
        super().create()
        if "cpuset" in self.names:
            for name in ("cpuset.cpus", "cpuset.mems"):
                self._inherit(self.path, name)

    def _inherit(self, path: str, name: str) -> str:
        """What *path* has in the file *name*, taken over from above where it is empty."""
        value = read(f"{path}/{name}").strip()
        if not value and path != self.mount:
            value = self._inherit(os.path.dirname(path), name)
            write(f"{path}/{name}", value)
        return value

    def write(self, name: str, value: str) -> None:
        """Write one file; a memory limit that is below what is in use is explained as runc does."""
        try:
            super().write(name, value)
        except OSError as error:
            if error.errno != errno.EBUSY or not name.startswith("memory."):
                raise
            usage, peak = self.number("memory.usage_in_bytes"), self.number("memory.max_usage_in_bytes")
            text = f"unable to set memory limit to {value} (current usage: {usage}, peak usage: {peak})"
            raise OSError(errno.EBUSY, text, f"{self.path}/{name}") from None

    def tasks(self, below: str = "", init_pid: int = 0) -> int:
        """A descriptor of the file ``tasks``, here or in the directory *below*, for ``walk_in``.

        When the last unit is gone for which systemd uses a controller, it moves all processes of that hierarchy to the
        root, whosever they are, and removes the directories: then it is the file of where *init_pid* is.
        """
        try:
            return os.open(f"{self.path}{below}/tasks", os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            if below or not init_pid:
                raise
            own = dict(memberships(f"/proc/{init_pid}"))[self.names]
            return os.open(f"{self.mount}{own}/tasks", os.O_WRONLY | os.O_CLOEXEC)

    def is_frozen(self) -> bool:
        """Whether it is, or is about to be, because of itself or of a directory above."""
        try:
            return read(f"{self.path}/freezer.state").strip() != "THAWED"
        except OSError as error:
            if error.errno not in GONE:
                raise
            return False

    def freeze(self) -> None:
        """Stop every process. Raises OSError(EBUSY) when some cannot be, and leaves the others running."""
        try:
            for _ in range(_FREEZE_ROUNDS):
                if self._becomes_frozen():
                    return
                # Processes that keep appearing can hold it in FREEZING for ever; a new start helps (runc does so).
                self.thaw()
                time.sleep(0.01)
        except OSError:
            self.thaw()
            raise
        raise OSError(errno.EBUSY, "unable to freeze", self.path)

    def _becomes_frozen(self) -> bool:
        for attempt in range(_FREEZE_READS):
            self.write("freezer.state", "FROZEN")
            if read(f"{self.path}/freezer.state").strip() == "FROZEN":
                return True
            time.sleep(0.00001 * 2 ** min(attempt, 8))
        return False

    def thaw(self) -> None:
        """Let the processes go on."""
        self.write("freezer.state", "THAWED")

    def oom_kills(self) -> int:
        """How many processes the kernel killed for want of memory (Linux 4.13)."""
        return int(self.keyed("memory.oom_control", "oom_kill") or 0)

    def memory_limit(self) -> int | None:
        """The limit in bytes; None without one."""
        limit = self.number("memory.limit_in_bytes")
        return None if limit is None or limit >= _UNLIMITED else limit

    def memory_usage(self) -> int:
        """The bytes in use."""
        return self.number("memory.usage_in_bytes") or 0
