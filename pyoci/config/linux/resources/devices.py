"""linux.resources.devices: which devices may be made, read and written (config-linux.md#allowed-device-list).

Rules are applied in order: for each kind of access to a device the last one that fits decides. Everything is
forbidden first; the rules of config.json follow, then those of the devices every container has. That is
so without this section as well.

On v2 the rules become a program (``pyoci.cgroups.device_program``). v1 only knows a default and its exceptions,
which ``legacy`` works out.
"""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.record import Record, int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.config.linux.resources import Settings

    Rule = tuple[bool, str, int, int, str]  # allow, type, major, minor, access
    Node = tuple[str, int, int]

ALL = -1  # of a major or minor number
_ACCESS = "rwm"
_MOST = 2**32 - 1
_DENY_ALL = (False, "a", ALL, ALL, _ACCESS)

DEFAULT: tuple[Rule, ...] = (
    (True, "c", ALL, ALL, "m"),  # a node that cannot be opened does no harm
    (True, "b", ALL, ALL, "m"),
    (True, "c", 1, 3, _ACCESS),  # null
    (True, "c", 1, 5, _ACCESS),  # zero
    (True, "c", 1, 7, _ACCESS),  # full
    (True, "c", 1, 8, _ACCESS),  # random
    (True, "c", 1, 9, _ACCESS),  # urandom
    (True, "c", 5, 0, _ACCESS),  # tty
    (True, "c", 5, 2, _ACCESS),  # ptmx
    (True, "c", 136, ALL, _ACCESS),  # pts
    (True, "c", 10, 200, _ACCESS),  # net/tun
)
"""The devices every container has; the same as runc's."""


class Device(Record):
    """One rule. A number that is absent, or -1, stands for all."""

    allow: bool
    type: str = "a"
    major: int64 = ALL
    minor: int64 = ALL
    access: str = _ACCESS

    def check(self) -> None:
        """Refuse unknown types and kinds of access, and impossible numbers."""
        if self.type not in {"a", "b", "c"}:
            raise ConfigError(f'invalid cgroup device type "{self.type}": expected a, b or c', "type")
        if not self.access or not set(self.access) <= set(_ACCESS):
            raise ConfigError(f'invalid access "{self.access}": expected letters of {_ACCESS}', "access")
        for name, number in (("major", self.major), ("minor", self.minor)):
            if not ALL <= number <= _MOST:
                raise ConfigError(f"{number} is out of range: no device has such a number", name)


def rules(devices: Iterable[Device]) -> list[Rule]:
    """All rules of a container, in the order in which they apply."""
    asked = [(device.allow, device.type, device.major, device.minor, device.access) for device in devices]
    return [_DENY_ALL, *asked, *DEFAULT]


def legacy(devices: Iterable[Device]) -> Settings:
    """devices.deny, devices.allow. Raises ConfigError when there are no exceptions that say the same as the rules."""
    allow, exceptions = exceptions_from_rules(rules(devices))
    yield ("devices.allow" if allow else "devices.deny"), "a"
    for device, access in exceptions.items():
        yield ("devices.deny" if allow else "devices.allow"), f"{_text(device)} {access}"


def legacy_change(before: Iterable[Device], after: Iterable[Device], *, told: bool = False) -> Settings:
    """From the rules *before* to those *after*, touching nothing that both allow: a program may be using it.

    Where systemd was *told* of them, it has forbidden everything, and allowed all of a kind as an exception; what is
    refused among that takes another default.
    """
    default, old = exceptions_from_rules(rules(before))
    allow, new = exceptions_from_rules(rules(after))
    if allow != default or (allow and told):
        yield from legacy(after)
        return
    add, drop = ("devices.deny", "devices.allow") if allow else ("devices.allow", "devices.deny")
    for name, wanted, present in ((add, new, old), (drop, old, new)):
        for device, access in wanted.items():
            missing = "".join([letter for letter in access if letter not in present.get(device, "")])
            if missing:
                yield name, f"{_text(device)} {missing}"


def _number(number: int) -> str:
    return "*" if number == ALL else str(number)


def exceptions_from_rules(rules: Iterable[Rule]) -> tuple[bool, dict[Node, str]]:
    """What is the default, and the access that is otherwise for some devices."""
    default = False
    exceptions: dict[Node, str] = {}
    for allow, kind, major, minor, access in rules:
        if kind == "a" and major == minor == ALL and set(access) == set(_ACCESS):
            default, exceptions = allow, {}
            continue
        for letter in "bc" if kind == "a" else kind:
            device = (letter, major, minor)
            if allow == default:
                exceptions = _withdraw(exceptions, device, access)
            else:
                exceptions[device] = _joined(exceptions.get(device, ""), access)
    return default, exceptions


def _joined(first: str, second: str) -> str:
    return "".join([letter for letter in _ACCESS if letter in first or letter in second])


def _withdraw(exceptions: dict[Node, str], device: Node, access: str) -> dict[Node, str]:
    """The exceptions without *access* to *device*."""
    remaining = {}
    for other, kept in exceptions.items():
        if _overlap(device, other) and set(kept) & set(access):
            if not _covers(device, other):
                wider = f"{_text(other)} {kept}"
                raise ConfigError(f"{_text(device)} {access}: cgroup v1 cannot punch a hole in the wider rule {wider}")
            kept = "".join([letter for letter in kept if letter not in access])  # noqa: PLW2901 (narrowed)
        if kept:
            remaining[other] = kept
    return remaining


def _covers(wide: Node, narrow: Node) -> bool:
    return all(a in (ALL, b) for a, b in zip(wide, narrow, strict=True))


def _overlap(one: Node, other: Node) -> bool:
    return all(a == b or ALL in (a, b) for a, b in zip(one, other, strict=True))


def _text(device: Node) -> str:
    return f"{device[0]} {_number(device[1])}:{_number(device[2])}"
