"""state ID: print what is known of a container (runtime.md#query-state)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments, Option

OPERANDS = "ID"
OPTIONS: tuple[Option, ...] = ()


def run(arguments: Arguments) -> int:
    """Print the state as JSON, without a line's end as runc does."""
    from pyoci import json_text
    from pyoci.cli.output import say
    from pyoci.runtime.state import state

    say(json_text.dumps(state(arguments.root, arguments.id), indent=2))
    return 0
