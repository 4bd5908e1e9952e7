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
    process = read(file) if file else merge(template(arguments), command, arguments)

    from pyoci.runtime.exec import execute

    return execute(
        arguments.root,
        arguments.id,
        process,
        **create.starting(arguments),
        detach=arguments.flag("detach"),
        cgroup=arguments.texts("cgroup"),
        ignore_paused=arguments.flag("ignore_paused"),
    )


def template(arguments: Arguments) -> dict[str, Any]:
    """The process of the container's config.json, as it was at create."""
    from pyoci import config, json_text
    from pyoci.container.store import Store

    container = Store(arguments.root).load(arguments.id)
    document: Any = json_text.loads(config.read(container.path))
    return document.get("process") or {}


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


def merge(process: dict[str, Any], command: list[str], arguments: Arguments) -> dict[str, Any]:
    """The container's *process* with another *command* and what the options change. Raises UsageError."""
    properties = {"cwd": "cwd", "process_label": "selinuxLabel", "apparmor": "apparmorProfile"}
    return {
        **process,
        **{name: arguments.text(key) for key, name in properties.items() if arguments.text(key)},
        "args": command,
        "env": [*(process.get("env") or []), *arguments.texts("env")],
        "terminal": arguments.flag("tty"),  # the container's own terminal is not this process's
        "noNewPrivileges": arguments.flag("no_new_privs", process.get("noNewPrivileges") or False),
        "user": _user(process.get("user") or {}, arguments),
        "capabilities": _capabilities(process.get("capabilities"), arguments.texts("cap")),
    }


def _user(user: dict[str, Any], arguments: Arguments) -> dict[str, Any]:
    groups = [_id(text, "additional group", text) for text in arguments.texts("additional_gids")]
    chosen = parse_user(arguments.text("user")) if "user" in arguments.values else {}
    return {**user, **chosen, "additionalGids": [*(user.get("additionalGids") or []), *groups]}


def _capabilities(sets: dict[str, list[str]] | None, more: list[str]) -> dict[str, list[str]] | None:
    """The five sets with *more*.

    Never inheritable (CVE-2022-29162); ambient only where there are inheritable ones, since without them the kernel
    refuses ambient ones.
    """
    if not more:
        return sets
    sets = sets or {}
    grown = ["bounding", "effective", "permitted", *(["ambient"] if sets.get("inheritable") else [])]
    return {**sets, **{name: [*(sets.get(name) or []), *more] for name in grown}}


def parse_user(text: str) -> dict[str, int]:
    """``UID`` or ``UID:GID`` in decimal digits, nothing else (CVE-2026-30892). Raises UsageError."""
    uid, colon, gid = text.partition(":")
    return {"uid": _id(uid, "user", text), "gid": _id(gid, "group", text) if colon else 0}


def _id(text: str, kind: str, whole: str) -> int:
    number = whole_number(text, _LARGEST_ID)
    if number is None:
        raise UsageError(f'invalid {kind} in "{whole}": an id is a number from 0 to {_LARGEST_ID}')
    return number
