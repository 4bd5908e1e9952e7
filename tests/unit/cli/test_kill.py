from __future__ import annotations

import signal

import pytest

from pyoci.cli.kill import signal_number
from pyoci.errors import PyociError


@pytest.mark.parametrize("known", list(signal.Signals), ids=lambda known: known.name)
def test_knows_every_signal_python_knows(known: signal.Signals) -> None:
    for name in (known.name, known.name.removeprefix("SIG"), known.name.lower(), str(known.value)):
        assert known == signal_number(name)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param("0", 0, id="zero asks whether it lives"),
        pytest.param("64", 64, id="the last"),
        pytest.param("SIGRTMIN+3", 37, id="real time"),
        pytest.param("rtmin+0", 34, id="the first real time one"),
        pytest.param("RTMIN+30", 64, id="up to the last"),
        pytest.param("SIGRTMAX-1", 63, id="from the end"),
    ],
)
def test_number(name: str, number: int) -> None:
    assert number == signal_number(name)


@pytest.mark.parametrize(
    "name", ["", "SIG", "65", "-9", "9x", "SIGSIGKILL", "BOGUS", "RTMIN+31", "RTMIN+", "RTMIN-1", "١"]
)
def test_unknown_signal_is_refused(name: str) -> None:
    with pytest.raises(PyociError) as caught:
        signal_number(name)
    assert f'unknown signal "{name}"' == caught.value.message
