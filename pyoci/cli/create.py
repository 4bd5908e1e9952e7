"""create NEW-ID: make a container from a bundle (runtime.md#create).

The container waits for `start` before the user's program runs. NEW-ID is its name, unique below --root.
"""

from __future__ import annotations

import os

from pyoci.cli.arguments import BOOLEANS, Option
from pyoci.cli.options import BUNDLE, STARTING
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cli.arguments import Arguments

OPERANDS = "NEW-ID"
OPTIONS = (
    BUNDLE,
    Option("--config", "-f", value="FILE", help="read this instead of config.json (relative to the bundle)"),
    *STARTING,
    Option("--no-pivot", help="enter the root filesystem without pivot_root, for a host on a ramdisk"),
    Option("--no-new-keyring", help="let the container have the caller's session keyring"),
)

_ROOTLESS = {**BOOLEANS, "auto": None, "": None}


def run(arguments: Arguments) -> int:
    """Create the container."""
    from pyoci.runtime.create import create

    create(arguments.root, arguments.id, bundle(arguments), **options(arguments))
    return 0


def bundle(arguments: Arguments) -> str:
    """Absolute path of the bundle."""
    return os.path.abspath(arguments.text("bundle") or ".")


def options(arguments: Arguments) -> dict[str, Any]:
    """What create and run have in common, by the names of ``runtime.create.create``. Raises UsageError."""
    return {
        **starting(arguments),
        "no_pivot": arguments.flag("no_pivot"),
        "no_new_keyring": arguments.flag("no_new_keyring"),
        "cgroup_manager": cgroup_manager(arguments),
        "rootless": rootless(arguments),
        "config_file": arguments.text("config", "config.json"),
    }


def starting(arguments: Arguments) -> dict[str, Any]:
    """The options of everything that starts a process."""
    pid_file = arguments.text("pid_file")
    return {
        "console_socket": arguments.text("console_socket"),
        "pidfd_socket": arguments.text("pidfd_socket"),
        "pid_file": os.path.abspath(pid_file) if pid_file else "",
        "preserve_fds": arguments.number("preserve_fds"),
    }


def cgroup_manager(arguments: Arguments) -> str:
    """The manager named, systemd by runc's flag, or cgroupfs; podman gives both to disable cgroups."""
    return arguments.text("cgroup_manager") or ("systemd" if arguments.flag("systemd_cgroup") else "cgroupfs")


def rootless(arguments: Arguments) -> bool | None:
    """``--rootless``; None: find out. Raises UsageError."""
    text = arguments.text("rootless")
    if text not in _ROOTLESS:
        raise UsageError(f'invalid value "{text}" for flag --rootless: it is one of true, false, auto')
    return _ROOTLESS[text]
