"""linux.resources.pids: how many processes and threads (config-linux.md#pids)."""

from __future__ import annotations

from pyoci.record import Record, int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.resources import Settings


class Pids(Record):
    """A negative limit is none; 0 is one: no process can fork."""

    limit: int64 | None = None


def legacy(pids: Pids) -> Settings:
    """pids.max."""
    if pids.limit is not None:
        yield "pids.max", "max" if pids.limit < 0 else str(pids.limit)


unified = legacy
