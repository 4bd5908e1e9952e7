"""The table of results, and what in it is not explained by deviations.toml."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

from tests.support import abilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.validation.tap import Report

_FILE = Path(__file__).with_name("deviations.toml")
# These speak only of what is wrong.
_QUIET = frozenset({
    "hooks", "poststart", "poststart_fail", "poststop", "poststop_fail", "prestart", "prestart_fail",
    "process_capabilities_fail", "process_rlimits_fail",
})  # fmt: skip
_SPECIFICATION = "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/"


@dataclasses.dataclass(frozen=True)
class Deviation:
    """Failures of *programs* that are expected, by a part of their text, and why.

    Either the specification's *clause* says otherwise; or the machine *lacks* an ability of tests/support/abilities.py,
    and where it has that, the programs have to pass; or there is neither, and no runtime passes. But for the first,
    another runtime has to fail as well. One that *races* has to pass, if not at once; one that
    passes *sometimes* need neither pass nor fail.
    """

    programs: list[str]
    failures: list[str]
    reason: str
    clause: str = ""
    lacks: str = ""
    races: bool = False
    sometimes: bool = False

    @property
    def applies(self) -> bool:
        """Whether it is to be expected on this machine."""
        return not self.lacks or not abilities.has(self.lacks)

    @property
    def kind(self) -> str:
        """Who is to blame, in a word."""
        kinds = (("specification", self.clause), ("machine", self.lacks), ("race", self.races), ("any runtime", True))
        return next(kind for kind, is_so in kinds if is_so)

    def explains(self, failure: str) -> bool:
        """Whether *failure* is one of those expected."""
        return any(text in failure for text in self.failures)


def deviations() -> list[Deviation]:
    """Those of deviations.toml."""
    return [Deviation(**entry) for entry in tomllib.loads(_FILE.read_text())["deviation"]]


def of_program(name: str, known: Iterable[Deviation]) -> list[Deviation]:
    """Which of *known* are to be expected of the program *name* on this machine."""
    return [deviation for deviation in known if name in deviation.programs and deviation.applies]


def problems(name: str, report: Report, peer: Report | None, known: Iterable[Deviation]) -> list[str]:
    """What of *report* is not explained, what was expected and did not happen, and what a *peer* disproves."""
    expected = [deviation for deviation in of_program(name, known) if not deviation.races]
    found = [f"{name}: {text}" for text in report.failures if not any(each.explains(text) for each in expected)]
    for deviation in expected:
        if not deviation.sometimes:
            texts = [text for text in deviation.failures if not any(text in failure for failure in report.failures)]
            found += [f"{name} was expected to fail, and does not: {text}" for text in texts]
        if peer and not peer.failures and not deviation.clause:
            found.append(f"{name} was expected to fail with any runtime, and does not")
    if not (report.ok or report.skipped or report.failures or name in _QUIET):
        found.append(f"{name} has not one test point")
    return found


def head(runtimes: Iterable[str]) -> str:
    """The head of the table."""
    cells = [f"{name}: {word}" if word == "ok" else word for name in runtimes for word in ("ok", "not ok", "skipped")]
    return f"| program | {' | '.join(cells)} | deviation |\n|---|{'---:|' * len(cells)}---|"


def row(name: str, reports: Iterable[Report], known: list[Deviation]) -> str:
    """One line of the table."""
    numbers = [str(number) for report in reports for number in (report.ok, len(report.failures), report.skipped)]
    marks = ", ".join(f"{each.kind} [{known.index(each) + 1}]" for each in of_program(name, known))
    return f"| {name} | {' | '.join(numbers)} | {marks} |"


def summary(runtimes: Iterable[str], reports: list[list[Report]]) -> str:
    """How many programs pass, for each of *runtimes*; *reports* has a row for each program."""
    passed = [sum(not report.failures for report in column) for column in zip(*reports, strict=True)]
    numbers = [f"{name} passes {number}" for name, number in zip(runtimes, passed, strict=True)]
    return f"Of {len(reports)} programs, {', '.join(numbers)}."


def legend(known: list[Deviation]) -> list[str]:
    """The deviations, by their numbers in the table."""
    lines = []
    for number, deviation in enumerate(known, 1):
        link = f" ([{deviation.clause}]({_SPECIFICATION}{deviation.clause}))" if deviation.clause else ""
        lines.append(f"{number}. {deviation.reason}{link}")
    return lines
