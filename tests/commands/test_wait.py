"""``wait``: the end of a container, and how it ended, for those who are not its parent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("runc has no such command")

# Adopts what the command leaves, and collects every end it hears of.
_COLLECTOR = """
import ctypes, os, signal, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
subprocess.run(sys.argv[1:], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print("up", flush=True)
print("collected", os.wait()[0], flush=True)
sys.stdin.read()
"""
# The same, but it never asks how one ended.
_CARELESS = _COLLECTOR.replace('print("collected", os.wait()[0], flush=True)\n', "")


class Parent:
    """A process that runs the container as a detached one and stays its parent."""

    def __init__(self, container: Container, program: str) -> None:
        command = container.runtime.command("run", "-d", "-b", container.bundle.write(), container.id)
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.heard("up")

    def heard(self, word: str) -> None:
        """Wait until it says *word*."""
        assert self._process.stdout
        assert self._process.stdout.readline().startswith(word)

    def end(self) -> None:
        """Let it go."""
        self._process.communicate()


def waiting(container: Container) -> subprocess.Popen[str]:
    """A ``wait`` that has got as far as waiting."""
    found = container.runtime.spawn("wait", container.id)
    wait_for(lambda: any("pidfd" in link for link in descriptors(found.pid)), "wait holds a pidfd")
    return found


def descriptors(pid: int) -> list[str]:
    """What the descriptors of *pid* lead to."""
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            continue
    return links


def test_prints_the_status_while_the_parent_has_not_asked(container: Container) -> None:
    container.bundle.script("exit 3")
    parent = Parent(container, _CARELESS)

    assert container.runtime("wait", container.id).ok().stdout == "3\n"
    assert container.runtime("wait", container.id).ok().stdout == "3\n"

    parent.end()


@pytest.mark.needs("pidfd-exit")
def test_prints_the_status_when_the_parent_asks_at_once(container: Container) -> None:
    container.bundle.script("read line </go; exit 3")
    os.mkfifo(container.bundle.rootfs / "go")
    parent = Parent(container, _COLLECTOR)
    wait = waiting(container)

    (container.bundle.rootfs / "go").write_text("now\n")

    assert wait.communicate() == ("3\n", "")
    assert wait.returncode == 0
    parent.heard("collected")
    parent.end()


@pytest.mark.needs("pidfd-exit")
def test_prints_128_and_the_signal(container: Container) -> None:
    container.up()
    wait = waiting(container)

    container.kill("KILL").ok()

    assert wait.communicate() == ("137\n", "")


def test_prints_unknown_once_the_parent_has_asked(container: Container) -> None:
    container.bundle.script("exit 3")
    parent = Parent(container, _COLLECTOR)
    parent.heard("collected")

    assert container.runtime("wait", container.id).ok().stdout == "unknown\n"

    parent.end()


@pytest.mark.parametrize("status", [0, 3, 255])
def test_prints_the_status_of_one_that_run_kept(container: Container, status: int) -> None:
    container.bundle.script(f"exit {status}")
    container.run("--keep")

    assert container.runtime("wait", container.id).ok().stdout == f"{status}\n"


def test_waits_for_a_created_container_too(container: Container) -> None:
    container.create().ok()
    wait = waiting(container)

    container.kill("KILL").ok()

    assert wait.communicate()[1] == ""
    assert wait.returncode == 0


def test_hears_of_the_end_when_the_container_is_deleted(container: Container) -> None:
    container.up()
    wait = waiting(container)

    container.delete("--force").ok()

    assert wait.communicate()[1] == ""
    assert wait.returncode == 0


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("wait", "nobody").failed("container does not exist")
