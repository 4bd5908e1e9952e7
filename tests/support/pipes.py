"""The caller's side of a container's standard streams, as pipes: one line is said, one is heard."""

from __future__ import annotations

import os
import select

from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

# What runs in the container: the lines it has heard are counted, so that a lost memory shows.
COUNTER = "n=0; while read word; do n=$((n + 1)); echo $n $word; done"


class Pipes:
    """A pipe to standard input and one from standard output; ``with`` closes them."""

    def __init__(self) -> None:
        self._stdin, self._to = os.pipe()
        self._from, self._stdout = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (self._stdin, self._to, self._from, self._stdout):
            os.close(fd)

    @property
    def streams(self) -> dict[str, Any]:
        """What to start a process with."""
        return {"stdin": self._stdin, "stdout": self._stdout, "stderr": self._stdout}

    def say(self, word: str) -> None:
        """Say *word*."""
        os.write(self._to, f"{word}\n".encode())

    def ask(self, word: str) -> str:
        """Say *word*; the line that is heard."""
        self.say(word)
        return self.hear()

    def hear(self) -> str:
        """The next line."""
        line = b""
        while not line.endswith(b"\n"):
            wait_for(lambda: select.select([self._from], [], [], 0)[0], f"a line, after {line!r}")
            line += os.read(self._from, 1)
        return line.decode().strip()
