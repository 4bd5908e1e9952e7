"""spec/conformance.md: nothing missing, nothing unknown, and up to date."""

from __future__ import annotations

import ast
import tomllib

import pytest

from tools import conformance

REQUIREMENTS = tomllib.loads(conformance.REQUIREMENTS.read_text())
TESTS = conformance.tests_by_requirement()


def test_table_is_complete_when_every_requirement_has_a_test_or_a_reason() -> None:
    assert conformance.problems(REQUIREMENTS, TESTS) == []


def test_document_is_up_to_date_when_generated_again() -> None:
    assert conformance.DOCUMENT.read_text() == conformance.document(REQUIREMENTS, TESTS), "make conformance"


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirement_has_level_clause_and_text_when_listed(name: str) -> None:
    entry = REQUIREMENTS[name]
    assert entry["level"] in {"MUST", "SHOULD", "MAY", "PEER"}
    assert entry["clause"].partition("#")[0].endswith(".md")
    assert entry["text"].endswith(".")
    assert entry.keys() <= {"level", "clause", "module", "text", "reason"}


@pytest.mark.parametrize(
    ("source", "marks"),
    [
        pytest.param("@pytest.mark.clause('a.b')\ndef test_x(): ...", [(["a.b"], "test_x")], id="function"),
        pytest.param("@pytest.mark.clause('a', 'b')\ndef test_x(): ...", [(["a", "b"], "test_x")], id="several"),
        pytest.param("class TestX:\n  @pytest.mark.clause('a')\n  def test_y(_): ...", [(["a"], "TestX")], id="class"),
        pytest.param("pytestmark = pytest.mark.clause('a')", [(["a"], "")], id="module"),
        pytest.param("@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.clause('a'))])\n"
                     "def test_x(n): ...", [(["a"], "test_x")], id="parameter"),
        pytest.param("@pytest.mark.needs('a')\ndef test_x(): ...", [], id="another-mark"),
    ],
)  # fmt: skip
def test_marks_are_found_when_a_module_is_scanned(source: str, marks: list[tuple[list[str], str]]) -> None:
    assert list(conformance._marks(ast.parse(source))) == marks


def test_problem_is_told_when_a_test_names_an_unknown_requirement() -> None:
    assert conformance.problems({}, {"no.such": ["test_x.py::test_y"]}) == [
        "test_x.py::test_y names an unknown requirement: no.such"
    ]
