"""JSON as text, without the standard module's import of ``re`` (6 ms of every start).

Reading uses the C scanner that ``json`` itself uses, writing on one line its C encoder; over several lines it is done
here, for the encoder cannot. A property test holds all of it to the standard module.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_WHITESPACE = " \t\n\r"


class _Options:
    """What ``_json.make_scanner`` reads from its context."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 (the scanner wants an attribute)


class _Codec:
    """The C functions, once they are needed: their module is one of those an image of the interpreter cannot hold."""

    scan: Callable[[str, int], tuple[Any, int]]
    encode: Callable[[object, int], tuple[str, ...]]
    quote: Callable[[str], str]

    def __getattr__(self, name: str) -> Any:
        import _json

        self.scan = _json.make_scanner(_Options)  # type: ignore[arg-type]  # any object with these attributes
        self.quote = _json.encode_basestring
        self.encode = _json.make_encoder(None, _refuse, self.quote, None, ":", ",", False, False, True)
        return vars(self)[name]


_codec = _Codec()


def loads(text: str | bytes) -> object:
    """The value *text* describes. Raises ValueError that names line and column."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    start = 0
    while text[start : start + 1] in _WHITESPACE and start < len(text):
        start += 1
    try:
        value, end = _codec.scan(text, start)
    except StopIteration as stop:
        raise ValueError(_describe("expected a value", text, stop.value)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except SystemError:  # the scanner finds no JSONDecodeError, a ValueError, where nobody has imported it
        import json.decoder  # noqa: F401

        value, end = _codec.scan(text, start)
    if rest := text[end:].lstrip(_WHITESPACE):
        raise ValueError(_describe("unexpected text after the value", text, len(text) - len(rest)))
    return value


def _describe(what: str, text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return f"{what}: line {line} column {column}"


def dumps(value: object, indent: int = 0) -> str:
    """*value* as JSON on one line, or over several lines *indent* spaces deep as Go prints it.

    A surrogate without its other half, be it from config.json or for a byte of a path that is no UTF-8, becomes an
    escape: no encoding has it.
    """
    text = "".join(_pieces(value, "\n", " " * indent) if indent else _codec.encode(value, 0))
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _pieces(value: object, newline: str, indent: str) -> Iterator[str]:
    """*value* over several lines; *newline* begins those at its level."""
    if isinstance(value, dict) and value:
        items = ((_codec.quote(key) + ": ", item) for key, item in value.items())
        yield from _enclosed("{}", items, newline, indent)
    elif isinstance(value, list | tuple) and value:
        yield from _enclosed("[]", (("", item) for item in value), newline, indent)
    else:
        yield from _codec.encode(value, 0)


def _enclosed(brackets: str, items: Iterator[tuple[str, object]], newline: str, indent: str) -> Iterator[str]:
    separator = brackets[0] + newline + indent
    for prefix, item in items:
        yield separator + prefix
        yield from _pieces(item, newline + indent, indent)
        separator = "," + newline + indent
    yield newline + brackets[1]
