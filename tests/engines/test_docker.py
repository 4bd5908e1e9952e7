"""docker run and what follows it: a container's life under dockerd."""

from __future__ import annotations

import json
import signal

import pytest

from tests.support import engines, limits
from tests.support.docker import SERVE
from tests.support.engines import HOME, IMAGE
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.docker import DockerContainer
    from tests.support.engines import Docker


def test_prints_what_the_program_prints_and_ends_as_it_ends(box: DockerContainer) -> None:
    said = box.run("sh", "-c", "cat; echo aside >&2; exit 3", options=("--interactive",), stdin="to you\n")

    assert (said.status, said.stdout, said.stderr) == (3, "to you\n", "aside\n")


def test_uses_the_runtime_under_test(box: DockerContainer) -> None:
    box.up()

    root = f"{HOME}/docker/exec/runtime-runc/moby"  # whatever it is called
    state = json.loads(box.docker.place.run([box.docker.runtime, "--root", root, "state", box.id]).ok().stdout)

    assert state["status"] == "running"
    assert box.inspect()["HostConfig"]["Runtime"] == "pyoci"


def test_a_runtime_is_chosen_for_one_container(box: DockerContainer) -> None:
    assert box.run("echo", "said", options=("--runtime=runc",)).ok().output == "said"


@pytest.mark.differs("docker shows what the runtime says of itself")
def test_info_shows_the_runtime(docker: Docker) -> None:
    found = json.loads(docker("info", "--format={{json .}}").stdout)

    assert found["DefaultRuntime"] == "pyoci"
    assert found["Runtimes"]["pyoci"]["path"] == docker.runtime


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        pytest.param("/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory', id="no such path"),
        pytest.param("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH', id="no such name"),
        pytest.param("/etc", 126, 'exec: "/etc": permission denied', id="a directory"),
        pytest.param("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied', id="not executable"),
    ],
)
def test_a_program_that_cannot_run_has_a_status_of_its_own(
    box: DockerContainer, command: str, status: int, text: str
) -> None:
    box.run(command).failed("OCI runtime create failed", text, status=status)


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        pytest.param(("--no-such-option",), 125, "unknown flag", id="refused by the client"),
        pytest.param(("--memory=1k",), 125, "Minimum memory limit", id="refused by the daemon"),
        pytest.param(("--sysctl=kernel.shmmax=much",), 125, "invalid argument", id="refused by the runtime"),
        pytest.param(("--device=/no/such/device",), 127, "no such file or directory", id="not there"),
        pytest.param(("-v", f"{HOME}/volume:/etc/passwd"), 125, "Are you trying to mount a directory onto a file",
                     id="a directory on a file"),
    ],
)
def test_what_cannot_be_made_is_told(
    box: DockerContainer, options: tuple[str, ...], status: int, text: str
) -> None:
    box.run("true", options=options).failed(text, status=status)


def test_a_program_that_is_killed_ends_with_128_and_the_signal(box: DockerContainer) -> None:
    box.up()

    box("kill")

    assert box("wait").output == str(128 + signal.SIGKILL)


def test_logs_follow_the_program(box: DockerContainer) -> None:
    box.up(script="echo ready; echo aside >&2; sleep 1000")

    assert (box("logs").stdout, box("logs").stderr) == ("ready\n", "aside\n")


def test_stop_signals_and_waits(box: DockerContainer) -> None:
    box.up()

    box("stop")

    assert (box.state["Status"], box.state["ExitCode"]) == ("exited", 7)


def test_stop_kills_what_does_not_listen(box: DockerContainer) -> None:
    box.up(script="echo ready; sleep 1000")

    box("stop", "--time=0")

    assert box.state["ExitCode"] == 128 + signal.SIGKILL


def test_stop_sends_the_signal_that_was_chosen(box: DockerContainer) -> None:
    box.up("--stop-signal=USR2", script="trap 'exit 12' USR2; echo ready; while true; do sleep 0.05; done")

    box("stop")

    assert box.state["ExitCode"] == 12


