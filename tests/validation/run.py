"""Run the validation programs of runtime-tools: ``python -m tests.validation.run TREE RUNTIME [OTHER]``.

The table goes to standard output; the exit status is 1 if something in RUNTIME's column has no explanation in
deviations.toml. OTHER is another runtime, for comparison: what is blamed on the machine has to fail there, too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.support import abilities
from tests.validation import program, table

_TRIES = 5
_REASONS = "Reasons"
_MEASURED = "<!-- from here on written by make validate -->\n"


def main() -> int:
    """Run, print, compare. The exit status."""
    given = _arguments()
    if reason := _why_not():
        print(reason, file=sys.stderr)
        return 2
    lines, found = _measure(given)
    if given.document:
        _write(given.document, lines)
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


def _why_not() -> str:
    """Why the programs cannot be run here and now, or nothing."""
    if not abilities.has("root"):
        return f"the validation programs need {abilities.ABILITIES['root'][1]}"
    if there := program.cgroups():
        return f"in use by another run, or left by one: {' '.join(there)}"
    return ""


def _measure(given: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The lines of the table, which are printed as they come, and what is not explained."""
    known, found, rows = table.deviations(), [], []
    lines = _heading(given.runtimes)
    print(*lines, sep="\n")
    for name in given.only:
        tries = _TRIES if any(deviation.races for deviation in table.of_program(name, known)) else 1
        reports = [program.run(given.tree, name, runtime, tries) for runtime in given.runtimes]
        rows.append(reports)
        lines.append(table.row(name, reports, known))
        print(lines[-1], flush=True)
        found += table.problems(name, reports[0], reports[1] if len(reports) > 1 else None, known)
    end = ["", table.summary(map(os.path.basename, given.runtimes), rows)]
    print(*end, "", *table.legend(known), sep="\n")
    return lines + end, found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the validation programs of runtime-tools.")
    parser.add_argument("tree", type=Path, help="where they are built")
    parser.add_argument("runtimes", nargs="+", metavar="runtime", help="the one under test, and another beside it")
    parser.add_argument("--only", action="append", metavar="PROGRAM", help="this one; may be repeated")
    parser.add_argument("--document", type=Path, metavar="FILE", help="put the table at the end of FILE")
    given = parser.parse_args()
    given.only = given.only or [name for name in program.names(given.tree) if _can_run(name)]
    if not given.only:
        parser.error(f"no program is built in {given.tree}")
    return given


def _can_run(name: str) -> bool:
    """Whether the program *name* does not need a hierarchy of cgroup v1, or there is one."""
    return abilities.has("cgroup1") or not name.startswith(("linux_cgroups_", "delete_"))


def _machine() -> str:
    """What kind of machine this is, in a few words."""
    return f"cgroup {'v1' if abilities.has('cgroup1') else 'v2'}, {'' if abilities.has('systemd') else 'no '}systemd"


def _heading(runtimes: list[str]) -> list[str]:
    """What was measured where, and the head of the table."""
    versions = []
    for runtime in runtimes:
        said = subprocess.run([runtime, "--version"], check=True, capture_output=True, text=True).stdout
        versions.append(said.splitlines()[0])
    lacks = [name for name in sorted({each.lacks for each in table.deviations()} - {""}) if not abilities.has(name)]
    place = f"{', '.join(versions)}; Linux {os.uname().release.partition('-')[0]}, {_machine()}"
    if lacks:
        place += f"; lacking are {', '.join(abilities.ABILITIES[name][1] for name in lacks)}"
    return [f"{place}.", "", table.head(map(os.path.basename, runtimes))]


def _write(document: Path, lines: list[str]) -> None:
    """Put *lines* into *document* as the section of this kind of machine, and the reasons behind them all."""
    written, _, measured = document.read_text().partition(_MEASURED)
    sections = dict(part.split("\n\n", 1) for part in measured.split("### ")[1:])
    sections[_machine()] = "\n".join([*lines, "\n"])
    sections.pop(_REASONS, None)
    sections[_REASONS] = "\n".join([*table.legend(table.deviations()), ""])
    document.write_text(f"{written}{_MEASURED}\n" + "".join(f"### {name}\n\n{text}" for name, text in sections.items()))


if __name__ == "__main__":
    raise SystemExit(main())
