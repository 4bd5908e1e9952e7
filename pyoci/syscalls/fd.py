"""One file descriptor and who owns it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Fd:
    """Own one descriptor: closed with the ``with`` block or ``close()``, closed ⇔ −1."""

    def __init__(self, number: int) -> None:
        """Take over *number*; nobody else may close it from now on."""
        self._number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Fd({self._number})"

    def fileno(self) -> int:
        """The descriptor, still owned here; −1 once closed or handed over, which every call answers with EBADF."""
        return self._number

    def take(self) -> int:
        """Hand the descriptor over to the caller, who closes it."""
        number, self._number = self._number, -1
        return number

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if (number := self.take()) >= 0:
            os.close(number)
