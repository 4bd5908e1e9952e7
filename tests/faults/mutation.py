"""Configurations nobody writes: those recorded of engines, with a few places changed for the worse."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random

_RECORDED = Path(__file__).resolve().parents[1] / "data/recorded"
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, "", "/", ".", "..",
    "../..", "/proc/self/fd/0", "a" * 255, "a" * 5000, "/" * 5000, "\0", "\n", "%s%n", "ü\udcff", "0-", "a:b:c", "=",
    "0-4294967295", "SCMP_ACT_NOTIFY", "CAP_ALL", "rbind", "ro", "idmap", "tmpcopyup", "*", [], {}, [[]], [None],
    {"": None}, {"a": {"a": {}}},
)  # fmt: skip
Place = tuple[str | int, ...]


def recorded() -> list[dict[str, Any]]:
    """What engines have asked for, with the filters that are recorded beside it."""
    configs = [json.loads(path.read_text()) for path in sorted(_RECORDED.rglob("config.json"))]
    for config in configs:
        if name := config["linux"].get("seccomp"):
            profile = json.loads((_RECORDED / name).read_text())
            config["linux"]["seccomp"] = {**profile, "syscalls": profile.get("syscalls", [])[:6]}
    return configs


def places(value: object, place: Place = ()) -> list[Place]:
    """Every place in *value* but itself."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for name, item in items:
        found += [(*place, name), *places(item, (*place, name))]
    return found


def mutated(configs: list[dict[str, Any]], chosen: random.Random) -> dict[str, Any]:
    """One of *configs* with up to three changes."""
    config = copy.deepcopy(chosen.choice(configs))
    for _ in range(chosen.randint(1, 3)):
        known = places(config)
        if known:
            _change(config, chosen.choice(known), configs, chosen)
    return config


def _change(config: dict[str, Any], place: Place, configs: list[dict[str, Any]], chosen: random.Random) -> None:
    parent: Any = config
    for step in place[:-1]:
        parent = parent[step]
    name: Any = place[-1]
    match chosen.randrange(7):
        case 0:
            del parent[name]
        case 1 if isinstance(parent, list):
            parent.insert(name, copy.deepcopy(parent[name]))
        case 2:
            parent[name] = _from_elsewhere(chosen.choice(configs), place, chosen)
        case 3 if isinstance(parent[name], str):
            parent[name] = _garbled(parent[name], chosen)
        case 4 if isinstance(parent[name], int):
            parent[name] += chosen.choice((-1, 1, 2**32, -(2**32)))
        case 5 if isinstance(parent, dict):
            parent[_garbled(str(name), chosen)] = parent[name]
        case _:
            parent[name] = copy.deepcopy(chosen.choice(_ODD))


def _from_elsewhere(config: dict[str, Any], place: Place, chosen: random.Random) -> Any:
    """The value of another place, one of the same name if there is any."""
    known = places(config)
    alike = [other for other in known if other[-1] == place[-1]]
    value: Any = config
    for step in chosen.choice(alike or known):
        value = value[step]
    return copy.deepcopy(value)


def _garbled(text: str, chosen: random.Random) -> str:
    at = chosen.randint(0, len(text))
    put = chosen.choice(("", "\0", "/", "..", ":", ",", "=", "ü", "9" * 30, " ", text))
    return text[:at] + put + text[at + chosen.randint(0, 3) :]
