"""What systemd calls the settings of a cgroup (systemd.resource-control(5)).

systemd writes a unit's limits anew when it reloads, so it must know them; those it has no name for are only written.
"""

from __future__ import annotations

from pyoci.cgroups.hierarchy import read
from pyoci.errors import ConfigError, Ignoring
from pyoci.number_list import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyoci.cgroups.bus import Property

INFINITY = 2**64 - 1
_SECOND = 1_000_000  # µs
_PERIOD = 100_000  # µs, the kernel's default
_ANY = -1
_WORDS = {"b": "block", "c": "char"}
_STEP = 10_000  # µs: systemd keeps quotas in hundredths of a second per second
_BYTES = {
    "memory.max": "MemoryMax",
    "memory.high": "MemoryHigh",
    "memory.low": "MemoryLow",
    "memory.min": "MemoryMin",
    "memory.swap.max": "MemorySwapMax",
    "memory.zswap.max": "MemoryZSwapMax",
    "memory.limit_in_bytes": "MemoryLimit",
    "cpu.shares": "CPUShares",
    "cpu.weight": "CPUWeight",
    "blkio.weight": "BlockIOWeight",
    "io.weight": "IOWeight",
}
_SETS = {"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}
_SETS_SINCE, _PERIOD_SINCE, _IDLE_SINCE = 244, 242, 252  # systemd's versions
_SINCE = {"memory.zswap.max": 253}
_ANNOTATION = "org.systemd.property."


def from_settings(settings: Iterable[tuple[str, str]], version: int) -> Iterator[Property]:
    """The properties a systemd of *version* has for *settings*, as ``Cgroup.write`` takes them."""
    period, quota, weight = 0, 0, INFINITY
    for names, value in settings:
        name = names.removesuffix("?").rpartition("|")[2]
        text = value.rpartition("|")[2]
        if name == "cpu.weight":
            weight = _number(text)
        if name in _BYTES and version >= _SINCE.get(name, 0) and ":" not in text:  # else of one device
            yield _BYTES[name], ("t", _number(text))
        elif name == "pids.max":
            yield "TasksMax", ("t", max(_number(text), 1))  # systemd takes 0 for an error
        elif name == "cpu.idle" and version >= _IDLE_SINCE:
            yield "CPUWeight", ("t", 0 if text == "1" else weight)
        elif name in _SETS and version >= _SETS_SINCE:
            yield _SETS[name], ("ay", _bits(text))
        elif name == "cpu.max":
            maximum, _, length = text.partition(" ")
            yield from _quota(_number(maximum), int(length or _PERIOD), version)
        elif name == "cpu.cfs_period_us":
            period = int(text)
        elif name == "cpu.cfs_quota_us":
            quota = int(text)
    if quota or period:
        yield from _quota(quota if quota > 0 else INFINITY, period or _PERIOD, version)


def _number(text: str) -> int:
    """A limit; ``max`` and -1 are none."""
    last = text.rsplit(maxsplit=1)[-1]  # "default 100"
    return INFINITY if last in {"max", "-1"} else int(last)


def _quota(quota: int, period: int, version: int) -> Iterator[Property]:
    """Processor time in µs a second, rounded up to what systemd can keep."""
    if quota != INFINITY:
        quota = -(-quota * _SECOND // period // _STEP) * _STEP
    yield "CPUQuotaPerSecUSec", ("t", quota)
    if version >= _PERIOD_SINCE:
        yield "CPUQuotaPeriodUSec", ("t", period)


def _bits(text: str) -> bytes:
    """The set that *text* lists (``0-3,8``), lowest byte first. Raises ConfigError."""
    chosen = numbers(text, "linux.resources.cpu")
    return sum(1 << number for number in chosen).to_bytes(max(chosen, default=0) // 8 + 1, "little")


def from_device_rules(
    rules: Iterable[tuple[bool, str, int, int, str]], *, legacy: bool = False
) -> Iterator[Property]:
    """The properties for device *rules*: whether to allow, kind, major and minor (-1: any), access.

    systemd only knows exceptions that allow. A refusal behind them takes away what it covers, or is left to the rules
    themselves, which hold besides (on v1 until systemd reloads). systemd adds to a list it has, and forgets one when it
    is given none. On *legacy* cgroups "auto" would have it give the controller up, and move out what runs there: then
    everything is an exception instead.
    """
    default, allowed = False, list[tuple[str, int, int, str]]()
    for allow, kind, major, minor, access in rules:
        if kind == "a" and major == minor == _ANY:
            default, allowed = allow, []
            continue
        for letter in kind if kind != "a" else "bc":
            if allow:
                allowed.append((letter, major, minor, access))
            else:
                allowed = [_without((letter, major, minor, access), entry) for entry in allowed]
    if default:
        allowed = [(letter, _ANY, _ANY, "rwm") for letter in "bc"] if legacy else []
    yield "DevicePolicy", ("s", "auto" if default and not legacy else "strict")
    yield "DeviceAllow", ("a(ss)", [])
    if allowed:
        names = _drivers(read("/proc/devices"))
        entries = [
            (name, access)
            for kind, major, minor, access in allowed if access
            for name in _nodes(kind, major, minor, names)
        ]
        yield "DeviceAllow", ("a(ss)", entries)


def _without(refused: tuple[str, int, int, str], entry: tuple[str, int, int, str]) -> tuple[str, int, int, str]:
    """What is left of the allowance *entry*."""
    kind, major, minor, access = entry
    if refused[0] != kind or refused[1] not in {_ANY, major} or refused[2] not in {_ANY, minor}:
        return entry
    return kind, major, minor, "".join([letter for letter in access if letter not in refused[3]])


def _nodes(kind: str, major: int, minor: int, drivers: Mapping[tuple[str, int], list[str]]) -> list[str]:
    """What systemd calls a device: its node, or its driver for all of them."""
    word = _WORDS[kind]
    if major == _ANY:
        return [f"{word}-*"]
    if minor == _ANY:
        return [f"{word}-{name}" for name in drivers.get((kind, major), [])]
    return [f"/dev/{word}/{major}:{minor}"]  # which need not be there (systemd 240)


def _drivers(groups: str) -> dict[tuple[str, int], list[str]]:
    """Kind and major number → the names of their drivers (proc_devices(5))."""
    found: dict[tuple[str, int], list[str]] = {}
    kind = ""
    for line in groups.splitlines():
        words = line.split()
        if line.endswith("devices:"):
            kind = words[0][0].lower()
        elif len(words) == 2:
            found.setdefault((kind, int(words[0])), []).append(words[1])
    return found


def from_annotations(annotations: Mapping[str, str]) -> Iterator[Property]:
    """The properties asked for by ``org.systemd.property.NAME``, in GVariant's text form. Raises ConfigError."""
    for key, text in annotations.items():
        name = key.removeprefix(_ANNOTATION)
        if name == key:
            continue
        if not (name.isascii() and name.isalpha() and len(name) > 2):
            raise ConfigError(f"invalid property name {name!r}", f"annotations.{key}")
        try:
            signature, value = _variant(text.strip())
        except ValueError as error:
            raise ConfigError(f"cannot parse {text!r}: {error}", f"annotations.{key}") from error
        if name.endswith("Sec") and not name.endswith("USec"):
            name, signature, value = f"{name.removesuffix('Sec')}USec", "t", _microseconds(value, key)
        yield name, (signature, value)


_TYPES = {
    "byte": "y", "int16": "n", "uint16": "q", "int32": "i", "uint32": "u", "int64": "x", "uint64": "t", "double": "d",
}  # fmt: skip


def _variant(text: str) -> tuple[str, object]:
    """Signature and value of a boolean, number, string, or list of one of them. Raises ValueError."""
    if text[:1] == "[" and text[-1:] == "]":
        items = [_single(item.strip()) for item in text[1:-1].split(",") if item.strip()]
        if len({signature for signature, _value in items}) != 1:
            raise ValueError("a list needs items of one type")
        return f"a{items[0][0]}", [value for _signature, value in items]
    return _single(text)


def _single(text: str) -> tuple[str, object]:
    if text in {"true", "false"}:
        return "b", text == "true"
    if text[:1] in {"'", '"'} and text[-1:] == text[:1] and len(text) > 1:
        return "s", text[1:-1].replace(f"\\{text[0]}", text[0])
    word, _, rest = text.rpartition(" ")
    signature = _TYPES.get(word.strip() or "int32")
    if signature is None:
        raise ValueError(f"unknown type {word}")
    if signature == "d" or ("." in rest and not word):
        return "d", float(rest)
    return signature, int(rest, 0)


def _microseconds(value: object, key: str) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        with Ignoring(OverflowError, ValueError):  # it is infinite, or no number
            return int(value * _SECOND)
    raise ConfigError(f"seconds are a number, not {value!r}", f"annotations.{key}")
