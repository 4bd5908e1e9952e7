"""Undo: what has been acquired is given back in reverse order unless everything succeeds."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Undo:
    """A stack of things to call when the block it guards fails; contextlib.ExitStack without its import."""

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        self._pid = os.getpid()

    def push(self, function: Callable[..., object], *arguments: object) -> None:
        """Call *function* if the block fails."""
        self._calls.append((function, arguments))

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Call everything pushed, last first, if the block failed; a failure here is noted on the first error."""
        if error is None or os.getpid() != self._pid:
            return
        for function, arguments in reversed(self._calls):
            try:
                function(*arguments)
            except Exception as failure:  # noqa: BLE001 (the rest must still be undone)
                error.add_note(f"while cleaning up: {failure}")


