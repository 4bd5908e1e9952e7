"""exec ID [COMMAND...]: run another process in a container.

The process is the container's own with another COMMAND and what the options change, or --process describes it whole.
Everything behind ID belongs to COMMAND. The exit status is the program's own, 128 + the signal that ended it, or 255
when it could not be run.
"""

from __future__ import annotations

from pyoci.cli import create
from pyoci.cli.arguments import Option, whole_number
from pyoci.cli.options import DETACH, STARTING
from pyoci.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cli.arguments import Arguments

OPERANDS = "ID [COMMAND...]"
OPTIONS = (
    Option("--process", "-p", value="FILE", help="read the process from this JSON file (config.json's process)"),
    *STARTING,
    DETACH,
    Option("--cwd", value="DIR", help="current directory in the container"),
    Option("--env", "-e", value="NAME=VALUE", kind="list", help="set an environment variable"),
    Option("--tty", "-t", help="allocate a terminal"),
    Option("--user", "-u", value="UID[:GID]", help="user and group in the container, by number; GID is 0 if not given"),
    Option("--additional-gids", "-g", value="GID", kind="list", help="add a group"),
    Option("--process-label", value="LABEL", help="SELinux label of the process"),
    Option("--apparmor", value="PROFILE", help="AppArmor profile of the process"),
    Option("--no-new-privs", help="let the process gain no privileges"),
    Option("--cap", "-c", value="CAPABILITY", kind="list", help="add a capability"),
    Option("--cgroup", value="[CONTROLLER:]PATH", kind="list", help="run in this cgroup below the container's"),
    Option("--ignore-paused", help="allow a paused container"),
)

# setuid(2): the largest is (uid_t) -1, which means "leave it".
_LARGEST_ID = 2**32 - 2


def run(arguments: Arguments) -> int:
    """Run the process."""
    _, *command = arguments.operands
    file = arguments.text("process")
    if not file and not command:
        raise UsageError("exec args cannot be empty")

    from pyoci.runtime.exec import execute

    return execute(
        arguments.root,
        arguments.id,
        read(file) if file else like_init(arguments, command),
        **create.starting(arguments),
        detach=arguments.flag("detach"),
        cgroup=arguments.texts("cgroup"),
        ignore_paused=arguments.flag("ignore_paused"),
    )


def read(path: str) -> dict[str, Any]:
    """The process described by the JSON file at *path*. Raises ConfigError."""
    from pyoci import json_text

    with open(path, "rb", buffering=0) as file:
        text = file.readall()
    try:
        process = json_text.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}", file=path) from None
    if not isinstance(process, dict):
        raise ConfigError(f"{path} does not describe a process: it is no object", file=path)
    return process


def like_init(arguments: Arguments, command: list[str]) -> dict[str, Any]:
    """The container's own process, with another *command* and what the options change. Raises PyociError."""
    from pyoci.runtime.new_process import new_process

    return new_process(arguments.root, arguments.id, command, **changes(arguments))


def changes(arguments: Arguments) -> dict[str, Any]:
    """What the options change, by the names of ``new_process``. Raises UsageError."""
    return {
        "cwd": arguments.text("cwd"),
        "env": arguments.texts("env"),
        "terminal": arguments.flag("tty"),
        "user": parse_user(arguments.text("user")) if "user" in arguments.values else None,
        "additional_gids": [_id(text, "additional group", text) for text in arguments.texts("additional_gids")],
        "capabilities": arguments.texts("cap"),
        "no_new_privileges": arguments.values.get("no_new_privs"),
        "selinux_label": arguments.text("process_label"),
        "apparmor_profile": arguments.text("apparmor"),
    }


def parse_user(text: str) -> dict[str, int]:
    """``UID`` or ``UID:GID`` in decimal digits, nothing else (CVE-2026-30892). Raises UsageError."""
    uid, colon, gid = text.partition(":")
    return {"uid": _id(uid, "user", text), "gid": _id(gid, "group", text) if colon else 0}


def _id(text: str, kind: str, whole: str) -> int:
    number = whole_number(text, _LARGEST_ID)
    if number is None:
        raise UsageError(f'invalid {kind} in "{whole}": an id is a number from 0 to {_LARGEST_ID}')
    return number
