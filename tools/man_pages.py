"""Write the manual: pyoci.8 and a page for each command, from the tables of options and the docstrings of pyoci/cli.

``python tools/man_pages.py DIRECTORY``; setup.py does the same when it builds a wheel.
"""

from __future__ import annotations

import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOME)

import pyoci  # noqa: E402 (of this tree)
from pyoci.cli import COMMANDS  # noqa: E402 (of this tree)
from pyoci.cli import help as pages  # noqa: E402 (of this tree)
from pyoci.cli.options import GLOBAL, HELP  # noqa: E402 (of this tree)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyoci.cli.arguments import Option

EXIT_STATUS = {
    "0": "The operation succeeded.",
    "1": "It failed and left nothing behind. The reason is one line on standard error, and one in the log.",
    "130": "It was interrupted.",
    "255": "`exec` could not run its program.",
    "any": "`run` and `exec` in the foreground: the program's own, or 128 + the signal that ended it.",
}
ENVIRONMENT = {
    "XDG_RUNTIME_DIR": "Containers are remembered in pyoci below it, if the caller is not the host's root.",
    "LISTEN_FDS": "So many descriptors, from 3 on, are passed to the container; see `sd_listen_fds`(3).",
    "NOTIFY_SOCKET": "The socket that is told when the program says it is ready; see `sd_notify`(3).",
}
FILES = {
    "config.json": "In the bundle: what the container shall be.",
    "/run/pyoci/ID/": "What is remembered of a container.",
}


def of_program() -> str:
    """The text of pyoci.8."""
    return "".join((
        head("pyoci", "an OCI runtime", f"{bold('pyoci')} [{italic('OPTION')}...] {italic('COMMAND')} ..."),
        section("DESCRIPTION", paragraphs(f"{pages.ABOUT}\n\n{pages.HOW}")),
        section("COMMANDS", [entry(bold(f"pyoci-{name}") + "(8)", what) for name, what in COMMANDS.items()]),
        section("OPTIONS", options(GLOBAL)),
        section("EXIT STATUS", [entry(plain(status), what) for status, what in EXIT_STATUS.items()]),
        section("ENVIRONMENT", [entry(bold(name), what) for name, what in ENVIRONMENT.items()]),
        section("FILES", [entry(italic(name), what) for name, what in FILES.items()]),
        section("SEE ALSO", [f"{bold('runc')}(8), {bold('crun')}(1), {bold('podman')}(1)\n"]),
    ))  # fmt: skip


def of_command(name: str) -> str:
    """The text of pyoci-NAME.8."""
    command = pages.module(name)
    words = [bold("pyoci"), f"[{italic('GLOBAL-OPTION')}...]", bold(name), f"[{italic('OPTION')}...]",
             *(italic(word) for word in command.OPERANDS.split())]  # fmt: skip
    return "".join((
        head(f"pyoci-{name}", COMMANDS[name], " ".join(words)),
        section("DESCRIPTION", paragraphs(f"{pages.long_text(name)}\n\n{pages.HOW}")),
        section("OPTIONS", options((*command.OPTIONS, HELP))),
        section("SEE ALSO", [f"{bold('pyoci')}(8)\n"]),
    ))


def head(name: str, what: str, synopsis: str) -> str:
    """What every page begins with."""
    title = f'.TH {plain(name.upper())} 8 "" "pyoci {pyoci.__version__}" "System Administration"\n'
    title += ".nh\n.ad l\n"  # names are to be found, so none is broken
    return title + section("NAME", [f"{plain(name)} \\- {plain(what)}\n"]) + section("SYNOPSIS", [f"{synopsis}\n"])


def section(name: str, parts: Iterable[str]) -> str:
    """A section under its heading."""
    return f'.SH "{name}"\n{"".join(parts)}'


def paragraphs(text: str) -> list[str]:
    """*text*, which has an empty line between its paragraphs."""
    return [f".PP\n{prose(part)}\n" for part in text.strip().split("\n\n")]


def options(table: Sequence[Option]) -> list[str]:
    """The options of *table*, each with its sentence."""
    return [
        entry(", ".join(map(bold, option.names)) + (f" {italic(option.value)}" if option.value else ""),
              pages.sentence(option))
        for option in table
    ]  # fmt: skip


def entry(tag: str, text: str) -> str:
    """*tag*, and indented below it what it means."""
    return f".TP\n{tag}\n{prose(text)}\n"


def prose(text: str) -> str:
    """*text* in lines, with what stands between back quotes in bold type."""
    return "\n".join(
        "".join(bold(part) if place % 2 else plain(part) for place, part in enumerate(line.split("`")))
        for line in text.splitlines()
    )


def plain(text: str) -> str:
    """*text* without anything that roff would take for a command."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def bold(text: str) -> str:
    """*text* in bold type: what is to be typed as it is."""
    return f"\\fB{plain(text)}\\fR"


def italic(text: str) -> str:
    """*text* in italics: what is to be replaced."""
    return f"\\fI{plain(text)}\\fR"


def write(directory: str) -> list[str]:
    """Write all pages into *directory*; their paths."""
    texts = {"pyoci": of_program(), **{f"pyoci-{name}": of_command(name) for name in COMMANDS}}
    os.makedirs(directory, exist_ok=True)
    for name, text in texts.items():
        with open(f"{directory}/{name}.8", "w", encoding="utf-8") as file:
            file.write(text)
    return [f"{directory}/{name}.8" for name in texts]


if __name__ == "__main__":
    write(sys.argv[1])
