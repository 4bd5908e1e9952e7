"""The log: ``--log``, ``--log-format``, ``--log-level`` and ``--debug``.

Callers read the log file by machine: podman parses the whole of it as one JSON object, containerd takes the last
line of level *error*. So a failure writes exactly one line, and warnings are kept until the end: a success writes
them, a failure carries them inside its line. Only ``--debug`` writes more.

Whoever uses pyoci as a library and opens no log gets none.
"""

from __future__ import annotations

import os
import time

from pyoci import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Detail = str | int | list[str]

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
# A log on descriptor 3 would pass for one that --preserve-fds wants kept open in the container.
_LOWEST_FD = 100
_STDERR = 2
files: set[int] = set()
"""The descriptors that are written to until the end, of the log and others."""


class Log:
    """Where lines go, and the warnings kept for the end."""

    def __init__(self) -> None:
        self.fd = -1
        self.format = "text"
        self.level = "warning"
        self.warnings: list[str] = []
        self._entry: Callable[[Mapping[str, Detail]], bytes] | None = None
        """Where no lines are written, but entries of a service: what makes one."""

    def open(self, target: str) -> None:
        """Append to *target* from now on: a file, ``file:PATH``, ``journald:ID`` or ``syslog:ID``. Raises OSError."""
        service, colon, rest = target.partition(":")
        if colon and service in {"journald", "syslog"}:
            self._open_service(service, rest or "pyoci")
            return
        path = rest if colon and service == "file" else target
        self.fd = moved_up(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644))
        self._entry = None

    def _open_service(self, service: str, identifier: str) -> None:
        from pyoci import journal

        entry = journal.for_journald if service == "journald" else journal.for_syslog
        self.fd = moved_up(journal.connect(service))
        self._entry = lambda fields: entry(identifier, fields)

    def close(self) -> None:
        """Forget where lines went and everything kept."""
        if self.fd > _STDERR:
            os.close(self.fd)
        self.fd = -1
        self.warnings = []

    def is_debugging(self) -> bool:
        """Whether everything that is done shall be said."""
        return self.level == "debug"

    def debug(self, message: str, **details: Detail) -> None:
        """Say what is being done: to the file, or on stderr when there is none. Only with ``--debug``."""
        if self.is_debugging():
            self._write("debug", message, details, self.fd if self.fd >= 0 else _STDERR)

    def warning(self, message: str) -> None:
        """Say what was ignored, which changes nothing: written once the operation has succeeded."""
        if self.is_debugging():
            self.debug(message)
        elif self.level != "error":
            self.warnings.append(message)

    def error(self, message: str, details: Mapping[str, Detail]) -> None:
        """Say why the operation failed: the one line of a failure, warnings included."""
        if self.fd >= 0:
            kept = {"warnings": self.warnings} if self.warnings else {}
            self._write("error", message, {**details, **kept}, self.fd)
            self.warnings = []

    def finish(self) -> None:
        """Write the warnings of an operation that succeeded."""
        for message in self.warnings if self.fd >= 0 else ():
            self._write("warning", message, {}, self.fd)
        self.warnings = []

    def _write(self, level: str, message: str, details: Mapping[str, Detail], fd: int) -> None:
        """One line, in one write(2): others append to the same file."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = {"level": level, "msg": message, "time": now, **details}
        if self._entry and fd == self.fd:
            os.write(fd, self._entry(fields))
            return
        text = as_json(fields) if self.format == "json" else as_text(fields)
        os.write(fd, text.encode("utf-8", "backslashreplace") + b"\n")


def as_json(fields: Mapping[str, Detail]) -> str:
    """One JSON object, as logrus prints it."""
    return json_text.dumps(fields)


def as_text(fields: Mapping[str, Detail]) -> str:
    """``time="…" level=error msg="…" key=value``, as logrus prints it."""
    order = ("time", "level", "msg", *(name for name in fields if name not in {"time", "level", "msg"}))
    return " ".join(f"{name}={_quoted(name, fields[name])}" for name in order)


def _quoted(name: str, value: Detail) -> str:
    if isinstance(value, list):
        value = "; ".join(value)
    text = str(value)
    plain = name not in {"time", "msg"} and text.replace(".", "").replace("_", "").replace("-", "").isalnum()
    return text if plain else json_text.dumps(text)


def moved_up(fd: int) -> int:
    """The same file on a descriptor no caller passes on; the low one is closed."""
    import fcntl

    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST_FD)
    except OSError:  # EINVAL: RLIMIT_NOFILE ends below
        high = fd
    else:
        os.close(fd)
    files.add(high)
    return high


_log = Log()
open_file, close = _log.open, _log.close
debug, is_debugging = _log.debug, _log.is_debugging
warning, error, finish = _log.warning, _log.error, _log.finish


def choose(log_format: str = "text", level: str = "warning") -> None:
    """Set the format of lines and the least important level that is written."""
    _log.format, _log.level = log_format, level
