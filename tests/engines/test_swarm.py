"""Services of docker's swarm on a single node: what it starts, replaces, updates and removes."""

from __future__ import annotations

import itertools
import os
import signal
import time

import pytest

from tests.support import limits
from tests.support.belongings import Belongings
from tests.support.container import cgroups_named
from tests.support.engines import HOME, IMAGE, Engine, host_pid
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "nat")

_PATIENCE = 30  # seconds for what the swarm decides
_SLEEP = (IMAGE, "sleep", "infinity")
_SERVE = (IMAGE, "sh", "-c", "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www")


@pytest.fixture(scope="module")
def swarm(docker: Engine) -> Iterator[Engine]:
    """docker as the only node of a swarm."""
    docker("swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377")
    yield docker
    docker("swarm", "leave", "--force")


@pytest.fixture
def made(swarm: Engine) -> Iterator[Belongings]:
    """What a test makes; removed afterwards."""
    belongings = Belongings(swarm)
    yield belongings
    belongings.remove()


def _running(made: Belongings, service: str, count: int) -> set[str]:
    """The containers of a *service* when there are *count* of them."""

    def found() -> set[str]:
        tasks = made.tasks(service)
        return tasks if len(tasks) == count else set()

    return wait_for(found, f"{count} tasks of {service}", _PATIENCE)


def _states(made: Belongings, service: str) -> list[str]:
    """What the swarm says of all tasks of a *service*, also of those that have ended."""
    words = ("service", "ps", "--no-trunc", "--format={{.CurrentState}}: {{.Error}}")
    return made.engine(*words, service).output.splitlines()


def test_service_is_scaled_up_and_down(made: Belongings) -> None:
    service = made.service("--replicas=2", *_SLEEP)
    two = _running(made, service, 2)

    made.engine("service", "scale", "--detach", f"{service}=12")
    twelve = _running(made, service, 12)
    made.engine("service", "scale", "--detach", f"{service}=1")
    one = _running(made, service, 1)

    assert two < twelve
    assert one < twelve
    wait_for(lambda: made.tasks(service, "--all") == one, "the end of the others", _PATIENCE)
    assert not any(cgroups_named(task) for task in twelve - one)


def test_nothing_is_left_of_a_removed_service(made: Belongings) -> None:
    service = made.service("--replicas=2", *_SLEEP)
    tasks = _running(made, service, 2)

    made.remove()

    assert not made.tasks(service, "--all")
    assert not any(cgroups_named(task) for task in tasks)


def test_killed_task_is_replaced(made: Belongings) -> None:
    service = made.service("--replicas=2", "--restart-delay=0s", *_SLEEP)
    before = _running(made, service, 2)
    killed, spared = before

    os.kill(host_pid(killed), signal.SIGKILL)

    wait_for(lambda: killed not in made.tasks(service), "the end of the killed task", _PATIENCE)
    assert spared in _running(made, service, 2)
    assert any("non-zero exit (137)" in state for state in _states(made, service))


def test_update_replaces_one_task_after_the_other(made: Belongings) -> None:
    options = ["--replicas=3", "--update-order=start-first", "--update-parallelism=1", "--update-monitor=10ms"]
    health = ["--health-cmd=test -e /ready", "--health-interval=100ms"]
    service = made.service(*options, *health, IMAGE, "sh", "-c", "touch /ready; exec sleep infinity")
    wait_for(lambda: len(made.tasks(service, "--filter=health=healthy")) == 3, "healthy tasks", _PATIENCE)
    before = made.tasks(service)

    with made.engine.place.watching(_changes(made, service)) as changes:
        made.engine("service", "update", "--detach", "--env-add=VERSION=2", service)
        wait_for(lambda: _update(made, service) == "completed", "the update", 2 * _PATIENCE)
        after = _running(made, service, 3)
        wait_for(lambda: changes.read_text().count("die") == 3, "the ends", _PATIENCE)
        events = changes.read_text().split()

    assert not after & before
    assert {made.execute(task, "sh", "-c", "echo $VERSION") for task in after} == {"2"}
    more_than_before = itertools.accumulate(1 if event == "start" else -1 for event in events)
    assert min(more_than_before) == 0, events


def _changes(made: Belongings, service: str) -> list[str]:
    """The command that prints when a task of the *service* starts and ends from now on."""
    label = f"--filter=label=com.docker.swarm.service.name={service}"
    return made.engine.command(["events", f"--since={time.time()}", "--format={{.Status}}", label,
                                "--filter=event=start", "--filter=event=die"])  # fmt: skip


def _update(made: Belongings, service: str) -> str:
    template = "{{with .UpdateStatus}}{{.State}}{{end}}"
    return made.engine("service", "inspect", f"--format={template}", service).output


