"""The runtime under test as a program: run it, look at what it said."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
from pathlib import Path

from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO, Any

_TIMEOUT_SECONDS = 30


class Result:
    """What a finished command said; its files are read anew each time, so a container's later output is seen too."""

    def __init__(self, command: Sequence[str], status: int, stdout: Path, stderr: Path) -> None:
        self.command = command
        self.status = status
        self._stdout = stdout
        self._stderr = stderr

    @property
    def stdout(self) -> str:
        """What has been written to standard output by now."""
        return self._stdout.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """What has been written to standard error by now."""
        return self._stderr.read_text(errors="replace")

    @property
    def output(self) -> str:
        """Standard output without white space around it."""
        return self.stdout.strip()

    def ok(self) -> Result:
        """The same result. Raises AssertionError unless the command succeeded."""
        assert self.status == 0, str(self)
        return self

    def failed(self, *texts: str, status: int = 1) -> Result:
        """The same result. Raises AssertionError unless it ended with *status* and stderr has each of *texts*."""
        assert self.status == status, str(self)
        for text in texts:
            # runc's log line quotes the message, pyoci's need not.
            assert text in self.stderr.replace('\\"', '"'), str(self)
        return self

    def __str__(self) -> str:
        """The command as one would type it, and all it said."""
        streams = (("out", self.stdout), ("err", self.stderr))
        said = "".join(f"  {name}: {text.rstrip()}\n" for name, text in streams if text)
        return f"$ {shlex.join(self.command)}\n  status {self.status}\n{said}"


class Runtime:
    """One installed runtime with a root directory of its own."""

    def __init__(self, path: str, directory: Path) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.directory = directory
        self.root = directory / "root"
        self._number = itertools.count()

    def command(self, *args: str | Path, options: Sequence[str] = (), prefix: Sequence[str] = ()) -> list[str]:
        """The whole command line: *options* are global, *args* begin with the subcommand, *prefix* runs it all."""
        return [*prefix, self.path, "--root", str(self.root), *options, *(str(arg) for arg in args)]

    def __call__(
        self,
        *args: str | Path,
        options: Sequence[str] = (),
        prefix: Sequence[str] = (),
        stdin: str | int | IO[Any] = "",
        timeout: float = _TIMEOUT_SECONDS,
        **kwargs: Any,
    ) -> Result:
        """Run a command to its end. *stdin* is a text or a file; other keywords are those of subprocess.Popen."""
        number = next(self._number)
        stdout, stderr = (self.directory / f"{number}.{stream}" for stream in ("out", "err"))
        limit = timeout * PATIENCE
        given = None
        if isinstance(stdin, str):
            given = self.directory / f"{number}.in"
            given.write_text(stdin)
        command = self.command(*args, options=options, prefix=prefix)
        # Files, not pipes: a container inherits them and a pipe would stay open as long as it lives.
        with stdout.open("wb") as out, stderr.open("wb") as err, open(given or os.devnull, "rb") as text:
            finished = subprocess.run(
                command,
                **{"stdin": text if given else stdin, "stdout": out, "stderr": err, "timeout": limit, **kwargs},
                check=False,
            )
        result = Result(command, finished.returncode, stdout, stderr)
        print(result)
        return result

    def spawn(
        self, *args: str | Path, options: Sequence[str] = (), prefix: Sequence[str] = (), **kwargs: Any
    ) -> subprocess.Popen[str]:
        """Start a command and leave it running; the caller waits for it. Pipes unless told otherwise."""
        command = self.command(*args, options=options, prefix=prefix)
        print(f"$ {shlex.join(command)} &")
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, **{**streams, "text": True, **kwargs})
