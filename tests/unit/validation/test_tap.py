"""tests/validation/tap.py: every way in which a validation program says that something is wrong."""

from __future__ import annotations

import pytest

from tests.validation import tap

_ERROR = '  ---\n  {\n    "error": "hooks MUST be called"\n  }\n  ...\n'


def said(*lines: str) -> str:
    return "".join(f"{line}\n" for line in ("TAP version 13", *lines))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param("", (0, 0, []), id="nothing"),
        pytest.param(said("1..0"), (0, 0, []), id="no points"),
        pytest.param(said("ok 1 - one", "not ok 2 - two", "1..2"), (1, 0, ["two"]), id="one of each"),
        pytest.param(said("1..1", "ok 1"), (1, 0, []), id="plan first, and no text"),
        pytest.param(said("ok 1 - # SKIP not set", "ok 2 # skip", "1..2"), (0, 2, []), id="skipped"),
        pytest.param(said("not ok 1 - later # TODO", "1..1"), (0, 0, []), id="to be done"),
        pytest.param(said("not ok 1 - hook \\#0 - x", "1..1"), (0, 0, ["hook #0 - x"]), id="a number sign"),
        pytest.param(said("not okay", "# not ok", "  not ok", "1..0"), (0, 0, []), id="other lines"),
        pytest.param("<nil>\n" + said("ok 1 - a", "1..1"), (1, 0, []), id="something before"),
        pytest.param(said("ok 1", "1..1") + said("not ok 1 - b", "1..1"), (1, 0, ["b"]), id="two documents"),
        pytest.param(said("ok 1", "1..2"), (1, 0, ["1 test points, planned were 2"]), id="too few"),
        pytest.param(said("ok 1"), (1, 0, ["1 test points, planned were none"]), id="no plan"),
        pytest.param(said() + _ERROR + said("1..0")[15:], (0, 0, ["hooks MUST be called"]), id="an error alone"),
        pytest.param(said("ok 1 - refused") + _ERROR + "1..1\n", (1, 0, []), id="an error that was wanted"),
        pytest.param(said() + '  ---\n  {"error": ""}\n  ...\n1..0\n', (0, 0, []), id="an empty error"),
        pytest.param(said("ok 1", "  ---", '  "not ok 2"', "not ok 3", "  ...", "1..1"), (1, 0, []), id="in a block"),
    ],
)
def test_counts_what_a_program_says(output: str, expected: tuple[int, int, list[str]]) -> None:
    report = tap.read(output)

    assert (report.ok, report.skipped, report.failures) == expected
