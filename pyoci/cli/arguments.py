"""Reading argv by a table of options.

The dialect is runc's: every name goes with one dash or two, a value follows after ``=`` or as the next word, options
stand before or after the first operand. One-letter flags may be combined (``-dt``). Where a command takes more than
one operand (``exec``, ``kill``, ``ps``), everything behind the first belongs to the container.

argparse would do most of this at 8 ms; it renders the help, from the same table (``help``).
"""

from __future__ import annotations

from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Value = bool | int | str | list[str]

# strconv.ParseBool of Go, which callers write for.
BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class Option:
    """One option: its *names*, one sentence of *help*, and the *value* it takes (nothing: it is a flag).

    *kind* is ``flag``, ``text``, ``number`` or ``list`` (may be repeated); *choices* are the only values allowed,
    *suggested* ones are what a shell completes. What was read is found under *key*: the first name, with underscores.
    """

    __slots__ = ("choices", "help", "key", "kind", "names", "suggested", "value")

    def __init__(
        self,
        *names: str,
        help: str,  # noqa: A002 (as argparse calls it)
        value: str = "",
        kind: str = "",
        choices: tuple[str, ...] = (),
        suggested: tuple[str, ...] = (),
        key: str = "",
    ) -> None:
        self.names = names
        self.help = help
        self.value = value
        self.kind = kind or ("text" if value else "flag")
        self.choices = choices
        self.suggested = suggested or choices
        self.key = key or names[0].lstrip("-").replace("-", "_")


class Arguments:
    """What a command was given: the options that were there, and the operands."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.command = ""
        """The command, once argv is understood."""
        self.values: dict[str, Value] = {}
        self.operands: list[str] = []

    def flag(self, key: str, default: bool = False) -> bool:
        """Whether the flag *key* is set."""
        return bool(self.values.get(key, default))

    def text(self, key: str, default: str = "") -> str:
        """The text given for *key*."""
        return str(self.values.get(key, default))

    def number(self, key: str) -> int:
        """The number given for *key*, or 0."""
        value = self.values.get(key, 0)
        assert isinstance(value, int)
        return value

    def texts(self, key: str) -> list[str]:
        """Everything given for the repeatable option *key*."""
        value = self.values.get(key, [])
        assert isinstance(value, list)
        return value

    @property
    def id(self) -> str:
        """The first operand: the container's id."""
        return self.operands[0]

    def for_each(self, action: Callable[[str], object]) -> None:
        """Do *action* for the container, or with ``--regex`` for each whose id matches. Raises PyociError."""
        if not self.flag("regex"):
            action(self.id)
            return
        from pyoci.runtime import matching

        matching.each(self.root, self.id, action)

    @property
    def root(self) -> str:
        """The directory that holds containers. Raises UsageError."""
        from pyoci.runtime import root

        return root.directory(self.text("root"))


def parse(
    words: Sequence[str], options: Sequence[Option], values: dict[str, Value], *, positional_after: int | None = None
) -> list[str]:
    """Read *words* into *values*; what is no option is returned.

    Once there are *positional_after* operands, everything else is one too. A mistake does not end the reading, so
    that ``--log`` behind it still counts: the first one is raised as UsageError at the end.
    """
    table = {name.lstrip("-"): option for option in options for name in option.names}
    operands: list[str] = []
    mistake: UsageError | None = None
    rest = iter(words)
    for word in rest:
        if (positional_after and len(operands) >= positional_after) or word[:1] != "-" or word == "-":
            operands.append(word)
        elif word == "--":
            operands.extend(rest)
        else:
            try:
                _take(word, rest, table, values)
            except UsageError as error:
                mistake = mistake or error
    if mistake:
        raise mistake
    return operands


def _take(word: str, rest: Iterator[str], table: dict[str, Option], values: dict[str, Value]) -> None:
    """Read one option, and its value from *rest* if it is not in the word."""
    shown, equals, text = word.partition("=")
    name = shown.removeprefix("-").removeprefix("-")
    if name not in table and not equals:
        name = _combined(shown[1:], table, values)
    option = table.get(name)
    if option is None:
        raise UsageError(f"flag provided but not defined: {shown}")
    if option.kind == "flag":
        values[option.key] = _boolean(text, shown) if equals else True
        return
    value = text if equals else next(rest, None)
    if value is None:
        raise UsageError(f"flag needs an argument: {shown}")
    if option.kind == "list":
        earlier = values.get(option.key, [])
        assert isinstance(earlier, list)
        values[option.key] = [*earlier, value]
    else:
        values[option.key] = _checked(value, option, shown)


def _combined(letters: str, table: dict[str, Option], values: dict[str, Value]) -> str:
    """Set the flags of ``-dtp`` but the last letter, which is returned: that one may take a value."""
    options = [table.get(letter) for letter in letters]
    flags = [option for option in options[:-1] if option and option.kind == "flag"]
    if None in options or not flags or len(flags) < len(letters) - 1:
        return ""
    values.update({option.key: True for option in flags})
    return letters[-1]


def _boolean(text: str, shown: str) -> bool:
    if text not in BOOLEANS:
        raise UsageError(f'invalid boolean value "{text}" for flag {shown}')
    return BOOLEANS[text]


def _checked(text: str, option: Option, shown: str) -> int | str:
    if option.choices and text not in option.choices:
        name = option.names[0].lstrip("-")  # runc says "invalid format option"
        raise UsageError(f'invalid {name} option "{text}": it is one of {", ".join(option.choices)}')
    if option.kind != "number":
        return text
    number = whole_number(text)
    if number is None:
        raise UsageError(f'invalid value "{text}" for flag {shown}: it is a whole number from 0')
    return number


def whole_number(text: str, largest: int = 2**31 - 1) -> int | None:
    """The number that *text* is in plain decimal digits, from 0 to *largest*; None for anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        return None
    number = int(text)
    return number if number <= largest else None


def check_operands(operands: Sequence[str], expected: str, called: str) -> None:
    """Raise UsageError, in runc's words, unless there are as many *operands* as *expected* (``ID [SIGNAL]``) says.

    *called* is how the command was called: ``pyoci: "kill"``.
    """
    names = expected.split()
    least = len([name for name in names if not name.startswith("[")])
    most = None if "..." in expected else len(names)
    if least == most and len(operands) != least:
        raise UsageError(f"{called} requires exactly {least} argument(s)")
    if len(operands) < least:
        raise UsageError(f"{called} requires a minimum of {least} argument(s)")
    if most is not None and len(operands) > most:
        raise UsageError(f"{called} requires a maximum of {most} argument(s)")
