"""Record: a frozen object read from JSON that knows the path of what is wrong.

A subclass declares its properties as annotations, in snake_case; the name in JSON follows mechanically
(``realtime_runtime`` ← ``realtimeRuntime``, ``host_id`` ← ``hostID``)::

    class Cpu(Record):
        shares: uint64 | None = None
        cpus: str = ""

* A class attribute is the default; a property without one is required.
* Unknown properties are ignored and null counts as absence (config.md, "Extensibility").
* ``section.Class`` names a class in a sibling module, imported only when config.json has the section.
  An absent section reads as an empty record, so ``config.linux.resources.cpu.shares`` needs no guard;
  ``"cpu" in resources`` tells whether it was given.
* ``check()`` is called once the properties are read and raises ConfigError for what types cannot say.

Dataclasses would do this at ten times the cost of start-up.
"""

from __future__ import annotations

import sys

from pyoci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    Reader = Callable[[object], object]

# The widths of specs-go's integers (schema/defs.json).
int32 = int
int64 = int
uint16 = int
uint32 = int
uint64 = int

RANGES = {
    "int": (-(2**63), 2**63 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_ACRONYMS = {"cpu": "CPU", "id": "ID", "io": "IO", "iops": "IOPS", "oom": "OOM", "tcp": "TCP"}
_KINDS = {str: "a string", bool: "a boolean", int: "an integer", float: "a number with a fraction", list: "an array",
          dict: "an object", type(None): "null"}


def camel(name: str) -> str:
    """The name in JSON of the property *name*: ``disable_oom_killer`` → ``disableOOMKiller``."""
    first, *rest = name.split("_")
    return first + "".join([_ACRONYMS.get(word) or word.capitalize() for word in rest])


class Record:
    """A frozen object read from JSON; see the module."""

    def __init__(self, **properties: object) -> None:
        vars(self).update(properties)

    @classmethod
    def read(cls, value: object) -> Self:
        """The record that the JSON object *value* describes. Raises ConfigError with the path below it."""
        if not isinstance(value, dict):
            raise ConfigError(expected("an object", value))
        properties = {}
        for name, (key, reader, required) in fields(cls).items():
            item = value.get(key)
            if item is not None:
                try:
                    properties[name] = reader(item)
                except ConfigError as error:
                    raise error.within(key)  # noqa: B904 (the same error, grown)
            elif required:
                raise ConfigError("is required", key)
        self = cls(**properties)
        self.check()
        return self

    def check(self) -> None:
        """Raise ConfigError for what the types of the properties cannot say."""

    def document(self) -> dict[str, object]:
        """The JSON object it describes: ``read`` makes the same record of it."""
        return {camel(name): _plain(value) for name, value in vars(self).items()}

    def __contains__(self, name: str) -> bool:
        """Whether the property was given."""
        return name in vars(self)

    if not TYPE_CHECKING:  # what is declared is all that type checkers shall see

        def __getattr__(self, name: str) -> Record:
            """An absent section, as an empty record."""
            annotation = declared(type(self)).get(name, "")
            if not _is_section(annotation):
                raise AttributeError(f"{type(self).__name__} has no {name}")
            return section(type(self), annotation)()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # records hold dicts

    def __repr__(self) -> str:
        """As one would write it in Python."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return value.document()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def declared(cls: type[Record]) -> dict[str, str]:
    """The properties *cls* declares, with the text of their types."""
    found: dict[str, str] = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 (inspect is slow to import)
    return found


def section(cls: type[Record], annotation: str) -> type[Record]:
    """The class *annotation* names, from the module of *cls* or from a sibling imported now."""
    module, _, name = annotation.rpartition(".")
    home = sys.modules[cls.__module__]
    if module:
        full = f"{home.__package__}.{module}"
        __import__(full)
        home = sys.modules[full]
    found: type[Record] = getattr(home, name)
    return found


def _is_section(annotation: str) -> bool:
    return annotation.rpartition(".")[2][:1].isupper()


_known: dict[type[Record], dict[str, tuple[str, Reader, bool]]] = {}


def fields(cls: type[Record]) -> dict[str, tuple[str, Reader, bool]]:
    """For each property: its name in JSON, what reads it, and whether it must be there."""
    if cls not in _known:
        _known[cls] = {
            name: (camel(name), _reader(cls, text), not hasattr(cls, name) and not _is_section(text))
            for name, text in declared(cls).items()
        }
    return _known[cls]


def _reader(cls: type[Record], annotation: str) -> Reader:
    """What reads a value of the type *annotation* says."""
    annotation = annotation.removesuffix(" | None")
    if annotation in RANGES:
        return _integer(annotation)
    if annotation == "str":
        return _string
    if annotation == "bool":
        return _boolean
    if annotation.startswith("tuple["):
        return _array(_reader(cls, annotation[len("tuple[") : -len(", ...]")]))
    if annotation.startswith("dict[str, "):
        return _map(_reader(cls, annotation[len("dict[str, ") : -1]))
    return lambda value: section(cls, annotation).read(value)


def expected(what: str, value: object) -> str:
    """That *what* was expected where *value* is."""
    return f"expected {what}, got {_KINDS.get(type(value), type(value).__name__)}"


def _integer(kind: str) -> Reader:
    low, high = RANGES[kind]

    def read(value: object) -> object:
        if type(value) is not int:
            raise ConfigError(expected("an integer", value))
        if not low <= value <= high:
            raise ConfigError(f"{value} is out of range: {kind} goes from {low} to {high}")
        return value

    return read


def _string(value: object) -> object:
    if type(value) is not str:
        raise ConfigError(expected("a string", value))
    if why := unsayable(value):
        raise ConfigError(why)
    return value


def unsayable(text: str) -> str:
    """Why *text* cannot be told to the kernel, or nothing."""
    if "\0" in text:
        return "has a NUL character"
    if not text.isascii():
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return "has half a surrogate pair"
    return ""


def _boolean(value: object) -> object:
    if type(value) is not bool:
        raise ConfigError(expected("a boolean", value))
    return value


def _array(reader: Reader) -> Reader:
    def read(value: object) -> object:
        if type(value) is not list:
            raise ConfigError(expected("an array", value))
        items = []
        for item in value:
            try:
                items.append(reader(item))
            except ConfigError as error:
                raise error.within(f"[{len(items)}]")  # noqa: B904 (the same error, grown)
        return tuple(items)

    return read


def _map(reader: Reader) -> Reader:
    def read(value: object) -> object:
        if type(value) is not dict:
            raise ConfigError(expected("an object", value))
        items = {}
        for key, item in value.items():
            try:
                items[key] = reader(item)
            except ConfigError as error:
                raise error.within(key)  # noqa: B904 (the same error, grown)
        return items

    return read
