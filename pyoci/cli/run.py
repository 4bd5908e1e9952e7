"""run NEW-ID: create a container, start it and wait for its end.

The exit status is the program's own, or 128 + the signal that ended it. The container is deleted afterwards.
"""

from __future__ import annotations

from pyoci.cli import create
from pyoci.cli.arguments import Option
from pyoci.cli.options import DETACH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "NEW-ID"
OPTIONS = (
    *create.OPTIONS,
    DETACH,
    Option("--keep", help="do not delete the container when its program has ended"),
    Option("--no-subreaper", help="do not adopt the orphans of the container"),
)


def run(arguments: Arguments) -> int:
    """Run the container."""
    from pyoci.runtime.run import run as run_container

    return run_container(
        arguments.root,
        arguments.id,
        create.bundle(arguments),
        **create.options(arguments),
        detach=arguments.flag("detach"),
        keep=arguments.flag("keep"),
        no_subreaper=arguments.flag("no_subreaper"),
    )
