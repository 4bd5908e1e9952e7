"""Being told when the kernel runs out of memory for a cgroup, and kills.

On v1 an eventfd is signalled each time, and once more when the cgroup goes (Documentation/admin-guide/cgroup-v1/
memory.rst, "OOM Control"). On v2, polling memory.events for POLLPRI ends whenever one of its counters has changed.
"""

from __future__ import annotations

import os
import select

from pyoci.cgroups.directory import GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.cgroups.legacy import LegacyDirectory
    from pyoci.cgroups.unified import UnifiedDirectory


class LegacyWatch:
    """Of a v1 cgroup."""

    events = select.POLLIN

    def __init__(self, directory: LegacyDirectory) -> None:
        self._directory = directory
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """To be polled for ``events``."""
        control = os.open(f"{directory.path}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            directory.write("cgroup.event_control", f"{self.fd} {control}")
        finally:
            os.close(control)

    def happened(self) -> bool:
        """Whether it has since the last question."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return False
        return os.path.isdir(self._directory.path)


class UnifiedWatch:
    """Of a v2 cgroup."""

    events = select.POLLPRI

    def __init__(self, directory: UnifiedDirectory) -> None:
        self.fd = os.open(f"{directory.path}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
        """To be polled for ``events``."""
        self._seen = self._kills()

    def _kills(self) -> int:
        try:
            text = os.pread(self.fd, 4096, 0).decode()
        except OSError as error:
            if error.errno not in GONE:
                raise
            return 0
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)

    def happened(self) -> bool:
        """Whether it has since the last question."""
        before, self._seen = self._seen, max(self._seen, self._kills())
        return self._seen > before


def watch(cgroup: Cgroup) -> LegacyWatch | UnifiedWatch | None:
    """A watch on *cgroup*, whose ``fd`` is the caller's to close; None where memory is not counted."""
    legacy = next((directory for directory in cgroup.legacy if "memory" in directory.names), None)
    try:
        if legacy:
            return LegacyWatch(legacy)
        return UnifiedWatch(cgroup.unified) if cgroup.unified else None
    except FileNotFoundError:  # the controller is off, or the kernel was built without
        return None
