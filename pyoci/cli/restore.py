"""restore ID: not available yet; it will make a container of what checkpoint has written.

Engines ask for --lsm-mount-context without its value to find out whether a runtime can restore into a pod.
"""

from __future__ import annotations

from pyoci.cli.arguments import Option
from pyoci.cli.checkpoint import CRIU, run
from pyoci.cli.options import BUNDLE, DETACH

__all__ = ["OPERANDS", "OPTIONS", "run"]

OPERANDS = "ID"
OPTIONS = (
    *CRIU,
    BUNDLE,
    DETACH,
    Option("--pid-file", value="FILE", help="write the process id to this file"),
    Option("--console-socket", value="SOCKET", help="unix socket that receives the master end of the terminal"),
    Option("--no-subreaper", help="do not adopt the container's orphans"),
    Option("--no-pivot", help="leave the old root in place"),
    Option("--lsm-profile", value="TYPE:NAME", help="apparmor:PROFILE or selinux:LABEL instead of what it had"),
    Option("--lsm-mount-context", value="CONTEXT", help="SELinux context for mounts instead of what they had"),
)