def test_a_signal_reaches_the_program(box: DockerContainer) -> None:
    box.up()

    box("kill", "--signal=USR1")

    box.wait_for("heard USR1")


def test_a_stopped_container_starts_again(box: DockerContainer) -> None:
    box.up()

    box("restart")

    wait_for(lambda: box("logs").stdout.count("ready") == 2, "the second start")
    assert box.state["Running"]


def test_a_created_container_starts_later_and_is_attached(box: DockerContainer) -> None:
    box.docker("create", "--name", box.name, "--network=none", IMAGE, "sh", "-c", "echo late; exit 4")
    assert box.state["Status"] == "created"

    said = box.docker.attempt("start", "--attach", box.name)

    assert (said.status, said.output) == (4, "late")


def test_pause_stops_all_processes_until_unpause(box: DockerContainer) -> None:
    box.up(script="echo ready; while sleep 0.01; do echo tick; done")

    box("pause")
    assert box.state["Status"] == "paused"
    assert "is paused" in box.execute("true").stderr
    box("unpause")
    ticks = box("logs").stdout.count("tick")

    wait_for(lambda: box("logs").stdout.count("tick") > ticks, "another tick")


def test_a_paused_container_is_stopped_and_removed(box: DockerContainer) -> None:
    box.up()
    box("pause")

    box("rm", "--force")

    assert not box.leftovers()


def test_remove_on_exit_leaves_nothing(box: DockerContainer) -> None:
    box.up("--rm")

    box("stop")

    wait_for(lambda: box.name not in box.docker("ps", "--all").stdout, "the removal")
    assert not box.leftovers()


def test_a_failing_program_is_restarted_as_often_as_asked(box: DockerContainer) -> None:
    box.up("--restart=on-failure:2", script="echo ready; exit 9")

    box.wait_for_state("Status", "exited")

    assert (box.inspect()["RestartCount"], box.state["ExitCode"]) == (2, 9)
    assert box("logs").stdout.count("ready") == 3


@pytest.mark.parametrize(("test", "health"), [("true", "healthy"), ("echo bad news; exit 1", "unhealthy")])
def test_health_is_what_its_check_says(box: DockerContainer, test: str, health: str) -> None:
    box.up(f"--health-cmd={test}", "--health-interval=100ms", "--health-retries=1")

    wait_for(lambda: box.state["Health"]["Status"] == health, health, 20)

    assert "bad news" in json.dumps(box.state["Health"]) or health == "healthy"


def test_an_init_forwards_signals_and_reaps(box: DockerContainer) -> None:
    box.up("--init", script=f"(sleep 0.01 &); {SERVE}")

    wait_for(lambda: "Z" not in box.execute("ps", "-o", "stat").stdout, "the end of the orphan")
    assert box.execute("cat", "/proc/1/comm").output == "docker-init"
    box("stop")

    assert box.state["ExitCode"] == 7


def test_top_shows_the_processes(box: DockerContainer) -> None:
    box.up(script="sleep 1001 & echo ready; wait")

    shown = box.docker("top", box.name, "-o", "pid,args").output.splitlines()[1:]

    assert [line.split(None, 1)[1] for line in shown] == ["sh -c sleep 1001 & echo ready; wait", "sleep 1001"]


def test_stats_count_what_it_uses(box: DockerContainer) -> None:
    box.up("--memory=64m", "--pids-limit=33")

    found = json.loads(box("stats", "--no-stream", "--format={{json .}}").stdout)

    assert found["MemUsage"].endswith("/ 64MiB")
    assert int(found["PIDs"]) in {1, 2}


def test_the_kill_for_want_of_memory_is_told(box: DockerContainer) -> None:
    box.up("--memory=16m", script="echo ready; exec tail /dev/zero")

    box.wait_for_state("Running", False)

    assert (box.state["OOMKilled"], box.state["ExitCode"]) == (True, 128 + signal.SIGKILL)


