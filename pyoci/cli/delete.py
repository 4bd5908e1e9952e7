"""delete ID: delete a container and what was made for it (runtime.md#delete).

The container must be stopped, or created and not started; --force kills it first and takes a missing one as deleted.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.cli.options import REGEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "ID"
OPTIONS = (Option("--force", "-f", help="kill the container first; a missing one is no error"), REGEX)


def run(arguments: Arguments) -> int:
    """Delete the container."""
    from pyoci.runtime.delete import delete

    arguments.for_each(lambda name: delete(arguments.root, name, force=arguments.flag("force")))
    return 0
