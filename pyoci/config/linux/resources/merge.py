"""What becomes of linux.resources when a container is updated: no section, the operation is not in the specification.

What an update leaves out stays as it is, and so does what it names with the value that means so in config.json: 0 for a
limit of memory, an empty list of processors. Engines send such values for everything they do not change. Lists grow:
an entry for the same device, page size or interface takes the place of the earlier one. Rules about devices depend on
their order and on each other: a new list of them replaces the old one.
"""

from __future__ import annotations

from pyoci.config.linux.resources import Resources
from pyoci.record import Record

# What identifies an entry of a list.
_KEYS = (("major", "minor"), ("page_size",), ("name",))
# Properties the kernel checks against each other, or has in one file: where one is written, all are.
_TOGETHER = {
    "memory": (("limit", "swap", "check_before_update"),),
    "cpu": (("quota", "period", "burst"), ("idle", "shares")),
}
_UNLIMITED = -1


def merged(before: Resources, asked: Resources) -> Resources:
    """All that a container with the resources *before* has when *asked* is done. Raises ConfigError."""
    sections = dict(vars(before))
    for name, section in given(asked).items():
        sections[name] = section if name == "devices" else _joined(sections.get(name), section)
    if _frees_memory(asked):
        sections["memory"] = _without(sections["memory"], "swap")
    return Resources.read(Resources(**sections).document())


def to_write(asked: Resources, after: Resources) -> Resources:
    """*asked*, with the properties of *after* that have to be written along with it."""
    sections = {name: section for name, section in given(asked).items() if name != "devices"}
    for name, groups in _TOGETHER.items():
        if name in sections:
            sections[name] = _with_relatives(getattr(asked, name), getattr(after, name), groups)
    return Resources(**sections)


def given(record: Record) -> dict[str, object]:
    """The properties of *record* that say something; a 0, a text or a list that is empty by default does not."""
    kind = type(record)
    return {name: value for name, value in vars(record).items()
            if value or isinstance(value, bool) or getattr(kind, name, None) != value}  # fmt: skip


def _joined(old: object, new: object) -> object:
    if isinstance(new, Record):
        properties = vars(old) if isinstance(old, Record) else {}
        fresh = {name: _joined(properties.get(name), value) for name, value in given(new).items()}
        return type(new)(**{**properties, **fresh})
    if isinstance(new, dict):
        known = old if isinstance(old, dict) else {}
        return {**known, **{key: _joined(known.get(key), value) for key, value in new.items()}}
    if isinstance(new, tuple):
        return _grown(old if isinstance(old, tuple) else (), new)
    return new


def _grown(old: tuple[Record, ...], new: tuple[Record, ...]) -> tuple[object, ...]:
    entries: dict[tuple[object, ...], object] = {_identity(entry): entry for entry in old}
    for entry in new:
        key = _identity(entry)
        entries[key] = _joined(entries.get(key), entry)
    return tuple(entries.values())


def _identity(entry: Record) -> tuple[object, ...]:
    return next(tuple([getattr(entry, name) for name in names]) for names in _KEYS if names[0] in entry)


def _frees_memory(asked: Resources) -> bool:
    """Whether memory shall have no limit, and nothing is said of swap: then that is to have none either, as in runc."""
    return asked.memory.limit == _UNLIMITED and not asked.memory.swap


def _with_relatives(asked: Record, after: Record, groups: tuple[tuple[str, ...], ...]) -> Record:
    properties = given(asked)
    for names in groups:
        if any(name in properties for name in names):
            properties.update({name: getattr(after, name) for name in names if name in after})
    return type(asked)(**properties)


def _without(section: object, name: str) -> Record:
    assert isinstance(section, Record)
    return type(section)(**{key: value for key, value in vars(section).items() if key != name})
