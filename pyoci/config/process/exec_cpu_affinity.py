"""process.execCPUAffinity: on which processors ``exec`` runs (config.md#linux-process). Not for ``create``."""

from __future__ import annotations

import os

from pyoci.number_list import numbers
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


class ExecCpuAffinity(Record):
    """Lists of processors such as ``0-3,5``: before and after the process is moved into the container's cgroup."""

    initial: str = ""
    final: str = ""

    def check(self) -> None:
        """Refuse what is no list."""
        numbers(self.initial, "initial")
        numbers(self.final, "final")


def set_initial(init: Init) -> None:
    """Bind to *initial* before the cgroup is entered, so that its processors are not disturbed by our start."""
    _bind(init, init.process.exec_cpu_affinity.initial)


def set_final(init: Init) -> None:
    """Bind to *final* inside the cgroup; when empty the kernel's choice stands."""
    _bind(init, init.process.exec_cpu_affinity.final)


def _bind(init: Init, processors: str) -> None:
    if init.joining and processors:
        try:
            os.sched_setaffinity(0, numbers(processors))
        except OSError as error:
            error.add_note("sched_setaffinity(2)")
            raise
