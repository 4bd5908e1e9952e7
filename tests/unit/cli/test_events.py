from __future__ import annotations

import pytest

from pyoci import cli
from pyoci.cli.events import duration
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from conftest import Fake


def call(*words: str) -> int:
    return cli.call(["pyoci", "--root", "/r", "events", *words])


def test_stats_is_one_line(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake("events", "events", AssertionError())
    import sys

    sys.modules["pyoci.runtime.events"].statistics = lambda *_: {"pids": {"current": 1}}
    assert call("--stats", "web") == 0
    assert capfd.readouterr().out == '{"type":"stats","id":"web","data":{"pids":{"current":1}}}\n'


def test_events_are_lines(
    fake: Fake, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyoci.cli.events._let_interrupts_kill", lambda: None)
    calls = fake("events", "events", [{"type": "oom", "id": "web"}, {"type": "stats", "id": "web", "data": {}}])
    import sys

    sys.modules["pyoci.runtime.events"].statistics = None
    assert call("--interval", "100ms", "web") == 0
    assert calls == [(("/r", "web", 0.1), {})]
    assert capfd.readouterr().out == '{"type":"oom","id":"web"}\n{"type":"stats","id":"web","data":{}}\n'


@pytest.mark.parametrize("text", ["0", "0s", "-5s"])
def test_interval_is_refused_when_it_is_not_positive(capfd: pytest.CaptureFixture[str], text: str) -> None:
    assert call(f"--interval={text}", "web") == 1
    assert "duration interval must be greater than 0" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("5s", 5), ("+5s", 5), ("-5s", -5), ("100ms", 0.1), ("1m30s", 90), ("1.5h", 5400), (".5s", 0.5),
     ("2.s", 2), ("3us", 3e-6), ("3µs", 3e-6), ("3μs", 3e-6), ("7ns", 7e-9), ("1h1m1s1ms", 3661.001)],
)  # fmt: skip
def test_duration(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5x", ".s", "1..5s", "5s5", "--5s", "1e3s", "inf", "٣s", "5S"])
def test_duration_refuses(text: str) -> None:
    with pytest.raises(UsageError, match=f'invalid value "{text}" for flag --interval'):
        duration(text)
