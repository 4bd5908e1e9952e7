"""resume ID: continue all processes of a paused container."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments, Option

OPERANDS = "ID"
OPTIONS: tuple[Option, ...] = ()


def run(arguments: Arguments) -> int:
    """Resume the container."""
    from pyoci.runtime.resume import resume

    resume(arguments.root, arguments.id)
    return 0