def test_limits_are_changed_while_it_runs(box: DockerContainer) -> None:
    box.up("--memory=64m", "--memory-swap=64m")
    pid = engines.host_pid(box.id)

    box("update", "--memory=96m", "--memory-swap=128m", "--cpus=0.25", "--cpu-shares=512", "--cpuset-cpus=0",
        "--pids-limit=17", "--restart=no")

    limits.assert_limits(pid, {
        "memory.limit_in_bytes": str(96 << 20), "memory.memsw.limit_in_bytes": str(128 << 20),
        "cpu.cfs_quota_us": "25000", "cpu.shares": "512", "cpuset.cpus": "0", "pids.max": "17",
        "memory.max": str(96 << 20), "memory.swap.max": str(32 << 20), "cpu.max": "25000 100000",
    })  # fmt: skip


def test_exec_prints_and_ends_as_its_program(box: DockerContainer) -> None:
    box.up("--env=GIVEN=value")

    said = box.execute("sh", "-c", "echo $GIVEN; echo aside >&2; exit 5")

    assert (said.status, said.stdout, said.stderr) == (5, "value\n", "aside\n")


@pytest.mark.parametrize(
    ("options", "script", "expected"),
    [
        pytest.param(("--user=alice",), "id -u; id -g; echo $HOME", "1000\n1000\n/home/alice", id="user"),
        pytest.param(("--user=1234:29",), "id -u; id -g", "1234\n29", id="numbers"),
        pytest.param(("--workdir=/tmp",), "pwd", "/tmp", id="workdir"),
        pytest.param(("--env=A=1", "--env=B=2"), "echo $A$B", "12", id="env"),
        pytest.param(
            ("--privileged",), "mount -t tmpfs t /tmp && echo may", "may", id="privileged",
            marks=pytest.mark.differs("runc gives all capabilities or none, where the machine itself lacks one"),
        ),
        pytest.param((), "mount -t tmpfs t /tmp", "mount: permission denied (are you root?)", id="unprivileged"),
    ],
)
def test_exec_has_options_of_its_own(
    box: DockerContainer, options: tuple[str, ...], script: str, expected: str
) -> None:
    box.up("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined")

    assert box.execute("sh", "-c", f"exec 2>&1; {script}", options=options).output == expected


@pytest.mark.parametrize(
    ("command", "text"),
    [
        pytest.param("/no/such", "no such file or directory", id="no such path"),
        pytest.param("nosuch", "executable file not found in $PATH", id="no such name"),
        pytest.param("/etc/passwd", "permission denied", id="not executable"),
    ],
)
def test_exec_of_a_program_that_cannot_run(box: DockerContainer, command: str, text: str) -> None:
    box.up()

    said = box.execute(command)

    assert said.status in {126, 127}  # docker 20.10 has but one for all of them
    assert f'exec: "{command}": ' in said.stdout
    assert text in said.stdout


def test_exec_in_the_background_goes_on(box: DockerContainer) -> None:
    box.up()

    box.execute("sh", "-c", "sleep 0.1; touch /done", options=("--detach",)).ok()

    wait_for(lambda: box.execute("test", "-e", "/done").status == 0, "the work in the background")


def test_a_terminal_talks_and_has_the_size_of_the_one_outside(box: DockerContainer) -> None:
    script = "tty; until stty size | grep '33 99'; do sleep 0.05; done; read line; echo got $line; exit 4"
    words = ("run", "--rm", "-it", "--network=none", "--name", box.name, IMAGE, "sh", "-c", script)
    with box.docker.on_terminal(*words) as (terminal, process):
        terminal.read_until("/dev/pts/0")
        terminal.read_until("33 99")
        terminal.write("a line\n")
        terminal.read_until("got a line")

        assert process.wait(20) == 4


def test_exec_has_a_terminal_whose_size_follows(box: DockerContainer) -> None:
    box.up()

    script = "while sleep 0.05; do stty size; done"
    with box.docker.on_terminal("exec", "-it", box.name, "sh", "-c", script) as (terminal, _process):
        terminal.read_until("33 99")  # now docker attends to signals
        terminal.resize(44, 111)

        terminal.read_until("44 111")


