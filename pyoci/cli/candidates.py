"""What the last word of an unfinished command line could become, by the same tables that read a finished one."""

from __future__ import annotations

import sys

from pyoci.cli import COMMANDS
from pyoci.cli.options import GLOBAL, HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyoci.cli.arguments import Option

    Candidate = tuple[str, str]  # the word, and what it means

# Instead of candidates: these the shell knows better.
FILES, DIRECTORIES = "@files", "@directories"
_PATHS = {"DIR": DIRECTORIES, "FILE": FILES, "SOCKET": FILES}


class Line:
    """A command line, read as far as it goes; mistakes in it are passed over."""

    def __init__(self, words: Sequence[str]) -> None:
        self.root = ""
        self.options: Sequence[Option] = GLOBAL
        self.expected = ["COMMAND"]
        self.waiting: Option | None = None
        """The option whose value comes next."""
        self.operands = self._read(words, 1)
        if self.operands:
            self._go_on(*self.operands)

    def _go_on(self, name: str, *words: str) -> None:
        """Read what stands behind the command *name*."""
        if name == "help":
            self.options, self.operands = (), list(words)
        elif name in COMMANDS:
            __import__(f"pyoci.cli.{name}")
            command = sys.modules[f"pyoci.cli.{name}"]
            self.options = (*command.OPTIONS, HELP)
            self.expected = command.OPERANDS.replace("[", "").replace("]", "").split()
            self.operands = self._read(words, 1 if self.ends_options else None)

    @property
    def ends_options(self) -> bool:
        """Whether everything behind the first operand is one, too."""
        return len(self.expected) > 1

    def _read(self, words: Iterable[str], positional_after: int | None) -> list[str]:
        """The operands among *words*."""
        operands: list[str] = []
        self.waiting = None
        for word in words:
            if self.waiting:
                self.root = word if self.waiting.key == "root" else self.root
                self.waiting = None
            elif word[:1] != "-" or (positional_after and len(operands) >= positional_after):
                operands.append(word)
            else:
                self.waiting = self._taker(word)
        return operands

    def _taker(self, word: str) -> Option | None:
        """The option *word* names, if its value stands in the next word."""
        name, equals, value = word.partition("=")
        option = self.option(name)
        if option is None or option.kind == "flag":
            return None
        if equals and option.key == "root":
            self.root = value
        return None if equals else option

    def option(self, name: str) -> Option | None:
        """The option called *name*, with one dash or two; of letters in one word, the last."""
        table = {known.lstrip("-"): option for option in self.options for known in option.names}
        return table.get(name.lstrip("-")) or table.get(name[-1:])

    def operand(self) -> str:
        """What the next operand is called; empty when there is none."""
        place = len(self.operands)
        if place < len(self.expected):
            return self.expected[place]
        return self.expected[-1] if self.expected and self.expected[-1].endswith("...") else ""


def candidates(words: Sequence[str]) -> list[Candidate]:
    """What the last of *words* could become; of ``--name=value`` only the value. Raises PyociError."""
    *before, word = words or [""]
    line = Line(before)
    if line.waiting:
        found = _values(line.waiting)
    elif word[:1] == "-" and not (line.ends_options and line.operands):
        name, equals, word = word.rpartition("=")
        option = line.option(name) if equals else None
        found = (_values(option) if option else []) if equals else _names(line.options)
    else:
        found = _operands(line.operand(), line.root)
    return [entry for entry in found if entry[0].startswith(word) or entry[0] in {FILES, DIRECTORIES}]


def _names(options: Sequence[Option]) -> list[Candidate]:
    return [(name, option.help) for option in options for name in option.names]


def _values(option: Option) -> list[Candidate]:
    if option.value in _PATHS:
        return [(_PATHS[option.value], "")]
    if option.value == "CAPABILITY":
        from pyoci.syscalls import capabilities

        return _plain(capabilities.NAMES)
    return _plain(option.suggested)


def _operands(name: str, root: str) -> list[Candidate]:
    if name == "COMMAND":
        return [*COMMANDS.items(), ("help", "tell about a command")]
    if name == "ID":
        return _containers(root)
    if name == "SIGNAL":
        from pyoci.cli.kill import NUMBERS

        return [(signal, str(number)) for signal, number in NUMBERS.items()]
    if name == "SHELL":
        from pyoci.cli.completion import SCRIPTS

        return _plain(SCRIPTS)
    return []


def _containers(root: str) -> list[Candidate]:
    from pyoci.runtime.list import containers
    from pyoci.runtime.root import directory

    return [(str(found["id"]), str(found["status"])) for found in containers(directory(root))]


def _plain(words: Iterable[str]) -> list[Candidate]:
    return [(word, "") for word in words]
