"""ps ID [PS-OPTION...]: list the processes of a container.

The table is what the host's ps prints with PS-OPTION (-ef if there is none) for the processes of the container.
"""

from __future__ import annotations

from pyoci.cli.options import FORMAT
from pyoci.cli.output import say
from pyoci.errors import PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyoci.cli.arguments import Arguments

OPERANDS = "ID [PS-OPTION...]"
OPTIONS = (FORMAT,)

# Engines call with an empty environment.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(arguments: Arguments) -> int:
    """Print the processes."""
    from pyoci import json_text
    from pyoci.runtime.ps import pids

    found = pids(arguments.root, arguments.id)
    if arguments.text("format") == "json":
        say(json_text.dumps(found) + "\n")
    else:
        say(only(found, host_processes(arguments.operands[1:])))
    return 0


def host_processes(options: Sequence[str]) -> str:
    """What ps prints with *options*. Raises PyociError."""
    import os
    import subprocess

    command = ["ps", *(options or ["-ef"])]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, env={"PATH": _PATH, **os.environ}, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise PyociError(f"cannot run ps: {error.strerror}", hint="--format json does not need it") from error
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise PyociError(f"{' '.join(command)}: exit status {done.returncode}: {reason}")
    return done.stdout.decode("utf-8", "surrogateescape")


def only(pids: Collection[int], listing: str) -> str:
    """The heading of ps's *listing*, and the lines of *pids*. Raises PyociError."""
    heading, *lines = listing.splitlines() or [""]
    columns = heading.split()
    if "PID" not in columns:
        raise PyociError("couldn't find PID field in ps output")
    column = columns.index("PID")
    wanted = {str(pid) for pid in pids}
    kept = [line for line in lines if not wanted.isdisjoint(line.split()[column : column + 1])]
    return "".join(f"{line}\n" for line in (heading, *kept))
