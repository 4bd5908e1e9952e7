"""JSON as text, without the standard module's import of ``re`` (6 ms of every start).

Reading is done by the installed command's interpreter (launcher/json.c), or by the C scanner that ``json`` itself uses.
A property test holds all of it to the standard module.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

read_json: Callable[[str], object] | None = None
try:
    import _pyoci

    read_json = _pyoci.read_json
except ImportError:
    pass

_WHITESPACE = " \t\n\r"
_ESCAPES = {number: f"\\u{number:04x}" for number in range(32)} | {
    ord(character): f"\\{letter}" for character, letter in zip('"\\\b\t\n\f\r', '"\\btnfr', strict=True)
}

_UNUSUAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def loads(text: str | bytes) -> object:
    """The value *text* describes. Raises ValueError that names line and column."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return _scanned(text) if read_json is None else read_json(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        match error.args:
            case str(what), int(place):
                raise ValueError(_describe(what, text.encode()[:place].decode())) from None
        raise


def _scanned(text: str) -> object:
    """The same by the standard module's C scanner."""
    import _json

    start = len(text) - len(text.lstrip(_WHITESPACE))
    scan = _json.make_scanner(_Options)  # type: ignore[arg-type]  # any object with these attributes
    try:
        value, end = scan(text, start)
    except StopIteration as stop:
        raise ValueError(_describe("expected a value", text[: stop.value])) from None
    except SystemError:  # the scanner finds no JSONDecodeError, a ValueError, where nobody has imported it
        import json.decoder  # noqa: F401

        value, end = scan(text, start)
    if rest := text[end:].lstrip(_WHITESPACE):
        raise ValueError(_describe("unexpected text after the value", text[: len(text) - len(rest)]))
    return value


class _Options:
    """What ``_json.make_scanner`` reads from its context."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 (the scanner wants an attribute)


def _describe(what: str, before: str) -> str:
    """*what* is wrong behind the text *before*."""
    return f"{what}: line {before.count(chr(10)) + 1} column {len(before) - before.rfind(chr(10))}"


def dumps(value: object, indent: int = 0) -> str:
    """*value* as JSON on one line, or over several lines *indent* spaces deep as Go prints it.

    A surrogate without its other half, be it from config.json or for a byte of a path that is no UTF-8, becomes an
    escape: no encoding has it.
    """
    pieces: list[str] = []
    _write(pieces, value, "\n" if indent else "", " " * indent)
    text = "".join(pieces)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _write(pieces: list[str], value: object, newline: str, indent: str) -> None:
    """Add *value* to *pieces*; *newline* begins the lines at its level, if it is not to be a single one."""
    if isinstance(value, str):
        pieces.append(f'"{value.translate(_ESCAPES)}"')
    elif isinstance(value, dict):
        colon = ": " if newline else ":"
        entries = ((f'"{name.translate(_ESCAPES)}"{colon}', item) for name, item in value.items())
        _write_all(pieces, "{}", entries, newline, indent)
    elif isinstance(value, list | tuple):
        _write_all(pieces, "[]", (("", item) for item in value), newline, indent)
    else:
        pieces.append(_simple(value))


def _write_all(
    pieces: list[str], brackets: str, entries: Iterable[tuple[str, object]], newline: str, indent: str
) -> None:
    inner = newline + indent if newline else ""
    separator = brackets[0] + inner
    for prefix, item in entries:
        pieces.append(separator + prefix)
        _write(pieces, item, inner, indent)
        separator = "," + inner
    pieces.append(newline + brackets[1] if separator[0] == "," else brackets)


def _simple(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _UNUSUAL.get(text := repr(value), text)
    raise TypeError(f"{type(value).__name__} has no JSON form")
