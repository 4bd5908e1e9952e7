"""tests/validation/run.py and program.py: with programs and a runtime of our own, which do what real ones may do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support import abilities
from tests.support.container import processes_naming
from tests.support.waiting import wait_for
from tests.validation import program, run, table
from tests.validation.table import Deviation

pytestmark = pytest.mark.needs("root")

# What is left is looked for by its name, in the whole machine: others may run these tests, or the suite, meanwhile.
_OURS = f"of-{os.getpid()}"
_RUNTIME = """#!/bin/sh
root=$2; shift 2
case $1 in
create) mkdir "$root/$3"; case $3 in lively-*) setsid sh -c 'while :; do sleep 1; done' "$3" & esac ;;
delete) case $3 in stubborn-*) ;; *) rmdir "$root/$3" ;; esac ;;
esac
"""


class Suite:
    """Programs in a tree, and a runtime."""

    def __init__(self, place: Path) -> None:
        self.tree = place / "tree"
        self.runtime = place / "fake"
        self._executable(
            self.runtime, '#!/bin/sh\n[ "$1" != --version ] || { echo fake version 1; exit; }\n' + _RUNTIME
        )

    def add(self, name: str, *lines: str) -> None:
        """A program, as a shell script behind the header of the protocol."""
        path = self.tree / "validation" / name / f"{name}.t"
        path.parent.mkdir(parents=True)
        self._executable(path, "\n".join(["#!/bin/sh", "echo TAP version 13", *lines, ""]))

    def main(self, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
        """What the command line does."""
        monkeypatch.setattr(sys, "argv", ["run", str(self.tree), str(self.runtime), *options])
        return run.main()

    @staticmethod
    def _executable(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setattr(program, "_CGROUPS", ())
    return Suite(tmp_path)


@pytest.mark.parametrize(
    ("lines", "failures"),
    [
        pytest.param(["echo ok 1", "echo 1..1"], [], id="well"),
        pytest.param(["echo 1..0", "echo no tar >&2", "exit 3"], ["status 3: no tar"], id="exit status"),
        pytest.param(["echo 1..0", "echo WARNING: late >&2"], ["WARNING: late"], id="warning"),
        pytest.param(
            ["echo not ok 1 - exit status 1", "echo 1..1", "echo no memory >&2"], ["exit status 1: no memory"],
            id="the runtime's words",
        ),
        pytest.param(["echo 1..0", f"$RUNTIME create -b abandoned-{_OURS}"], [], id="abandons a container"),
        pytest.param(
            ["echo 1..0", f"$RUNTIME create -b stubborn-{_OURS}"], [f"left containers: stubborn-{_OURS}"],
            id="left container",
        ),
        pytest.param(
            ["echo 1..0", "mount -t tmpfs none $TMPDIR"], ["left mounts: /tmp"], id="left mount",
        ),
    ],
)  # fmt: skip
def test_tells_how_a_program_ended_and_what_is_left(suite: Suite, lines: list[str], failures: list[str]) -> None:
    suite.add("program", *lines)

    assert program.run(suite.tree, "program", str(suite.runtime)).failures == failures


def test_runs_a_program_again_when_it_has_another_try(suite: Suite, tmp_path: Path) -> None:
    suite.add("program", f"echo x >> {tmp_path}/tries", f"[ $(wc -l < {tmp_path}/tries) -gt 2 ] || echo not ok 1")

    assert not program.run(suite.tree, "program", str(suite.runtime), 5).ok
    assert len((tmp_path / "tries").read_text().split()) == 5


def test_fails_unless_all_is_explained(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite.add("bad", "echo not ok 1 - never", "echo 1..1")
    suite.add("good", "echo ok 1", "echo 1..1")
    known: list[Deviation] = []
    monkeypatch.setattr(table, "deviations", lambda: known)

    assert suite.main(monkeypatch) == 1
    said = capsys.readouterr()
    assert said.err == "bad: never\n"
    assert said.out.splitlines()[4:8] == [
        "| bad | 0 | 1 | 0 |  |", "| good | 1 | 0 | 0 |  |", "", "Of 2 programs, fake passes 1.",
    ]  # fmt: skip

    known.append(Deviation(["bad"], ["never"], "so it is"))
    assert suite.main(monkeypatch) == 0
    assert suite.main(monkeypatch, "--only", "good") == 0


def test_writes_the_end_of_a_document(suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    suite.add("good", "echo ok 1", "echo 1..1")
    document = tmp_path / "validation.md"
    own, another = (f"### cgroup {version}, no systemd\n\nwhat was before\n\n" for version in ("v1", "v2"))
    document.write_text(f"# Validation\n\n{run._MEASURED}\n{own}{another}### Reasons\n\n1. None.\n")
    monkeypatch.setattr(run, "_machine", lambda: "cgroup v1, no systemd")

    suite.main(monkeypatch, "--document", str(document))

    sections = document.read_text().split("### ")
    assert [text.partition("\n")[0] for text in sections[1:]] == [
        "cgroup v1, no systemd", "cgroup v2, no systemd", "Reasons",
    ]  # fmt: skip
    assert sections[0] == f"# Validation\n\n{run._MEASURED}\n"
    assert sections[1].startswith("cgroup v1, no systemd\n\nfake version 1; Linux ")
    assert "| good | 1 | 0 | 0 |  |" in sections[1]
    assert sections[2] == "cgroup v2, no systemd\n\nwhat was before\n\n"


def test_leaves_out_what_knows_cgroup_v1_only(suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("good", "linux_cgroups_pids", "delete_resources", "delete_only_create_resources"):
        suite.add(name, f"echo {name} >> {tmp_path}/called", "echo ok 1", "echo 1..1")
    there = abilities.has
    monkeypatch.setattr(abilities, "has", lambda name: name != "cgroup1" and there(name))

    assert suite.main(monkeypatch) == 0
    assert (tmp_path / "called").read_text().split() == ["good"]


def test_ends_what_a_container_left_running(suite: Suite) -> None:
    suite.add("program", "echo 1..0", f"$RUNTIME create -b lively-{_OURS}")

    failures = program.run(suite.tree, "program", str(suite.runtime)).failures

    assert [text.partition(":")[0] for text in failures] == ["left processes"]
    wait_for(lambda: not processes_naming(f"done lively-{_OURS}"), "the end of what was killed")


def test_ends_what_a_program_left_running(suite: Suite) -> None:
    suite.add("program", "echo 1..0", f"sh -c 'sleep 1000; :' by-itself-{_OURS} &")

    assert program.run(suite.tree, "program", str(suite.runtime)).failures == []
    wait_for(lambda: not processes_naming(f"; : by-itself-{_OURS}"), "the end of what was killed")


def test_refuses_a_tree_without_programs(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="2"):
        suite.main(monkeypatch)