def test_update_that_fails_is_taken_back(made: Belongings) -> None:
    service = made.service("--replicas=2", "--update-failure-action=rollback", "--restart-condition=none", *_SLEEP)
    _running(made, service, 2)

    made.engine("service", "update", "--detach", "--args=/missing", service)
    wait_for(lambda: _update(made, service) == "rollback_completed", "the old version", 2 * _PATIENCE)

    for task in _running(made, service, 2):
        assert made.execute(task, "cat", "/proc/1/cmdline").split("\0")[:2] == ["sleep", "infinity"]
    assert any("/missing" in state for state in _states(made, service))


def test_drained_node_runs_nothing_until_it_is_active_again(made: Belongings) -> None:
    service, node = made.service("--replicas=2", *_SLEEP), made.engine("node", "ls", "--quiet").output
    _running(made, service, 2)

    made.engine("node", "update", "--availability=drain", node)
    wait_for(lambda: not made.tasks(service), "a drained node", _PATIENCE)
    made.engine("node", "update", "--availability=active", node)

    _running(made, service, 2)


def test_task_has_the_limits_of_its_service(made: Belongings) -> None:
    service = made.service("--limit-memory=32m", "--limit-cpu=0.5", "--limit-pids=20", *_SLEEP)

    (task,) = _running(made, service, 1)

    limits.assert_limits(host_pid(task), limits.files(memory=32, cpus=0.5, pids=20))


def test_secrets_and_configurations_are_files_of_the_task(made: Belongings) -> None:
    made.engine("secret", "create", "password", "-", stdin="unspoken")
    made.engine("config", "create", "settings", "-", stdin="colour = blue")
    secret = "source=password,target=word,uid=1000,gid=1000,mode=0400"  # noqa: S105
    config = "source=settings,target=/etc/app.conf"
    service = made.service(f"--secret={secret}", f"--config={config}", "--user=alice", *_SLEEP)

    (task,) = _running(made, service, 1)

    assert made.execute(task, "cat", "/run/secrets/word", "/etc/app.conf") == "unspokencolour = blue"
    assert made.execute(task, "stat", "-c", "%A %U", "/run/secrets/word") == "-r-------- alice"
    assert made.execute(task, "stat", "-f", "-c", "%T", "/run/secrets/word") == "tmpfs"
    made.remove()
    made.engine("secret", "rm", "password")
    made.engine("config", "rm", "settings")


@pytest.mark.needs("vxlan")
def test_tasks_of_a_network_find_each_other(made: Belongings) -> None:
    here, there = (made.network("--driver=overlay", "--attachable") for _ in range(2))
    names = ["--endpoint-mode=dnsrr", "--hostname={{.Task.ID}}"]
    service = made.service("--replicas=2", f"--network={here}", *names, *_SERVE)
    near, far = (made.container(f"--network={network}", *_SLEEP) for network in (here, there))
    address = f'{{{{(index .NetworkSettings.Networks "{here}").IPAddress}}}}'
    tasks = {made.inspect(task, address): made.execute(task, "hostname") for task in _running(made, service, 2)}

    wait_for(lambda: all(made.reaches(near, task) for task in tasks), "the servers", _PATIENCE)

    found = {task: made.execute(near, "wget", "-q", "-O-", f"http://{task}/") for task in tasks}
    assert found == tasks
    assert not any(made.reaches(far, task) for task in tasks)
    named = made.execute(near, "nslookup", service)
    assert all(task in named for task in tasks)


def test_port_is_published_by_the_task(made: Belongings) -> None:
    service = made.service("--publish=mode=host,target=80,published=8080", "--hostname=server", *_SERVE)
    _running(made, service, 1)

    wait_for(lambda: made.fetch("http://127.0.0.1:8080/") == "server", "the page")


def _forward(made: Belongings) -> None:
    """Let the mesh pass answers on. New namespaces have this from the machine's first one, where ours is not set."""
    mesh = f"{HOME}/docker/exec/netns/ingress_sbox"
    made.engine.place.run(["nsenter", f"--net={mesh}", "sysctl", "--write", "net.ipv4.ip_forward=1"]).ok()


@pytest.mark.needs("ipvs")
def test_port_is_published_by_the_routing_mesh(made: Belongings) -> None:
    service = made.service("--replicas=2", "--publish=target=80,published=8081", "--hostname={{.Task.Slot}}", *_SERVE)
    _running(made, service, 2)
    _forward(made)
    answers = set()

    def both() -> bool:
        answers.add(made.fetch("http://127.0.0.1:8081/"))
        return {"1", "2"} <= answers

    wait_for(both, "answers of both tasks", _PATIENCE)
