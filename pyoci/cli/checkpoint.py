"""checkpoint ID: not available yet; it will write the state of a running container to files.

Engines ask for this page to find out whether a runtime knows the command at all.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "ID"
# What criu can be told, for both ways.
CRIU = (
    Option("--image-path", value="DIR", help="where the images are"),
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
    """Say that it is not there yet. Raises Unsupported."""
    raise Unsupported(f"{arguments.command} is not available: this runtime cannot checkpoint or restore containers yet")
