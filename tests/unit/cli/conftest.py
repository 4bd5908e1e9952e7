"""What tests of the command line need: a fake of the runtime below it, and a log that is closed again."""

from __future__ import annotations

import sys
import types

import pytest

from pyoci import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = tuple[tuple[object, ...], dict[str, object]]
    Fake = Callable[..., list[Call]]


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    yield
    log.close()
    log.choose()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a function of that name in place of ``pyoci.runtime.<module>``; the list of its calls is returned."""

    def place(module: str, function: str, result: object = None) -> list[Call]:
        calls: list[Call] = []

        def record(*args: object, **options: object) -> object:
            calls.append((args, options))
            if isinstance(result, BaseException):
                raise result
            return result

        stand_in = types.ModuleType(f"pyoci.runtime.{module}")
        setattr(stand_in, function, record)
        monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
        return calls

    return place