def test_attach_takes_over_the_terminal_and_leaves_again(box: DockerContainer) -> None:
    box.up("-it", script="echo ready; while read word; do echo $((word * 2)); done")

    with box.docker.on_terminal("attach", box.name) as (terminal, process):
        terminal.write("21\n")
        terminal.read_until("42")
        terminal.write("\x10\x11")  # ^P^Q
        terminal.read_until("read escape sequence")

        process.wait(20)
    assert box.state["Running"]


def test_files_are_copied_in_and_out(box: DockerContainer) -> None:
    box.up()
    box.docker.place.write("given", "some text")

    box.docker("cp", f"{HOME}/given", f"{box.name}:/tmp/there")
    box.docker("cp", f"{box.name}:/tmp/there", f"{HOME}/back")

    assert box.execute("cat", "/tmp/there").output == "some text"
    assert box.docker.place.inside(f"{HOME}/back").read_text() == "some text"


def test_what_changed_is_told_and_becomes_an_image(box: DockerContainer) -> None:
    box.up()
    box.execute("sh", "-c", "echo new > /new; rm /etc/group").ok()

    image = f"localhost/{box.name}"
    changes = box("diff").output.splitlines()
    box.docker("commit", box.name, image)

    assert sorted(line for line in changes if "/root" not in line) == ["A /new", "C /etc", "D /etc/group"]
    box.remove()
    assert box.run("cat", "/new", image=image).output == "new"
    box.docker("rmi", image)


def test_events_tell_of_every_step(box: DockerContainer) -> None:
    box.up()
    box.execute("true").ok()
    box("pause")
    box("unpause")
    box("stop")
    box("rm")

    shown = ("--since=10m", "--until=0s", "--filter", f"container={box.name}", "--format={{.Action}}")
    wait_for(lambda: "destroy" in box.docker("events", *shown).stdout, "the last event")
    *life, end, stop, last = box.docker("events", *shown).stdout.splitlines()
    assert life == [
        "create", "start", "exec_create: true ", "exec_start: true ", "exec_die", "pause", "unpause", "kill",
    ]  # fmt: skip
    assert {end, stop} == {"die", "stop"}  # in no order
    assert last == "destroy"


def test_namespaces_of_another_container_are_joined(
    box: DockerContainer, new_box: Callable[[], DockerContainer]
) -> None:
    other = new_box().up("--ipc=shareable", script="echo ready; exec sleep 1001")
    joined = tuple(f"--{kind}=container:{other.name}" for kind in ("pid", "ipc", "network"))

    said = box.run("sh", "-c", "for kind in pid ipc net; do readlink /proc/self/ns/$kind; done; ps", options=joined)

    names = other.execute("sh", "-c", "for kind in pid ipc net; do readlink /proc/self/ns/$kind; done").stdout
    assert said.stdout.startswith(names)
    assert "sleep 1001" in said.stdout


def test_volumes_of_another_container_are_joined(
    box: DockerContainer, new_box: Callable[[], DockerContainer]
) -> None:
    other = new_box().up("-v", "/kept")
    other.execute("sh", "-c", "echo shared > /kept/file").ok()

    assert box.run("cat", "/kept/file", options=("--volumes-from", other.name)).output == "shared"


@pytest.mark.needs("nat")
def test_containers_reach_each_other_over_a_network(
    box: DockerContainer, new_box: Callable[[], DockerContainer]
) -> None:
    script = "echo a page > /tmp/index.html; httpd -p 80 -h /tmp; echo ready; exec sleep 1000"
    server = new_box().up("--network=bridge", "-p", "127.0.0.1:8213:80", script=script)
    address = server.inspect()["NetworkSettings"]["IPAddress"]

    assert box.run("wget", "-qO-", f"http://{address}", options=("--network=bridge",)).output == "a page"
    assert box.docker.place.run(["busybox", "wget", "-qO-", f"http://{address}"]).output == "a page"
