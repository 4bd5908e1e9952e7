"""``events``: what a container uses, and that it ran out of memory."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.support.container import Container
from tests.support.limits import control_file
from tests.support.runtime import Runtime
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

MEBIBYTE = 1 << 20
UNLIMITED = (9223372036854771712, 2**64 - 1)  # on v1 and v2
# Takes 64 MiB at once.
_EAT = ("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1")


def data(container: Container) -> dict[str, Any]:
    """What ``events --stats`` prints."""
    event = json.loads(container.runtime("events", "--stats", container.id).ok().stdout)
    found: dict[str, Any] = event["data"]
    return found


@pytest.fixture
def watching(container: Container) -> Iterator[Callable[..., Watcher]]:
    """A maker of ``events`` in the background, ended afterwards."""
    made: list[Watcher] = []

    def make(*words: str) -> Watcher:
        made.append(Watcher(container.runtime.spawn("events", *words, container.id)))
        return made[-1]

    yield make
    for watcher in made:
        watcher.end()


class Watcher:
    """A running ``events``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        self._fd = process.stdout.fileno()
        os.set_blocking(self._fd, False)
        self._text = b""

    def next(self, seconds: float = 20) -> dict[str, Any]:
        """The next event. Raises AssertionError when none comes, and ValueError when the line is no JSON."""
        limit = time.monotonic() + seconds
        while b"\n" not in self._text:
            assert select.select([self._fd], [], [], max(limit - time.monotonic(), 0))[0], "no event"
            part = os.read(self._fd, 1 << 16)
            assert part, f"it ended: {self.process.communicate()}"
            self._text += part
        line, self._text = self._text.split(b"\n", 1)
        event: dict[str, Any] = json.loads(line)
        return event

    def rest(self) -> list[dict[str, Any]]:
        """The events until its end, which must come by itself and without a word."""
        wait_for(lambda: self.process.poll() is not None, "the end of events", 20)
        assert self.process.stdout
        assert self.process.stderr
        text = self._text.decode() + (self.process.stdout.read() or "")
        assert (self.process.returncode, self.process.stderr.read()) == (0, "")
        return [json.loads(line) for line in text.splitlines()]

    def end(self) -> None:
        """Kill it if it runs."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        assert self.process.stderr
        self.process.stdout.close()
        self.process.stderr.close()


def test_stats_is_one_line_that_begins_as_callers_expect(container: Container) -> None:
    result = container.up().runtime("events", "--stats", container.id).ok()

    assert result.stdout.startswith(f'{{"type":"stats","id":"{container.id}","data":{{"cpu":{{"usage":{{')
    assert (result.stdout.count("\n"), result.stdout[-1], result.stderr) == (1, "\n", "")


def test_sections_are_runcs(container: Container) -> None:
    found = data(container.up())

    assert {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"} == found.keys()
    assert {"kernel", "user"} <= found["cpu"]["usage"].keys()
    assert found["cpu"]["throttling"].keys() <= {"periods", "throttledPeriods", "throttledTime"}
    assert {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
            "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
            } <= found["cpuset"].keys()  # fmt: skip
    assert {"usage", "swap", "kernel", "kernelTCP", "raw"} <= found["memory"].keys()
    for kind in ("usage", "swap", "kernel", "kernelTCP"):
        assert {"limit", "failcnt"} <= found["memory"][kind].keys() <= {"limit", "usage", "max", "failcnt"}


def test_numbers_are_those_of_the_kernel(container: Container) -> None:
    container.bundle.linux["resources"] = {
        "memory": {"limit": 64 * MEBIBYTE, "swap": 96 * MEBIBYTE}, "pids": {"limit": 7},
    }  # fmt: skip
    container.bundle.script("sleep 1000 & i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo up >/up; wait")
    container.up().wait_for_file("/up")

    found = data(container)

    assert (found["pids"]["current"], found["pids"]["limit"]) == (2, 7)
    assert found["cpu"]["usage"]["total"] > 1_000_000
    memory = found["memory"]
    assert memory["usage"]["limit"] == 64 * MEBIBYTE
    assert memory["swap"]["limit"] == 96 * MEBIBYTE
    assert 0 < memory["usage"]["usage"] <= memory["usage"].get("max", memory["usage"]["usage"]) < 64 * MEBIBYTE
    assert memory["cache"] == memory["raw"].get("cache", memory["raw"].get("file"))
    assert all(type(number) is int for number in memory["raw"].values())


def test_no_limit_is_the_largest_number(container: Container) -> None:
    found = data(container.up())["memory"]

    assert found["usage"]["limit"] in UNLIMITED
    assert found["swap"]["limit"] in UNLIMITED


def test_time_without_processor_is_counted(container: Container) -> None:
    container.bundle.linux["resources"] = {"cpu": {"quota": 5000, "period": 100000}}
    container.bundle.script("while :; do :; done")
    container.up()

    wait_for(lambda: data(container)["cpu"]["throttling"].get("throttledTime", 0) > 1_000_000, "throttling")

    found = data(container)["cpu"]["throttling"]
    assert 0 < found["throttledPeriods"] <= found["periods"]


@pytest.mark.needs("cgroup1")
def test_processors_are_listed_on_v1(container: Container) -> None:
    container.bundle.linux["resources"] = {"cpu": {"cpus": "0", "mems": "0"}}
    found = data(container.up())

    assert (found["cpuset"]["cpus"], found["cpuset"]["mems"]) == ([0], [0])
    assert len(found["cpu"]["usage"]["percpu"]) == len(found["cpu"]["usage"]["percpu_user"]) == os.cpu_count()


@pytest.mark.differs("runc 1.1 has none, and later ones none on a hybrid host")
def test_pressure_is_told_where_the_kernel_keeps_it(container: Container) -> None:
    container.up()
    if control_file(container.pid, "cpu.pressure") is None:
        pytest.skip("this kernel keeps no pressure")

    found = data(container)

    for section in ("cpu", "memory", "blkio"):
        assert {name: type(number) for name, number in found[section]["psi"]["some"].items()} == {
            "avg10": float, "avg60": float, "avg300": float, "total": int,
        }  # fmt: skip


_SEND = """
import socket
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("veth0", 0))
for _ in range(3):
    wire.send(bytes(12) + b"\\x88\\xb5" + bytes(86))
