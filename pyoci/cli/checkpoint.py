"""checkpoint ID: write the state of a running container to files, by criu.

The container ends with that and is deleted, unless it shall go on. `restore` makes a container of the files.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cli.arguments import Arguments

OPERANDS = "ID"
# What criu can be told, for both ways.
CRIU = (
    Option("--image-path", value="DIR", help="where the images are (default: checkpoint)"),
    Option("--work-path", value="DIR", help="where logs and statistics go"),
    Option("--parent-path", value="DIR", help="the images of an earlier --pre-dump, below --image-path"),
    Option("--tcp-established", help="keep TCP connections open"),
    Option("--tcp-skip-in-flight", help="leave out TCP connections that are being made"),
    Option("--link-remap", help="take files that were deleted, but are open, along by a link"),
    Option("--ext-unix-sk", help="allow connections to sockets outside"),
    Option("--shell-job", help="allow a terminal of somebody else's session"),
    Option("--lazy-pages", help="leave the memory where it is until it is needed"),
    Option("--file-locks", help="keep locks on files"),
    Option("--manage-cgroups-mode", value="MODE", choices=("soft", "full", "strict", "ignore"),
           help="how cgroups are treated: soft (default), full, strict or ignore"),
    Option("--empty-ns", value="NAMESPACE", kind="list", help="make this namespace, but do not fill it"),
    Option("--auto-dedup", help="drop pages of earlier images that are newer in later ones"),
)
OPTIONS = (
    *CRIU,
    Option("--leave-running", help="let the container go on"),
    Option("--pre-dump", help="write its memory only, and let it go on"),
    Option("--page-server", value="ADDRESS:PORT", help="send its memory there"),
    Option("--status-fd", value="N", kind="number",
           help="write a NUL to this descriptor when lazy pages can be asked for"),
)


def run(arguments: Arguments) -> int:
    """Checkpoint the container."""
    from pyoci.runtime.checkpoint import checkpoint

    checkpoint(arguments.root, arguments.id, **options(arguments, OPTIONS))
    return 0


def options(arguments: Arguments, table: tuple[Option, ...]) -> dict[str, Any]:
    """The flags, texts and lists of *table* that were given, by the names of the library."""
    return {
        option.key: tuple(value) if isinstance(value, list) else value
        for option in table
        if (value := arguments.values.get(option.key)) is not None
    }
