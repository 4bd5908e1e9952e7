"""Explain a configuration: every mistake the schema finds, with its path (config.md#valid-values).

The records decide, for they are fast; this module is imported when they object, and by ``validate``. The schema
(spec/config.schema.json) speaks standard JSON Schema; its own keywords are ``clause``, ``width`` (the type of an
integer) and ``expects`` (a pattern in words). As in the records, null counts as absence, 1.0 is no integer and a
string is one the kernel can be told.
"""

from __future__ import annotations

import os

import pyoci
from pyoci import json_text
from pyoci.record import RANGES, expected, unsayable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from jsonschema.exceptions import ValidationError

    Path = tuple[str | int, ...]

_KINDS = {"integer": "an integer", "string": "a string", "boolean": "a boolean", "array": "an array",
          "object": "an object"}


_loaded: dict[str, dict[str, Any]] = {}


def load(name: str = "config") -> dict[str, Any]:
    """The schema of *name*: config, state or features. Raises FileNotFoundError when it was not installed."""
    if name in _loaded:
        return _loaded[name]
    package = pyoci.__path__[0]
    places = [os.path.join(base, "spec", f"{name}.schema.json") for base in (package, os.path.dirname(package))]
    place = next((place for place in places if os.path.exists(place)), places[0])
    with open(place, "rb", buffering=0) as file:
        schema = json_text.loads(file.readall())
    assert isinstance(schema, dict)
    _loaded[name] = schema
    return schema


def explain(config: object) -> list[tuple[str, str]]:
    """Every mistake in the parsed *config*: its path and what is wrong there, in the order of the document."""
    schema = load()
    try:
        validator = _validator(schema)
    except ImportError:  # without jsonschema the first mistake, which the reader found, has to do
        return []
    given = _without_nulls(config, schema, schema)
    found: dict[tuple[Path, str], None] = {}
    for error in validator.iter_errors(given):
        found.update(dict.fromkeys(_mistakes(error)))
    ordered = sorted(found, key=lambda mistake: _position(given, mistake[0]))
    return [(spell(path), message) for path, message in ordered]


def near_misses(config: object) -> list[tuple[str, str]]:
    """Unknown properties of the parsed *config* that resemble a known one: their path, and the name likely meant."""
    schema = load()
    return [(spell(path), meant) for path, meant in _near_misses(config, schema, schema, ())]


def spell(path: Path) -> str:
    """A path as users write it: ``mounts[3].destination``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _validator(schema: dict[str, Any]) -> Any:
    """A validator of *schema* that is as strict as the records about types and ends of lines."""
    import jsonschema

    draft = jsonschema.Draft202012Validator
    types = draft.TYPE_CHECKER.redefine_many({
        "integer": lambda _, value: type(value) is int,
        "string": lambda _, value: type(value) is str and not unsayable(value),
    })
    extended: Any = jsonschema.validators.extend(draft, {"pattern": _pattern}, type_checker=types)  # type: ignore[no-untyped-call]
    return extended(schema)


def _pattern(validator: Any, pattern: str, value: object, _schema: object) -> Iterator[ValidationError]:
    """Match as ECMAScript does, where $ is the very end; Python's accepts a newline behind it."""
    import re

    from jsonschema.exceptions import ValidationError

    if validator.is_type(value, "string") and not re.search(pattern.replace("$", r"\Z"), str(value)):
        yield ValidationError(f"{value!r} does not match")


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """*schema*, or the definition of *root* it refers to."""
    reference = schema.get("$ref")
    return root["$defs"][reference.rpartition("/")[2]] if reference else schema


def _without_nulls(value: object, schema: dict[str, Any], root: dict[str, Any]) -> object:
    """*value* without the properties that are null; null stays where it is an item or an entry of a map."""
    schema = _resolve(schema, root)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        entries = schema.get("additionalProperties", {})
        return {
            name: _without_nulls(item, known.get(name, entries), root)
            for name, item in value.items()
            if item is not None or name not in known
        }
    if isinstance(value, list):
        return [_without_nulls(item, schema.get("items", {}), root) for item in value]
    return value


def _mistakes(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """What *error* says in our words, and where; a missing property is a mistake at the place where it belongs."""
    path: Path = tuple(error.absolute_path)
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "required":
        yield from (((*path, name), "is required") for name in rule if name not in value)
    elif error.validator == "dependentRequired":
        for name in rule.keys() & value.keys():
            yield from (((*path, other), f"is required beside {name}") for other in rule[name] if other not in value)
    elif error.validator == "anyOf":
        yield path, f"needs {' or '.join(name for branch in rule for name in branch['required'])}"
    elif "propertyNames" in error.absolute_schema_path:
        yield (*path, value), _message(str(error.validator), rule, value, schema)
    else:
        yield path, _message(str(error.validator), rule, value, schema)


def _message(keyword: str, rule: Any, value: Any, schema: dict[str, Any]) -> str:
    """What is wrong with *value*, in the words of the records and on one line."""
    quoted = json_text.dumps(value)
    match keyword:
        case "type":
            why = unsayable(value) if type(value) is str and rule == "string" else ""
            return why or expected(_KINDS[rule], value)
        case "enum":
            return f"{quoted} is not {'one of ' + ', '.join(filter(None, rule)) if rule else 'known: no value is'}"
        case "minimum" | "maximum":
            return _out_of_range(value, schema)
        case "minItems" | "minLength":
            return "must not be empty"
        case _:
            return f"{quoted} is not {schema.get('expects', 'valid')}"


def _out_of_range(value: int, schema: dict[str, Any]) -> str:
    width = schema.get("width", "int64")
    low, high = RANGES[width]
    least, most = schema.get("minimum", low), schema.get("maximum", high)
    if not low <= value <= high or (least, most) == (low, high):
        return f"{value} is out of range: {width} goes from {low} to {high}"
    return f"{value} is below {least}" if value < least else f"{value} is above {most}"


def _position(config: Any, path: Path) -> list[int]:
    """Where *path* stands in the document; what is missing stands behind what is there."""
    place = []
    for step in path:
        if isinstance(step, str):
            names = list(config)
            place.append(names.index(step) if step in config else len(names))
        else:
            place.append(step)
        if isinstance(step, str) and step not in config:
            break
        config = config[step]
    return place


def _near_misses(value: object, schema: dict[str, Any], root: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    schema = _resolve(schema, root)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        entries = schema.get("additionalProperties")
        for name, item in value.items():
            if name in known or entries is not None:
                yield from _near_misses(item, known.get(name, entries), root, (*path, name))
            elif meant := _closest(name, [other for other in known if other not in value]):
                yield (*path, name), meant
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _near_misses(item, schema.get("items", {}), root, (*path, place))


def _closest(name: str, known: list[str]) -> str:
    """The known name that *name* was likely meant to be, or nothing."""
    import difflib

    if same := [other for other in known if other.lower() == name.lower().replace("_", "")]:
        return same[0]
    return next(iter(difflib.get_close_matches(name, known, 1, 0.8)), "")
