"""pause ID: suspend all processes of a container."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments, Option

OPERANDS = "ID"
OPTIONS: tuple[Option, ...] = ()


def run(arguments: Arguments) -> int:
    """Pause the container."""
    from pyoci.runtime.pause import pause

    pause(arguments.root, arguments.id)
    return 0
