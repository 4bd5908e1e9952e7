"""The command line: argv → one call in ``runtime``, exceptions → one message and one exit status.

A command is a module here with its table of options (``OPTIONS``), its operands as they are shown (``OPERANDS``) and
``run(arguments) -> exit status``. Only the chosen one is imported, and what it needs only once argv is understood.

Everything that goes wrong ends in ``_report``: one line on stderr, and one line in the log file.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from pyoci import log
from pyoci.cli.arguments import Arguments, check_operands, parse
from pyoci.cli.options import GLOBAL, HELP
from pyoci.errors import PyociError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import NoReturn

COMMANDS = {
    "create": "create a container",
    "start": "start the user's program in a created container",
    "state": "print the state of a container",
    "kill": "send a signal to a container's init process",
    "delete": "delete a container and what was made for it",
    "run": "create and start a container",
    "exec": "run another process in a container",
    "list": "list the containers",
    "ps": "list the processes of a container",
    "pause": "suspend all processes of a container",
    "resume": "continue all processes of a paused container",
    "update": "change the limits of a container",
    "events": "print what a container uses, and when it runs out of memory",
    "wait": "wait until a container has ended",
    "checkpoint": "write the state of a container to files, by criu",
    "restore": "make a container of what checkpoint wrote",
    "spec": "write a config.json to begin with",
    "features": "print what this runtime can do",
    "completion": "print the completion of this command line for a shell",
}

_STDERR = 2
_FAILED = 1
_EXEC_FAILED = 255
_INTERRUPTED = 130


def main() -> NoReturn:
    """Do what argv asks, and exit."""
    gc.disable()  # a command ends before garbage matters; bin/pyoci has done so before the first import
    _open_missing_standard_fds()
    status = call(sys.argv)
    os._exit(status)  # nothing is buffered (output.say), and the interpreter's own end costs 2 ms


def _open_missing_standard_fds() -> None:
    """Put /dev/null where the caller left 0, 1 or 2 closed: no file of ours may end up there by accident."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open("/dev/null", os.O_RDWR), True)


def call(argv: list[str]) -> int:
    """Do what *argv* asks; the exit status. Raises nothing."""
    arguments = Arguments(_program(argv[0]))
    try:
        status = _run(argv[1:], arguments)
        log.finish()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else _FAILED
    except BaseException as error:  # noqa: BLE001 (the gate: no traceback reaches the user)
        return _report(error, arguments)
    return status


def _program(path: str) -> str:
    """What the program is called: a link named as a peer makes it answer as that one."""
    name = path.rpartition("/")[2]
    return name if name in {"runc", "crun"} else "pyoci"


def _run(words: list[str], arguments: Arguments) -> int:
    try:
        operands = parse(words, GLOBAL, arguments.values, positional_after=1)
    finally:
        _open_log(arguments)  # whatever else is wrong, engines read the reason there
    if path := arguments.text("trace"):
        _start_trace(path)
    if arguments.flag("version"):
        return _show("version", arguments)
    if arguments.flag("help") or not operands or operands[0] == "help":
        arguments.operands = operands[1:] if operands[:1] == ["help"] else operands[:1]
        return _show("help", arguments)
    name, *rest = operands
    command = _command(name)
    try:
        _read(command, rest, arguments, f'{arguments.program}: "{name}"')
    except UsageError as error:
        error.details["hint"] = f"see {arguments.program} {name} --help"
        raise
    if arguments.flag("help"):
        arguments.operands = [name]
        return _show("help", arguments)
    arguments.command = name
    status: int = command.run(arguments)
    return status


def _read(command: ModuleType, words: list[str], arguments: Arguments, called: str) -> None:
    """Read what stands behind the name of *command*. Raises UsageError."""
    several = len(command.OPERANDS.split()) > 1
    options = (*command.OPTIONS, HELP)
    arguments.operands = parse(words, options, arguments.values, positional_after=1 if several else None)
    if not arguments.flag("help"):
        check_operands(arguments.operands, command.OPERANDS, called)


def _command(name: str) -> ModuleType:
    """The module of the command *name*, imported. Raises UsageError."""
    if name not in COMMANDS:
        raise UsageError(f'unknown command "{name}"')
    return _module(name)


def _module(name: str) -> ModuleType:
    full = f"pyoci.cli.{name}"
    __import__(full)
    return sys.modules[full]


def _show(page: str, arguments: Arguments) -> int:
    """Print the help or the version."""
    status: int = _module(page).run(arguments)
    return status


def _open_log(arguments: Arguments) -> None:
    form = arguments.text("log_format", "text")
    level = "debug" if arguments.flag("debug") else arguments.text("log_level", "warning")
    log.choose(form if form in log.FORMATS else "text", level)
    if path := arguments.text("log"):
        try:
            log.open_file(path)
        except OSError as error:
            raise PyociError(f"cannot open the log {path}: {error.strerror}", file=path, errno=error.errno) from error
    if form not in log.FORMATS:
        raise UsageError(f"invalid log-format: {form}")


def _start_trace(path: str) -> None:
    from pyoci import trace

    try:
        trace.start(path)
    except OSError as error:
        raise PyociError(f"cannot open the trace {path}: {error.strerror}", file=path, errno=error.errno) from error


def _report(error: BaseException, arguments: Arguments) -> int:
    """Tell the log and the user what went wrong; the exit status."""
    prefix, status = "", _FAILED
    if isinstance(error, UsageError):
        words = [arguments.program, arguments.command, "--help"]
        error.details.setdefault("hint", "see " + " ".join(word for word in words if word))
    if arguments.command == "exec":
        prefix, status = "exec failed: ", _EXEC_FAILED
    elif arguments.command in {"create", "run"}:
        prefix = f"{arguments.program} {arguments.command} failed: "
    known = explain(error)
    message = prefix + one_line(str(known))
    try:
        _log(message, known, error)
    except OSError as full:
        message += f" (and the log cannot be written: {full.strerror})"
    _complain(message)
    return status


def _log(message: str, known: PyociError, error: BaseException) -> None:
    if log.is_debugging():
        import traceback

        log.debug("".join(traceback.format_exception(error)))
    log.error(message, known.details)


def _complain(message: str) -> None:
    try:
        os.write(_STDERR, message.encode("utf-8", "backslashreplace") + b"\n")
    except OSError:  # nobody listens on stderr
        return


def explain(error: BaseException) -> PyociError:
    """What to say of *error*: one that nobody below has put into words gets some here."""
    if isinstance(error, PyociError):
        return error
    if isinstance(error, OSError) and error.errno:
        return _explain_os_error(error)
    if isinstance(error, MemoryError):
        return PyociError("out of memory", errno=errno.ENOMEM)
    if isinstance(error, ImportError):
        return PyociError(f"cannot import {error.name or 'a module'}: {error}", hint="is pyoci installed completely?")
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    text = f"internal error{where}: {type(error).__name__}: {error}"
    return PyociError(text, hint="--debug logs how it came about")


def _explain_os_error(error: OSError) -> PyociError:
    """``call: "file": what the kernel says``, as far as it is known."""
    call = next(iter(getattr(error, "__notes__", [])), None)
    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    parts = [call, f'"{file}"' if file else None, (error.strerror or str(error)).lower()]
    return PyociError(": ".join(part for part in parts if part), errno=error.errno, file=file, call=call)


def one_line(text: str) -> str:
    """*text* without line breaks: messages are lines."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
