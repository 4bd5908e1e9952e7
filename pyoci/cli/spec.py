"""spec: write a config.json to begin with.

It runs sh on a terminal in the root filesystem of the directory rootfs beside it.
"""

from __future__ import annotations

import os

from pyoci import json_text
from pyoci.cli.arguments import Option
from pyoci.cli.options import BUNDLE
from pyoci.errors import PyociError

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
    from pyoci.runtime.spec import template

    path = os.path.join(arguments.text("bundle"), "config.json")
    document = json_text.dumps(template(rootless=arguments.flag("for_rootless")), indent=4)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise PyociError(f"File {path} exists. Remove it first", file=path) from None
    with open(fd, "wb", buffering=0) as file:
        file.write(f"{document}\n".encode())
    return 0
