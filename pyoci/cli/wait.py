"""wait ID: wait until the program of a container has ended, and print its exit status.

That is the program's own, or 128 + the signal that ended it. Only the parent of a process is told for certain how it
ended, and that of a container is whoever created it. Others learn it if they wait already when it ends (with Linux
6.15 or newer), as long as the parent has not asked, or after `run --keep`, which writes it down. Where it cannot be
known `unknown` is printed, for the container has ended all the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments, Option

OPERANDS = "ID"
OPTIONS: tuple[Option, ...] = ()


def run(arguments: Arguments) -> int:
    """Print how it ended."""
    from pyoci.cli.output import say
    from pyoci.runtime.wait import wait

    status = wait(arguments.root, arguments.id)
    say("unknown\n" if status is None else f"{status}\n")
    return 0
