"""tests/validation/table.py: what is explained, what is not, and what only seems to be."""

from __future__ import annotations

import pytest

from tests.support import abilities
from tests.validation import table
from tests.validation.table import Deviation
from tests.validation.tap import Report

BAD, GOOD = Report(ok=1, failures=["limit is wrong"]), Report(ok=2)


def deviation(**given: object) -> Deviation:
    return Deviation(**{"programs": ["limits"], "failures": ["limit"], "reason": "so", **given})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "has", {"root": True, "kvm": False}.__getitem__)


@pytest.mark.parametrize(
    ("report", "peer", "known", "expected"),
    [
        pytest.param(GOOD, None, [], [], id="passes"),
        pytest.param(BAD, None, [], ["limits: limit is wrong"], id="fails"),
        pytest.param(BAD, BAD, [deviation()], [], id="fails as expected"),
        pytest.param(BAD, None, [deviation(programs=["other"])], ["limits: limit is wrong"], id="another program"),
        pytest.param(BAD, None, [deviation(lacks="kvm")], [], id="lacks"),
        pytest.param(BAD, None, [deviation(lacks="root")], ["limits: limit is wrong"], id="has what it lacked"),
        pytest.param(GOOD, None, [deviation(lacks="root")], [], id="has what it lacked, and passes"),
        pytest.param(
            GOOD, None, [deviation()], ["limits was expected to fail, and does not: limit"], id="passes unexpectedly"
        ),
        pytest.param(
            BAD, None, [deviation(failures=["limit", "hook"])], ["limits was expected to fail, and does not: hook"],
            id="passes in part",
        ),
        pytest.param(
            BAD, GOOD, [deviation()], ["limits was expected to fail with any runtime, and does not"], id="peer passes"
        ),
        pytest.param(BAD, GOOD, [deviation(clause="runtime.md#start")], [], id="peer passes against the text"),
        pytest.param(BAD, None, [deviation(races=True)], ["limits: limit is wrong"], id="loses every race"),
        pytest.param(GOOD, GOOD, [deviation(races=True)], [], id="wins a race"),
        pytest.param(GOOD, None, [deviation(clause="runtime.md#kill", sometimes=True)], [], id="passes sometimes"),
        pytest.param(BAD, None, [deviation(clause="runtime.md#kill", sometimes=True)], [], id="fails sometimes"),
        pytest.param(Report(), None, [], ["limits has not one test point"], id="tests nothing"),
        pytest.param(Report(skipped=1), None, [], [], id="skips all"),
    ],
)  # fmt: skip
def test_finds_what_is_not_explained(
    report: Report, peer: Report | None, known: list[Deviation], expected: list[str]
) -> None:
    assert table.problems("limits", report, peer, known) == expected


def test_a_quiet_program_may_have_no_test_points() -> None:
    assert table.problems("prestart_fail", Report(), None, []) == []


def test_prints_a_table_of_all_runtimes() -> None:
    known = [deviation(lacks="root"), deviation(clause="runtime.md#start")]

    assert table.head(["pyoci", "runc"]).splitlines() == [
        "| program | pyoci: ok | not ok | skipped | runc: ok | not ok | skipped | deviation |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    assert table.row("limits", [BAD, GOOD], known) == "| limits | 1 | 1 | 0 | 2 | 0 | 0 | specification [2] |"
    assert table.row("state", [GOOD], known) == "| state | 2 | 0 | 0 |  |"
    assert [line.partition("https")[0] for line in table.legend(known)][1:] == ["2. so ([runtime.md#start]("]


def test_deviations_can_be_read_and_lack_what_can_be_found_out() -> None:
    known = table.deviations()

    assert {each.lacks for each in known} - {""} <= set(abilities.ABILITIES)
    assert all(each.programs and all(each.failures) and each.reason for each in known)
