"""start ID: run the user's program in a created container (runtime.md#start)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments, Option

OPERANDS = "ID"
OPTIONS: tuple[Option, ...] = ()


def run(arguments: Arguments) -> int:
    """Start the container."""
    from pyoci.runtime.start import start

    start(arguments.root, arguments.id)
    return 0
