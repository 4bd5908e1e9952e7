"""ps ID [PS-OPTION...]: list the processes of a container.

The table is what the host's ps prints with PS-OPTION (-ef if there is none) for the processes of the container.
"""

from __future__ import annotations

from pyoci.cli.options import FORMAT
from pyoci.cli.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "ID [PS-OPTION...]"
OPTIONS = (FORMAT,)


def run(arguments: Arguments) -> int:
    """Print the processes."""
    if arguments.text("format") == "json":
        from pyoci import json_text
        from pyoci.runtime.ps import pids

        say(json_text.dumps(pids(arguments.root, arguments.id)) + "\n")
    else:
        from pyoci.runtime.ps import table

        say(table(arguments.root, arguments.id, arguments.operands[1:]))
    return 0
