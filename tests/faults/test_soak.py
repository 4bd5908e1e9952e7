"""Many lives: LIVES containers come and go, in one process and by the command, and nothing grows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.container import leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.bundle import Bundle
    from tests.support.runtime import Runtime

_LIVES = int(os.environ.get("LIVES", "0") or 0) or 60
_WARM_UP = 20
_GROWTH = 4 << 20  # of memory, in bytes, however many lives
_PROGRAM = """
import os, sys
import pyoci
root, bundle, name, lives, warm_up = sys.argv[1:4] + [int(word) for word in sys.argv[4:]]

def used():
    status = open("/proc/self/status").read()
    memory = int(status.split("VmRSS:")[1].split()[0]) * 1024
    keys = open("/proc/keys").read().count(f"_ses.{name}")
    return memory, len(os.listdir("/proc/self/fd")), open("/proc/self/mountinfo").read().count(root), keys

for life in range(warm_up + lives):
    if life == warm_up:
        before = used()
    pyoci.create(root, name, bundle)
    pyoci.start(root, name)
    pid = pyoci.state(root, name)["pid"]
    pyoci.kill(root, name, 9)
    pyoci.delete(root, name, force=True)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
print(*before, *used())
"""


@pytest.mark.needs("root")
@pytest.mark.timeout(7200)
@pytest.mark.differs("not a library")
def test_a_process_that_makes_many_containers_does_not_grow(
    runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]
) -> None:
    bundle.args("sleep", "1000").write()
    name = new_id()
    words = [sys.executable, "-c", _PROGRAM, str(runtime.root), str(bundle.path), name, str(_LIVES), str(_WARM_UP)]

    said = subprocess.run(words, capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr
    numbers = [int(word) for word in said.stdout.split()]
    before, after = numbers[:4], numbers[4:]
    print(f"{_LIVES} lives: memory, descriptors, mounts, keys were {before}, are {after}")
    assert after[0] - before[0] < _GROWTH
    assert after[1:3] == before[1:3]
    assert after[3] <= before[3] + 2  # the kernel collects keys when it likes
    assert leftovers(runtime, name) == {}
