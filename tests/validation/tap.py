"""What a validation program said: the Test Anything Protocol, version 13.

The programs speak of failure in more ways than the protocol has: besides ``not ok`` there are those that have no test
points at all and, when something is wrong, print an ``error`` as if a point stood before it.
"""

from __future__ import annotations

import dataclasses
import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = "TAP version 13"
_PLAN = re.compile(r"1\.\.(\d+)\b")
_POINT = re.compile(r"(?P<result>not ok|ok)\b *\d* *(?:- )?(?P<text>(?:\\#|[^#])*)(?:# *(?P<directive>\w+))?")


@dataclasses.dataclass
class Report:
    """How many points passed, how many were skipped, and what failed, in words."""

    ok: int = 0
    skipped: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)

    def add(self, result: str, text: str, directive: str) -> None:
        """Count one test point; the failure of one that is marked as something yet to be done is none."""
        if directive == "SKIP":
            self.skipped += 1
        elif result == "ok":
            self.ok += 1
        elif directive != "TODO":
            self.failures.append(text)


def read(output: str) -> Report:
    """The sum of all documents in *output*, which may have other lines before the first."""
    report = Report()
    for document in output.split(f"{_HEADER}\n")[1:]:
        _read_document(document, report)
    return report


def _read_document(document: str, report: Report) -> None:
    points, planned = 0, None
    for line in _without_blocks(document, report):
        if plan := _PLAN.match(line):
            planned = int(plan[1])
        elif point := _POINT.match(line):
            points += 1
            report.add(point["result"], point["text"].strip().replace("\\#", "#"), (point["directive"] or "").upper())
    if planned != points:
        report.failures.append(f"{points} test points, planned were {'none' if planned is None else planned}")


def _without_blocks(document: str, report: Report) -> Iterator[str]:
    """The lines of *document* but for those of YAML; an error that belongs to no test point is a failure."""
    block: list[str] | None = None
    bare = True
    for line in document.splitlines():
        if block is None and line == "  ---":
            block = []
        elif block is None:
            bare = bare and not _POINT.match(line)
            yield line
        elif line != "  ...":
            block.append(line)
        else:
            if bare:
                report.failures += _errors("\n".join(block))
            block = None


def _errors(block: str) -> list[str]:
    """What a block of YAML, written as JSON, calls an error."""
    value = json.loads(block)
    return [str(value["error"])] if isinstance(value, dict) and value.get("error") else []
