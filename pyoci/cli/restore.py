"""restore NEW-ID: make a container of what checkpoint has written, by criu.

Engines ask for --lsm-mount-context without its value to find out whether a runtime can restore into a pod.
"""

from __future__ import annotations

from pyoci.cli import checkpoint, create
from pyoci.cli.arguments import Option
from pyoci.cli.options import BUNDLE, DETACH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.arguments import Arguments

OPERANDS = "NEW-ID"
_CRIU = (
    *checkpoint.CRIU,
    Option("--tcp-close", help="close TCP connections instead of restoring them"),
    Option("--lsm-profile", value="TYPE:NAME", help="apparmor:PROFILE or selinux:LABEL instead of what it had"),
    Option("--lsm-mount-context", value="CONTEXT", help="SELinux context for mounts instead of what they had"),
)
OPTIONS = (
    *_CRIU,
    BUNDLE,
    DETACH,
    Option("--pid-file", value="FILE", help="write the process id to this file"),
    Option("--console-socket", value="SOCKET", help="unix socket that receives the master end of the terminal"),
    Option("--no-subreaper", help="do not adopt the container's orphans"),
    Option("--no-pivot", help="leave the old root in place"),
)


def run(arguments: Arguments) -> int:
    """Restore the container."""
    from pyoci.runtime.restore import restore

    return restore(
        arguments.root,
        arguments.id,
        create.bundle(arguments),
        **create.options(arguments),
        **checkpoint.options(arguments, _CRIU),
        detach=arguments.flag("detach"),
        no_subreaper=arguments.flag("no_subreaper"),
    )
