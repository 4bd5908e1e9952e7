"""How much is tried of what nobody writes, chosen by whom, and what comes of it."""

from __future__ import annotations

import os
import random
import signal

from pyoci.errors import PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

SHARES = 8
"""Tests that try much are run as so many, each with a seed of its own: for as many processors."""
_CONFIGS = int(os.environ.get("CONFIGS", "0") or 0) or 1500
_CREATES = int(os.environ.get("CREATES", "0") or 0) or 40
_SECONDS = 20


def configs(part: int = 1) -> range:
    """A number for everything one share reads, of one *part* of what is asked for."""
    return range(-(-_CONFIGS // SHARES // part))


def creates(part: int = 1) -> range:
    """A number for everything one share runs."""
    return range(-(-_CREATES // SHARES // part))


def chooser(share: int) -> random.Random:
    """What chooses for a share, the same each time."""
    return random.Random(f"{os.environ.get('SEED') or 1}.{share}")  # noqa: S311 (no secret)


class Findings:
    """What ended in other ways than it may, by the place in the source, with the first thing that did it."""

    def __init__(self) -> None:
        self.found: dict[str, object] = {}
        self.accepted = 0

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, _late)
        return self

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self._before)

    def attempt(self, action: Callable[[], object], given: object) -> None:
        """Do *action* to what was *given*: it may succeed, or raise a PyociError, within some seconds."""
        signal.alarm(_SECONDS)
        try:
            action()
        except PyociError as error:
            if not str(error):
                self.found[f"{type(error).__name__} without words"] = given
        except Exception as error:  # noqa: BLE001 (what is looked for)
            place = error.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            assert place
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
            self.found.setdefault(f"{type(error).__name__}: {str(error)[:200]} at {where}", given)
        else:
            self.accepted += 1
        finally:
            signal.alarm(0)


def _late(*_: object) -> None:
    raise TimeoutError
