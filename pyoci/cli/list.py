"""list: list the containers below --root."""

from __future__ import annotations

from pyoci import json_text
from pyoci.cli.arguments import Option
from pyoci.cli.options import FORMAT
from pyoci.cli.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyoci.cli.arguments import Arguments

OPERANDS = ""
OPTIONS = (FORMAT, Option("--quiet", "-q", help="print the ids only"))

# What runc gives its tabwriter: columns of at least 12, three spaces apart.
_COLUMN = 12
_APART = 3


def run(arguments: Arguments) -> int:
    """Print the containers."""
    from pyoci.runtime.list import containers

    found = containers(arguments.root)
    if arguments.flag("quiet"):
        say("".join(f"{container['id']}\n" for container in found))
    elif arguments.text("format") == "json":
        say(json_text.dumps(found or None) + "\n")
    else:
        keys = ("id", "pid", "status", "bundle", "created", "owner")
        say(table([[key.upper() for key in keys], *([str(container[key]) for key in keys] for container in found)]))
    return 0


def table(rows: Sequence[Sequence[str]]) -> str:
    """*rows* in columns; the last one is not padded."""
    widths = [max(_COLUMN, *(len(cell) + _APART for cell in column)) for column in zip(*rows, strict=True)]
    return "".join(f"{''.join(_padded(row, widths))}\n" for row in rows)


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    yield from (cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False))
    yield row[-1]
