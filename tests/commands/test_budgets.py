"""What a command may cost, in counts that do not depend on the machine's mood: calls, forks, files and memory."""

from __future__ import annotations

import collections
import re
import resource
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.limits import control_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

pytestmark = [pytest.mark.needs("strace"), pytest.mark.differs("pyoci's own budgets")]

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
# A fifth above what they take; whoever needs more says why here.
_CALLS = {"run": 1175, "start": 70, "state": 50, "exec": 590, "kill": 55, "delete": 80}
_FORKS = {"run": 1, "exec": 2}
_FORKING = ("fork", "vfork", "clone", "clone3")
_BYTES = 640 << 10  # charged to a created container as memory that is its own
# Pages that are read or written to for the first time; fewer where CPython does not count what is in an image (3.13).
_FAULTS = {"create": 870, "state": 380, "start": 390, "exec": 1410, "kill": 375, "delete": 390, "run": 1380}


@pytest.fixture
def traced(container: Container, place: Path) -> Callable[..., collections.Counter[str]]:
    """Runs a command of the container below strace; how often each system call was made, and ``opened PATH``."""

    def run(*words: str) -> collections.Counter[str]:
        log = place / f"strace-{words[0]}"
        prefix = ("strace", "-f", "-qq", "--signal=none", "-o", str(log))
        container.runtime(*words, prefix=prefix).ok()
        counts = collections.Counter[str]()
        for line in log.read_text(errors="replace").splitlines():
            if found := _CALL.match(line):
                counts[found[1]] += 1
                if found[1] == "openat" and '"' in line:
                    counts[f"opened {line.split(chr(34))[1]}"] += 1
        return counts

    return run


def calls(counts: collections.Counter[str]) -> int:
    """The number of system calls."""
    return sum(number for name, number in counts.items() if not name.startswith("opened "))


@pytest.mark.needs("launcher")
def test_commands_keep_to_their_budgets(
    container: Container, traced: Callable[..., collections.Counter[str]]
) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()  # strace would wait for the container's end
    seen = {
        "start": traced("start", container.id),
        "state": traced("state", container.id),
        "exec": traced("exec", container.id, "true"),
        "kill": traced("kill", container.id, "KILL"),
    }
    container.wait_for_status("stopped")
    seen["delete"] = traced("delete", container.id)
    seen["run"] = traced("run", "--bundle", str(container.bundle.args("true").write()), container.id)

    made = {command: calls(counts) for command, counts in seen.items()}
    print(made)
    assert {command: number for command, number in made.items() if number > _CALLS[command]} == {}
    forks = {command: sum(counts[name] for name in _FORKING) for command, counts in seen.items()}
    assert {command: number for command, number in forks.items() if number} == _FORKS


@pytest.mark.needs("launcher")
def test_the_program_opens_no_module(container: Container, traced: Callable[..., collections.Counter[str]]) -> None:
    """All are in its image, and what is loaded is it alone."""
    counts = traced("run", "--bundle", str(container.bundle.args("true").write()), container.id)

    opened = [name.removeprefix("opened ") for name in counts if name.startswith("opened ")]
    assert not [path for path in opened if path.endswith((".py", ".pyc")) or ".so" in path or "/lib/" in path]


@pytest.mark.needs("launcher")
def test_commands_touch_few_pages(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    seen = {
        "create": faults(container.create),
        "state": faults(container.runtime, "state", container.id),
        "start": faults(container.start),
        "exec": faults(container.exec, "true"),
        "kill": faults(container.runtime, "kill", container.id, "KILL"),
    }
    container.wait_for_status("stopped")
    seen["delete"] = faults(container.delete)
    container.bundle.args("true")
    seen["run"] = faults(container.run)

    print(seen)
    assert {command: number for command, number in seen.items() if number > _FAULTS[command]} == {}


def faults(action: Callable[..., Result], *words: str) -> int:
    """How many page faults the command has that *action* runs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    action(*words).ok()
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before


def test_a_created_container_is_charged_little(container: Container) -> None:
    container.create().ok()

    # What is in use besides is charged by quarters of a megabyte, to each processor that it has run on.
    file = control_file(container.pid, "memory.stat")
    assert file, "there is no memory controller"
    counts = dict(line.split() for line in file.read_text().splitlines())
    assert int(counts.get("anon") or counts["rss"]) < _BYTES
