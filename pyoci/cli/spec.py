"""spec: write a config.json to begin with.

It runs sh on a terminal in the root filesystem of the directory rootfs beside it.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.cli.options import BUNDLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = ""
OPTIONS = (
    BUNDLE,
    Option(
        "--rootless",
        key="for_rootless",  # the global option of that name is another one
        help="for a user without root's privileges: a user namespace, and no network of its own",
    ),
)


def run(arguments: Arguments) -> int:
    """Write config.json; an existing one stays."""
    from pyoci.runtime.spec import write_template

    write_template(arguments.text("bundle"), rootless=arguments.flag("for_rootless"))
    return 0
