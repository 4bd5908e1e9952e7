"""process.args and process.env: finding the program and becoming it (config.md#process).

The program is looked up when the container is created, so that a mistake shows then and not at ``start``; the
texts are those of Go's os/exec, which callers turn into exit status 126 and 127.
"""

from __future__ import annotations

import errno
import os
import stat

from pyoci.config.process import diagnosis
from pyoci.errors import Ignoring, StepError
from pyoci.json_text import dumps as quoted
from pyoci.syscalls import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyoci.container.init import Init

_PASSWD = "/etc/passwd"  # noqa: S105 (a path)
_LARGEST_PASSWD = 1 << 20
_NO_HOME = "/"
_HINT = "process.execute"


def prepare(init: Init) -> None:
    """Work out the environment; of a name given twice the last value counts."""
    for entry in init.process.env:
        name, _, value = entry.partition("=")
        init.environment[name] = value
    init.environment.update(init.given_environment)


def inspect(init: Init) -> None:
    """Note the user's home and what execve may stumble over, while root and before a filter forbids to look."""
    if not init.environment.get("HOME"):
        init.environment["HOME"] = home(init)
    init.prepared[_HINT] = ""
    with Ignoring(OSError, StepError):
        init.prepared[_HINT] = _hint(locate(init.process.args[0], init.environment.get("PATH", ""), permitted=_any))


def find(init: Init) -> None:
    """Find the program as the user will, in the PATH of its environment. Raises StepError as Go words it."""
    path = init.environment.get("PATH", "")
    init.executable = locate(init.process.args[0], path, str(init.prepared.get(_HINT) or ""))


def execve(init: Init) -> None:
    """Become the program. Raises StepError if the kernel refuses, with the reason it does not tell."""
    arguments = [_encoded(text) for text in init.process.args]
    environment = {_encoded(name): _encoded(value) for name, value in init.environment.items()}
    try:
        os.execve(_encoded(init.executable), arguments, environment)  # noqa: S606 (no shell is meant)
    except OSError as error:
        known = error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC)
        hint = str(init.prepared.get(_HINT) or "") if known else ""
        raise StepError(f"exec {init.executable}: {str(error.strerror).lower()}", file=init.executable,
                        call="execve(2)", errno=error.errno, hint=hint or None) from error


def _encoded(text: str) -> bytes:
    """UTF-8, whatever the locale of our caller."""
    return text.encode("utf-8", "surrogateescape")


def home(init: Init) -> str:
    """The user's home in the container's /etc/passwd, or the root directory.

    Read here and not by pwd, whose NSS would load libraries of the container.
    """
    with Ignoring(OSError):
        fd = files.open_in_root(init.root, _PASSWD, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with open(fd, "rb", buffering=0) as file:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return home_of(init.process.user.uid, file.read(_LARGEST_PASSWD).splitlines())
    return _NO_HOME


def home_of(uid: int, lines: Iterable[bytes]) -> str:
    """The home of the first entry with *uid* among the *lines* of a passwd(5) file; # begins a comment."""
    number = str(uid).encode()
    for line in lines:
        fields = line.split(b":")
        if len(fields) > 5 and fields[2] == number and not line.startswith(b"#"):
            return fields[5].decode("utf-8", "surrogateescape") or _NO_HOME
    return _NO_HOME


def locate(name: str, path: str, hint: str = "", permitted: Callable[[str], bool] | None = None) -> str:
    """The program *name*: a path if it has a slash, else the first executable one in the directories of *path*."""
    may_run = permitted or is_executable
    if "/" in name:
        if reason := why_not(name, may_run):
            raise _not_runnable(name, reason, hint)
        return name
    passed_over = ""
    for directory in path.split(":") if path and name else ():
        candidate = f"{directory or '.'}/{name}"
        if not (reason := why_not(candidate, may_run)):
            return candidate
        if not reason.startswith("stat "):
            # Not the reason: engines would make 126 of "permission denied", and this is a 127.
            passed_over = passed_over or f"{candidate} cannot be executed"
    raise _not_runnable(name, "executable file not found in $PATH",
                        passed_over or (f"PATH is {path}" if path else "PATH is not set in process.env"))


def why_not(path: str, may_run: Callable[[str], bool]) -> str:
    """What keeps *path* from being run, as Go says it; nothing if it can be."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return f"stat {path}: {(error.strerror or '').lower()}"
    if stat.S_ISDIR(mode):
        return "permission denied: it is a directory"  # engines know one half or the other as status 126
    return "" if may_run(path) else "permission denied"


def is_executable(path: str) -> bool:
    """Whether we may execute *path*.

    The second question is for filters that do not know faccessat2(2), which the first one needs: with equal real
    and effective ids the answer is the same, but for ambient capabilities.
    """
    return os.access(path, os.X_OK, effective_ids=True) or os.access(path, os.X_OK)


def _any(_path: str) -> bool:
    return True


def _not_runnable(name: str, reason: str, hint: str) -> StepError:
    return StepError(f"exec: {quoted(name)}: {reason}", field="process.args[0]", file=name, hint=hint or None)


def _hint(path: str) -> str:
    """What will keep the kernel from running *path*; nothing when no reason is seen."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        return "it is not a regular file"
    if os.statvfs(path).f_flag & os.ST_NOEXEC:
        return "it is on a mount with noexec"
    if not mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
        return f"its mode is {stat.S_IMODE(mode):04o}: nobody may execute it"
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return diagnosis.explain(lambda offset, size: os.pread(fd, size, offset), os.uname().machine, os.path.exists)
    finally:
        os.close(fd)
