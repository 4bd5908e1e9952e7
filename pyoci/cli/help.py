"""``--help`` and ``help [COMMAND]``: the tables of options as text, rendered by argparse."""

from __future__ import annotations

from pyoci.cli import COMMANDS
from pyoci.cli.options import GLOBAL, HELP
from pyoci.cli.output import say
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from pyoci.cli.arguments import Arguments, Option

# The manual has these texts from here, too.
ABOUT = "An OCI runtime (runtime-spec 1.3.0) for Linux."
HOW = "Every option goes with one dash or two, and takes its value after = or as the next word."


def run(arguments: Arguments) -> int:
    """Print the help of the command that is the first operand, or of the whole program."""
    name = arguments.operands[0] if arguments.operands else ""
    if name and name not in COMMANDS and name != "help":
        raise UsageError(f'unknown command "{name}"')
    say(of_command(arguments.program, name) if name in COMMANDS else of_program(arguments.program))
    return 0


def of_program(program: str) -> str:
    """What the program is, its commands and the global options."""
    width = max(map(len, COMMANDS)) + 2
    commands = "\n".join(f"  {name:{width}}{what}" for name, what in COMMANDS.items())
    return _render(
        usage=f"{program} [OPTION...] COMMAND ...",
        description=f"{ABOUT}\n\ncommands:\n{commands}",
        options=GLOBAL,
        epilog=f"{program} COMMAND --help tells more. {HOW}",
    )


def of_command(program: str, name: str) -> str:
    """What the command *name* takes."""
    command = module(name)
    return _render(
        usage=f"{program} {name} [OPTION...] {command.OPERANDS}".rstrip(),
        description=f"{COMMANDS[name]}\n\n{long_text(name)}".strip(),
        options=(*command.OPTIONS, HELP),
        epilog=HOW,
    )


def module(name: str) -> ModuleType:
    """The module of the command *name*."""
    return __import__(f"pyoci.cli.{name}", fromlist=[name])


def long_text(name: str) -> str:
    """The docstring of the command *name*, without its first line."""
    return (module(name).__doc__ or "").partition("\n")[2].strip()


def sentence(option: Option) -> str:
    """What *option* is for."""
    return option.help + (" (may be repeated)" if option.kind == "list" else "")


def _render(usage: str, description: str, options: Sequence[Option], epilog: str) -> str:
    import argparse

    parser = argparse.ArgumentParser(
        usage=usage, description=description, epilog=epilog, add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in options:
        text = sentence(option).replace("%", "%%")
        if option.kind == "flag":
            parser.add_argument(*option.names, action="store_true", help=text)
        else:
            parser.add_argument(*option.names, metavar=option.value, help=text)
    return parser.format_help()