"""


@pytest.mark.differs("runc knows no interfaces")
def test_interfaces_are_the_containers_own(container: Container) -> None:
    container.up()
    assert data(container)["network_interfaces"] is None

    enter = ["nsenter", "-t", str(container.pid), "-n"]
    for words in ("add veth0 type veth peer name veth1", "set veth0 arp off up", "set veth1 arp off up"):
        subprocess.run([*enter, "ip", "link", *words.split()], check=True)
    subprocess.run([*enter, sys.executable, "-I", "-S", "-c", _SEND], check=True)

    found = {interface["Name"]: interface for interface in data(container)["network_interfaces"]}

    assert found.keys() == {"veth0", "veth1"}
    assert found["veth0"].keys() == {"Name", "RxBytes", "RxPackets", "RxErrors", "RxDropped",
                                     "TxBytes", "TxPackets", "TxErrors", "TxDropped"}  # fmt: skip
    assert found["veth0"]["TxPackets"] >= 3  # the kernel may send something by itself
    assert found["veth0"]["TxBytes"] >= 300
    assert found["veth1"]["RxBytes"] >= 300


def test_interfaces_of_the_host_are_not_the_containers(container: Container) -> None:
    container.bundle.without_namespace("network")

    assert data(container.up())["network_interfaces"] is None


def test_created_and_paused_containers_have_numbers(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()
    assert data(container)["pids"]["current"] >= 1

    container.start().ok()
    container.runtime("pause", container.id).ok()

    assert data(container)["pids"]["current"] == 1
    assert container.status == "paused"


def test_refuses_a_stopped_container(container: Container) -> None:
    container.run("--keep").ok()

    for words in (("--stats",), ()):
        container.runtime("events", *words, container.id).failed(f"container with id {container.id} is not running")


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    runtime("events", "nobody").failed("container does not exist")


@pytest.mark.parametrize(
    ("interval", "text"), [("0s", "duration interval must be greater than 0"), ("5", 'invalid value "5" for flag')]
)
def test_refuses_an_interval_that_is_none(container: Container, interval: str, text: str) -> None:
    container.up().runtime("events", "--interval", interval, container.id).failed(text)


@pytest.mark.differs("zeros would be a lie")
def test_refuses_a_container_without_a_cgroup(container: Container) -> None:
    container.bundle.linux.pop("resources")
    container.bundle.args("sleep", "1000")
    container.run("--detach", options=["--cgroup-manager=disabled"]).ok()

    container.runtime("events", "--stats", container.id).failed("has no cgroup: nothing is counted")


def test_prints_at_each_interval(container: Container, watching: Callable[..., Watcher]) -> None:
    container.up()
    begin = time.monotonic()
    watcher = watching("--interval", "150ms")

    events = [watcher.next() for _ in range(3)]

    assert [(event["type"], event["id"]) for event in events] == [("stats", container.id)] * 3
    assert all(event["data"]["pids"]["current"] == 1 for event in events)
    assert time.monotonic() - begin >= 0.45


@pytest.mark.differs("runc goes on until the container is deleted")
def test_ends_when_the_container_stops(container: Container, watching: Callable[..., Watcher]) -> None:
    container.up()
    watcher = watching("--interval=100ms")
    watcher.next()

    container.kill("KILL").ok()

    assert {event["type"] for event in watcher.rest()} <= {"stats"}
    assert container.status == "stopped"


def test_ends_when_the_container_is_deleted(container: Container, watching: Callable[..., Watcher]) -> None:
    container.up()
    watcher = watching("--interval=100ms")
    watcher.next()

    container.delete("--force").ok()

    watcher.rest()


@pytest.mark.differs("runc 1.1 waits out a long interval")
def test_does_not_wait_for_the_interval_to_end(container: Container, watching: Callable[..., Watcher]) -> None:
    container.up()
    watcher = watching("--interval=1h")
    wait_for(lambda: _waits(watcher), "events waits")

    container.kill("KILL").ok()

    assert watcher.rest() == []


def _waits(watcher: Watcher) -> bool:
    """Whether it polls the container."""
    descriptors = f"/proc/{watcher.process.pid}/fd"
    try:
        return any("pidfd" in os.readlink(f"{descriptors}/{fd}") for fd in os.listdir(descriptors))
    except FileNotFoundError:  # it has just closed one
        return False


@pytest.fixture
def small(container: Container) -> Container:
    """A container with 16 MiB of memory, and none of swap."""
    container.bundle.linux["resources"] = {"memory": {"limit": 16 * MEBIBYTE, "swap": 16 * MEBIBYTE}}
    return container


def test_tells_of_each_process_killed_for_want_of_memory(small: Container, watching: Callable[..., Watcher]) -> None:
    small.up()
    watcher = watching("--interval=100ms")
    watcher.next()

    for _ in range(2):
        assert small.exec(*_EAT).status == 137
        events = [watcher.next()]
        while events[-1]["type"] != "oom":
            events.append(watcher.next())
        assert events[-1] == {"type": "oom", "id": small.id}


@pytest.mark.differs("runc 1.1 may miss the last one")
def test_tells_of_it_when_the_container_ends_by_it(small: Container, watching: Callable[..., Watcher]) -> None:
    small.bundle.script("read line </go; exec " + " ".join(_EAT))
    os.mkfifo(small.bundle.rootfs / "go")
    small.up()
    watcher = watching("--interval=1h")
    wait_for(lambda: _waits(watcher), "events waits")

    (small.bundle.rootfs / "go").write_text("go\n")

    assert watcher.rest() == [{"type": "oom", "id": small.id}]


@pytest.mark.differs("runc counts no memory events")
def test_counts_those_killed_for_want_of_memory(small: Container) -> None:
    small.up()
    assert small.exec(*_EAT).status == 137

    found = data(small)["memory"]

    assert found["events"]["oom_kill"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_cleanly_when_interrupted(container: Container, watching: Callable[..., Watcher], number: int) -> None:
    container.up()
    watcher = watching("--interval=50ms")
    watcher.next()

    watcher.process.send_signal(number)

    assert watcher.process.wait(20) == -number
    assert watcher.process.stderr
    assert watcher.process.stderr.read() == ""
    assert container.status == "running"


def test_ends_quietly_when_nobody_reads(container: Container, watching: Callable[..., Watcher]) -> None:
    container.up()
    watcher = watching("--interval=50ms")
    watcher.next()
    assert watcher.process.stdout
    watcher.process.stdout.close()

    wait_for(lambda: watcher.process.poll() is not None, "the end of events", 20)

    assert watcher.process.stderr
    assert not re.search("Traceback|rror", watcher.process.stderr.read())


@pytest.mark.parametrize("words", [("--stats",), ("--interval", "50ms")])
def test_sees_new_limits(container: Container, watching: Callable[..., Watcher], words: tuple[str, ...]) -> None:
    container.up().runtime("update", "--pids-limit", "17", container.id).ok()

    event = watching(*words).next()

    assert event["data"]["pids"]["limit"] == 17
