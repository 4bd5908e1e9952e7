"""Write spec/conformance.md: every requirement of the specification, the module that meets it, the tests that show it.

``python tools/conformance.py`` writes the file; with ``--check`` it only compares. Requirements are those of
spec/requirements.toml; a test names what it shows: ``@pytest.mark.clause("mounts.order")``, on a function, on a
``pytest.param`` or as a module's ``pytestmark``. Both fail when a requirement has neither a test nor a reason, and
when a test names a requirement that does not exist.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).resolve().parent.parent
REQUIREMENTS = HOME / "spec" / "requirements.toml"
DOCUMENT = HOME / "spec" / "conformance.md"
TESTS = HOME / "tests"
SPECIFICATION = "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/"

HEAD = """# Conformance

Written by `make conformance`; do not edit. What the [runtime specification]({specification}) 1.3 asks of a runtime on
Linux, in our words ([requirements.toml](requirements.toml)), the module below `pyoci/` that meets it, and the tests
below `tests/` that show it. PEER marks what the text leaves open (or sees otherwise) and the callers of runc rely on.

{shown} of {total} requirements are shown by tests, {reasoned} have a reason instead, {missing} have neither.
"""


def tests_by_requirement() -> dict[str, list[str]]:
    """For each id that tests name: the tests, as ``sections/test_mounts.py::test_name``."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for names, test in _marks(ast.parse(path.read_text())):
            place = path.relative_to(TESTS).as_posix() + (f"::{test}" if test else "")
            for name in names:
                if place not in (places := found.setdefault(name, [])):
                    places.append(place)
    return found


def _marks(tree: ast.Module) -> Iterator[tuple[list[str], str]]:
    """The ids each ``pytest.mark.clause(…)`` of a module names, and the test it stands at."""
    for statement in tree.body:
        test = statement.name if isinstance(statement, ast.FunctionDef | ast.ClassDef) else ""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.clause":
                yield [str(ast.literal_eval(argument)) for argument in node.args], test


def problems(requirements: dict[str, dict[str, str]], tests: dict[str, list[str]]) -> list[str]:
    """What keeps the table from being complete, one line each."""
    unknown = [f"{place} names an unknown requirement: {name}"
               for name, places in tests.items() if name not in requirements for place in places]
    bare = [f"{name} has neither a test nor a reason: {entry['text']}"
            for name, entry in requirements.items() if name not in tests and not entry.get("reason")]
    absent = [f"{name} names a module that does not exist: {entry['module']}"
              for name, entry in requirements.items() if not (HOME / "pyoci" / entry["module"]).exists()]
    return unknown + bare + absent


def document(requirements: dict[str, dict[str, str]], tests: dict[str, list[str]]) -> str:
    """The text of conformance.md."""
    shown = sum(name in tests for name in requirements)
    reasoned = sum(bool(entry.get("reason")) and name not in tests for name, entry in requirements.items())
    lines = [HEAD.format(specification=SPECIFICATION, shown=shown, reasoned=reasoned, total=len(requirements),
                         missing=len(requirements) - shown - reasoned)]
    chapter = ""
    for name, entry in requirements.items():
        if chapter != (chapter := _chapter(name)):
            lines += [f"\n## {chapter}\n", "| requirement | | module | shown by |", "|---|---|---|---|"]
        level = f"[{entry['level']}]({SPECIFICATION}{entry['clause']})"
        how = "<br>".join(f"`{place}`" for place in tests.get(name, [])) or entry.get("reason") or "**missing**"
        lines.append(f"| `{name}`: {entry['text']} | {level} | {entry['module']} | {how} |")
    return "\n".join(lines) + "\n"


def _chapter(name: str) -> str:
    """The heading a requirement belongs below: its first word, or two below ``linux`` and ``process``."""
    first, *rest = name.split(".")
    return f"{first}.{rest[0]}" if first in {"linux", "process"} else first


def main() -> int:
    """Write or compare the document; tell what is wrong. Returns the exit status."""
    requirements = tomllib.loads(REQUIREMENTS.read_text())
    tests = tests_by_requirement()
    wrong = problems(requirements, tests)
    text = document(requirements, tests)
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        wrong.append("spec/conformance.md is out of date: make conformance")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
