"""The process that ``exec`` runs when it is told only a command: the container's own with some changes."""

from __future__ import annotations

from pyoci import json_text
from pyoci.container.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def new_process(
    root: str,
    container_id: str,
    args: Sequence[str],
    *,
    cwd: str = "",
    env: Sequence[str] = (),
    terminal: bool = False,
    user: Mapping[str, int] | None = None,
    additional_gids: Sequence[int] = (),
    capabilities: Sequence[str] = (),
    no_new_privileges: bool | None = None,
    selinux_label: str = "",
    apparmor_profile: str = "",
) -> dict[str, Any]:
    """What ``execute`` takes: the ``process`` of config.json, as it was at create, with other *args*.

    *env*, *additional_gids* and *capabilities* are added, *user* (``uid``, ``gid``) and the rest replace what is there.
    Raises ContainerNotFound.
    """
    process = _of_init(root, container_id)
    no_new_privileges = process.get("noNewPrivileges") if no_new_privileges is None else no_new_privileges
    replaced = {"cwd": cwd, "selinuxLabel": selinux_label, "apparmorProfile": apparmor_profile}
    return {
        **process,
        **{name: value for name, value in replaced.items() if value},
        "args": list(args),
        "env": [*(process.get("env") or []), *env],
        "terminal": terminal,  # the container's own terminal is not this process's
        "noNewPrivileges": bool(no_new_privileges),
        "user": _grown_user(process.get("user") or {}, user or {}, additional_gids),
        "capabilities": _grown_capabilities(process.get("capabilities"), capabilities),
    }


def _of_init(root: str, container_id: str) -> dict[str, Any]:
    container = Store(root).load(container_id)
    document: Any = json_text.loads(container.config_text())
    return document.get("process") or {}


def _grown_user(user: dict[str, Any], chosen: Mapping[str, int], gids: Sequence[int]) -> dict[str, Any]:
    return {**user, **chosen, "additionalGids": [*(user.get("additionalGids") or []), *gids]}


def _grown_capabilities(sets: dict[str, list[str]] | None, more: Sequence[str]) -> dict[str, list[str]] | None:
    """The five sets with *more*.

    Never inheritable (CVE-2022-29162); ambient only where there are inheritable ones, since without them the kernel
    refuses ambient ones.
    """
    if not more:
        return sets
    sets = sets or {}
    grown = ["bounding", "effective", "permitted", *(["ambient"] if sets.get("inheritable") else [])]
    return {**sets, **{name: [*(sets.get(name) or []), *more] for name in grown}}
