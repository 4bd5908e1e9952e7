"""Nobody in a container reaches into a process on its way there: it holds what the container must not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.container import Container
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.differs("about pyoci's own care"), pytest.mark.needs("root")]

# What it finds in each process called pyoci, once it has seen one.
_LOOK = (
    "while :; do for p in /proc/[0-9]*; do "
    "if read name < $p/comm && [ $name = pyoci ]; then "
    "echo $p >> /seen; for fd in $p/fd/*; do readlink $fd >> /found; done; "
    "(echo x > $p/mem) && echo mem >> /found; fi; done; done 2> /dev/null"
)


def in_the_same_pids(container: Container, other: Container, **changes: Any) -> Container:
    """*container* running, and *other*, created, in its pid namespace, as in a pod."""
    container.up()
    container.bundle.namespace("pid", f"/proc/{container.pid}/ns/pid")
    container.bundle.process.update(changes)
    other.create().ok()
    return other


def test_a_created_container_is_closed_to_others_of_its_pod(
    container: Container, new_container: Callable[[], Container]
) -> None:
    """CVE-2016-9962. In the pid namespace of another, whose root has the same capabilities."""
    other = in_the_same_pids(container, new_container())

    names = container.exec("sh", "-c", "cat /proc/[0-9]*/comm").output.split()
    look = "for p in /proc/[0-9]*; do [ $(cat $p/comm) != pyoci ] || ls -L $p/fd $p/cwd/; done"
    found = container.exec("sh", "-c", look)

    assert "pyoci" in names
    assert not [line for line in found.stdout.splitlines() if line and not line.startswith("/proc/")]
    assert found.stderr.count("Permission denied") >= 4
    other.start().ok()


def test_a_created_container_holds_no_procfs_without_masks(
    container: Container, new_container: Callable[[], Container]
) -> None:
    """For whoever may trace it nevertheless (CAP_SYS_PTRACE): /proc/PID/fd/N/sys/kernel/core_pattern was writable."""
    for names in container.bundle.process["capabilities"].values():
        names.append("CAP_SYS_PTRACE")
    in_the_same_pids(container, new_container())

    found = container.exec("sh", "-c", "ls -d /proc/[0-9]*/fd/*/sys/kernel/core_pattern 2> /dev/null")

    assert found.stdout == ""


def test_who_execs_is_closed_to_the_container(container: Container, place: Path) -> None:
    """CVE-2016-9962. A PATH of many directories holds the process up when it has no more power than they have."""
    container.bundle.script(_LOOK)
    container.up()
    process = {**container.bundle.process, "args": ["nothing"], "env": ["PATH=" + "/nowhere:" * 20_000]}
    (place / "process.json").write_text(json.dumps(process))
    seen = container.bundle.rootfs / "seen"

    def has_seen() -> bool:
        container.exec(flags=("--process", place / "process.json")).failed("not found", status=255)
        return seen.exists()

    wait_for(has_seen, "the container to see somebody come")

    assert not (container.bundle.rootfs / "found").exists() or (container.bundle.rootfs / "found").read_text() == ""
