"""features: print what this runtime can do, as JSON (features.md)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments, Option

OPERANDS = ""
OPTIONS: tuple[Option, ...] = ()


def run(arguments: Arguments) -> int:  # noqa: ARG001 (every command is called alike)
    """Print the features document."""
    from pyoci import json_text
    from pyoci.cli.output import say
    from pyoci.runtime.features import features

    say(json_text.dumps(features(), indent=4) + "\n")
    return 0
