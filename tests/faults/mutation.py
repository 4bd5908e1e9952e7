"""Documents nobody writes: those recorded of engines, with a few places changed for the worse; and odd texts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from tests.support.recorded import filled

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_RECORDED = Path(__file__).resolve().parents[1] / "data/recorded"
_WORDS = {
    "@BUNDLE@": "/bundle", "@ROOTFS@": "/bundle/rootfs", "@ID@": "0123abcd", "@SHORT@": "0123", "@ENGINE@": "/engine",
    "@HEX@": "ff", "@HOST@": "host", "@OTHER@": "other", "@PARENT@": "/pyoci-fuzz", "@HOOK@": "/bin/true",
}  # fmt: skip
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, "", "/", ".", "..",
    "../..", "/proc/self/fd/0", "a" * 255, "a" * 5000, "/" * 5000, "\0", "\n", "%s%n", "ü\udcff", "\ud800", "0-",
    "a:b:c", "=", "0-4294967295", "SCMP_ACT_NOTIFY", "CAP_ALL", "rbind", "ro", "idmap", "tmpcopyup", "*", [], {}, [[]],
    [None], {"": None}, {"a": {"a": {}}},
)  # fmt: skip
ODD_NAMES = (
    "a", "ü", "..", ".", "/", "//", ":", "-", " ", "\n", "%n", "*", "\v", "\u2028", "\udcff", "\ud800", "\0", "x" * 250,
    "y" * 5000,
)  # fmt: skip
"""What names of files, cgroups and units are put together of."""
Place = tuple[str | int, ...]


def recorded() -> list[dict[str, Any]]:
    """What engines have asked for, with the filters that are recorded beside it."""
    configs = _read("config.json")
    for config in configs:
        if name := config["linux"].get("seccomp"):
            profile = json.loads((_RECORDED / name).read_text())
            config["linux"]["seccomp"] = {**profile, "syscalls": profile.get("syscalls", [])[:6]}
    return configs


def recorded_processes() -> list[dict[str, Any]]:
    """The processes of those, and what ``exec`` was given."""
    calls = [call for record in _read("call.json") for call in record["calls"]]
    return [config["process"] for config in recorded()] + [call["process"] for call in calls if "process" in call]


def _read(name: str) -> list[dict[str, Any]]:
    return [filled(json.loads(path.read_text()), _WORDS) for path in sorted(_RECORDED.rglob(name))]


def odd_text(chosen: random.Random, pieces: Sequence[str] = ODD_NAMES, most: int = 5) -> str:
    """Up to *most* of *pieces* in a row."""
    return "".join(chosen.choice(pieces) for _ in range(chosen.randint(0, most)))


def places(value: object, place: Place = ()) -> list[Place]:
    """Every place in *value* but itself."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for name, item in items:
        found += [(*place, name), *places(item, (*place, name))]
    return found


def mutated(documents: Sequence[dict[str, Any]], chosen: random.Random) -> dict[str, Any]:
    """One of *documents* with up to three changes."""
    document = copy.deepcopy(chosen.choice(documents))
    for _ in range(chosen.randint(1, 3)):
        known = places(document)
        if known:
            _change(document, chosen.choice(known), documents, chosen)
    return document


def _change(
    document: dict[str, Any], place: Place, documents: Sequence[dict[str, Any]], chosen: random.Random
) -> None:
    parent: Any = document
    for step in place[:-1]:
        parent = parent[step]
    name: Any = place[-1]
    match chosen.randrange(7):
        case 0:
            del parent[name]
        case 1 if isinstance(parent, list):
            parent.insert(name, copy.deepcopy(parent[name]))
        case 2:
            parent[name] = _from_elsewhere(chosen.choice(documents), place, chosen)
        case 3 if isinstance(parent[name], str):
            parent[name] = _garbled(parent[name], chosen)
        case 4 if isinstance(parent[name], int):
            parent[name] += chosen.choice((-1, 1, 2**32, -(2**32)))
        case 5 if isinstance(parent, dict):
            parent[_garbled(str(name), chosen)] = parent[name]
        case _:
            parent[name] = copy.deepcopy(chosen.choice(_ODD))


def _from_elsewhere(document: dict[str, Any], place: Place, chosen: random.Random) -> Any:
    """The value of another place, one of the same name if there is any."""
    known = places(document)
    alike = [other for other in known if other[-1] == place[-1]]
    value: Any = document
    for step in chosen.choice(alike or known or [()]):
        value = value[step]
    return copy.deepcopy(value)


def _garbled(text: str, chosen: random.Random) -> str:
    at = chosen.randint(0, len(text))
    put = chosen.choice(("", "\0", "/", "..", ":", ",", "=", "ü", "9" * 30, " ", text))
    return text[:at] + put + text[at + chosen.randint(0, 3) :]
