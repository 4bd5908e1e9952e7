"""``import pyoci``: what the command line does, from a program of its own and without a text to parse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.differs("about pyoci's own library")


@pytest.fixture
def script(container: Container) -> Callable[[str], str]:
    """What a Python program prints that imports the installed library and is given root, id and bundle."""
    container.bundle.args("sleep", "1000")
    container.bundle.write()
    python = Path(container.runtime.path).resolve().parent / "python3"
    begin = "import os, pyoci, sys\nroot, name, bundle = sys.argv[1:]\n"

    def run(text: str) -> str:
        words = [str(python), "-c", begin + text, str(container.runtime.root), container.id, str(container.bundle.path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60 * PATIENCE)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_leads_a_container_through_its_life(script: Callable[[str], str]) -> None:
    text = """
container = pyoci.create(root, name, bundle)
print(container.status)
pyoci.start(root, name)
print(container.status, pyoci.pids(root, name) == [container.pid])
sys.stdout.flush()
print(pyoci.execute(root, name, pyoci.new_process(root, name, ["sh", "-c", "echo $X; exit 3"], env=["X=said"])))
print([found["id"] for found in pyoci.containers(root)] == [name])
pyoci.kill(root, name, 9)
print(pyoci.wait(root, name), pyoci.state(root, name)["status"])
pyoci.delete(root, name)
print(os.path.exists(f"{root}/{name}"))
"""

    assert script(text).splitlines() == ["created", "running True", "said", "3", "True", "137 stopped", "False"]


@pytest.mark.needs("cgroup1")
@pytest.mark.parametrize(
    "removal",
    [
        pytest.param("wrap(Cgroup, 'tasks')", id="before it is opened"),
        pytest.param("wrap(Cgroup, 'directory_fd')", id="before its process is born"),
        pytest.param("wrap(cgroups, 'walk_in', limited)", id="when it is limited"),
    ],
)
def test_makes_a_cgroup_again_that_others_remove_while_it_is_empty(
    script: Callable[[str], str], container: Container, removal: str
) -> None:
    """As systemd does below v1 cgroups of its own, for example when it executes itself anew."""
    container.bundle.linux["resources"] = {"pids": {"limit": 33}}
    container.bundle.write()
    text = f"""
import time
from pyoci import cgroups
from pyoci.cgroups.cgroup import Cgroup

def wrap(owner, name, condition=lambda: True):
    inner = getattr(owner, name)
    def outer(*args):
        if getattr(owner, name) is outer:  # the first time
            setattr(owner, name, inner)
            while not condition():
                time.sleep(0.01)
            for directory in own.legacy:
                os.rmdir(directory.path)
        return inner(*args)
    setattr(owner, name, outer)

def limited():
    place, = [directory for directory in own.legacy if "pids" in directory.names]
    return place.number("pids.max") == 33

make = Cgroup.create
def create(self):
    global own
    own = self
    make(self)
Cgroup.create = create

{removal}
container = pyoci.create(root, name, bundle)
print(limited(), open(f"/proc/{{container.pid}}/cgroup").read())
pyoci.delete(root, name)
"""

    said, *lines = script(text).split()

    assert said == "True"
    assert all(line.endswith(f"/{container.id}") for line in lines if not line.startswith("0:"))


@pytest.mark.needs("cgroup1")
def test_enters_where_init_is_when_its_cgroup_goes_between_being_looked_up_and_entered(
    script: Callable[[str], str], container: Container
) -> None:
    """As when systemd gives a controller of v1 up."""
    text = """
from pyoci import cgroups

container = pyoci.create(root, name, bundle)
pyoci.start(root, name)
walk_in = cgroups.walk_in
def late(tasks):
    place, = [found for found in container.cgroup().legacy if "pids" in found.names]
    open(f"{place.mount}/cgroup.procs", "w").write(str(container.pid))
    os.rmdir(place.path)
    cgroups.walk_in = walk_in
    walk_in(tasks)
cgroups.walk_in = late
print(pyoci.execute(root, name, pyoci.new_process(root, name, ["grep", "pids", "/proc/self/cgroup"])))
pyoci.delete(root, name, force=True)
"""

    entry, status = script(text).splitlines()

    assert entry.endswith(":pids:/")
    assert status == "0"


def test_raises_what_a_program_can_tell_apart(script: Callable[[str], str]) -> None:
    text = """
def name_of(call):
    try:
        call()
    except pyoci.PyociError as error:
        print(type(error).__name__)

name_of(lambda: pyoci.state(root, "nobody"))
name_of(lambda: pyoci.create(root, "a/b", bundle))
name_of(lambda: pyoci.create(root, name, "/nonexistent"))
pyoci.create(root, name, bundle)
name_of(lambda: pyoci.create(root, name, bundle))
name_of(lambda: pyoci.resume(root, name))
name_of(lambda: pyoci.matching(root, "("))
print(pyoci.matching(root, "^" + name + "$") == [name])
pyoci.delete(root, name)
"""

    expected = ["ContainerNotFound", "InvalidId", "BundleError", "ContainerExists", "WrongStatus", "UsageError", "True"]
    assert script(text).splitlines() == expected


def test_runs_in_the_foreground_of_the_program(script: Callable[[str], str], container: Container) -> None:
    container.bundle.script("echo inside; exit 7")
    container.bundle.write()

    assert script("print(pyoci.run(root, name, bundle))").splitlines() == ["inside", "7"]
