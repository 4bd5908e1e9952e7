"""ctr run and what follows it: a task's life under containerd's shim, and the options that reach the runtime."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess

import pytest

from tests.support import engines, limits, rootfs
from tests.support.bundle import default_config
from tests.support.container import cgroups_named
from tests.support.engines import HOME, IMAGE
from tests.support.grpc_client import Client
from tests.support.runtime import Result
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from tests.support.engines import Containerd

_CAPABILITIES = "grep CapEff /proc/self/status | cut -f 2"
_SECURITY = "grep -E 'NoNewPrivs|^Seccomp:' /proc/self/status | tr '\\t' ' '"
_SERVE = "trap 'exit 7' TERM; trap 'echo heard USR1' USR1; echo ready; while true; do sleep 0.05; done"


class Task:
    """One container of ctr and its task."""

    def __init__(self, ctr: Containerd, name: str) -> None:
        self.ctr = ctr
        self.name = name
        self.log = ctr.place.inside(f"{HOME}/{name}.log")

    def logged(self, *words: str, rest: tuple[str, ...]) -> Result:
        """Let the shim write down what is printed: of a program that ends soon, ctr now and then prints nothing."""
        log = f"{HOME}/{self.name}.{words[0]}.log"
        self.ctr.place.inside(log).write_text("")
        said = self.ctr.attempt(*words, "--log-uri", f"file://{log}", *rest)
        return Result(said.command, said.status, self.ctr.place.inside(log), said._stderr)

    def run(self, *words: str, options: tuple[str, ...] = (), image: str = IMAGE) -> Result:
        """Run *words* to their end, and remove the container."""
        return self.logged("run", "--rm", *options, rest=(image, self.name, *words))

    def execute(self, *words: str, options: tuple[str, ...] = ()) -> Result:
        """Run *words* in the container."""
        return self.logged("task", "exec", "--exec-id", "other", *options, rest=(self.name, *words))

    def up(self, *options: str, script: str = _SERVE) -> Task:
        """Start *script* and wait until it says that it is ready."""
        log = ("--log-uri", f"file://{HOME}/{self.log.name}")
        self.ctr("run", "-d", *log, *options, IMAGE, self.name, "sh", "-c", script)
        return self.wait_for("ready")

    def wait_for(self, text: str) -> Task:
        """Wait until the program has printed *text*."""
        wait_for(lambda: self.log.exists() and text in self.log.read_text(), f"{text!r} of {self.name}")
        return self

    def __call__(self, verb: str, *words: str) -> Result:
        """Do something to the task: ``task("kill", "-s", "USR1")``."""
        return self.ctr("task", verb, *words, self.name)

    @property
    def status(self) -> str:
        """What `task ls` says."""
        lines = (line.split() for line in self.ctr("task", "ls").output.splitlines())
        return next((words[2] for words in lines if words[0] == self.name), "")

    def wait_for_status(self, status: str) -> None:
        """Wait until the task is *status*."""
        wait_for(lambda: self.status == status, f"{self.name} is {status}")

    def metrics(self) -> dict[str, Any]:
        """The metrics, under the shim's names, which differ with the version of cgroups."""
        found: dict[str, Any] = json.loads(self("metrics", "--format=json").stdout)
        return found

    def remove(self) -> None:
        """Remove what is left of it."""
        if self.status:
            self.ctr("task", "delete", "--force", self.name)
        if self.name in self.ctr("container", "ls", "--quiet").output.split():
            self.ctr("container", "delete", self.name)

    def leftovers(self) -> list[str]:
        """What there is of it in the runtime's directory and in cgroups."""
        state = self.ctr.place.inside(f"/run/containerd/runc/{self.ctr.place.cgroup}/{self.name}")
        return [*cgroups_named(self.name), *([str(state)] if state.exists() else [])]


@pytest.fixture
def task(containerd: Containerd, new_id: Callable[[], str]) -> Iterator[Task]:
    """A task that is not yet started; it is removed afterwards, and then nothing may be left of it."""
    made = Task(containerd, new_id())
    yield made
    made.remove()
    assert not made.leftovers()


def test_prints_what_the_program_prints_and_ends_as_it_ends(task: Task) -> None:
    script = "echo to you; echo aside >&2; read word; exit $word"
    command = task.ctr.place.command(task.ctr.command(["run", "--rm", IMAGE, task.name, "sh", "-c", script]))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "to you\n"
        assert process.stderr.readline() == "aside\n"

        process.stdin.write("3\n")
        process.stdin.flush()

        assert process.wait(20) == 3
    assert not task.leftovers()


def test_uses_the_runtime_under_test(task: Task) -> None:
    task.up()

    root = f"/run/containerd/runc/{task.ctr.place.cgroup}"
    state = json.loads(task.ctr.place.run([task.ctr.runtime, "--root", root, "state", task.name]).ok().stdout)

    assert (state["id"], state["status"]) == (task.name, "running")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        pytest.param("/no/such", "stat /no/such: no such file or directory", id="path that is not there"),
        pytest.param("nosuch", "executable file not found in $PATH", id="name that is not there"),
        pytest.param("/etc/passwd", "permission denied", id="not executable"),
    ],
)
def test_tells_why_a_program_cannot_run(task: Task, command: str, text: str) -> None:
    task.run(command).failed("OCI runtime create failed", f'exec: "{command}": ', text)

    assert not task.leftovers()


def test_a_detached_task_is_listed_until_it_is_deleted(task: Task) -> None:
    task.up()
    assert task.status == "RUNNING"

    task("kill")
    task.wait_for_status("STOPPED")
    task("delete")

    assert not task.status
    assert not task.leftovers()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        pytest.param(("-s", "TERM"), 7, id="caught"),
        pytest.param(("-s", "SIGKILL"), 128 + signal.SIGKILL, id="by name"),
        pytest.param(("-s", "9", "--all"), 128 + signal.SIGKILL, id="all by number"),
    ],
)
def test_the_exit_status_arrives_when_the_task_is_deleted(task: Task, words: tuple[str, ...], status: int) -> None:
    task.up()

    task("kill", *words)
    task.wait_for_status("STOPPED")

    assert f"exit with non-zero exit code {status}" in task("delete").stderr


def test_a_signal_reaches_the_program(task: Task) -> None:
    task.up()

    task("kill", "-s", "USR1")

    task.wait_for("heard USR1")


def test_a_signal_for_all_reaches_every_process(task: Task) -> None:
    heard = "trap 'echo {0} heard' USR1; echo {0} ready; while true; do sleep 0.05; done"
    task.up(script=f"({heard.format('child')}) & {heard.format('parent')}").wait_for("child ready")

    task("kill", "-s", "USR1", "--all")

    task.wait_for("child heard").wait_for("parent heard")


def test_ps_shows_every_process(task: Task) -> None:
    task.up(script="sleep 100 & sleep 100 & echo ready; wait")

    pids = [line.split()[0] for line in task("ps").output.splitlines()[1:]]

    assert len(pids) == len(_members(task)) == 3


def _members(task: Task) -> list[str]:
    (group, *_others) = cgroups_named(task.name)
    with open(f"{group}/cgroup.procs", encoding="ascii") as file:
        return file.read().split()


def test_pause_stops_all_processes_until_resume(task: Task) -> None:
    task.up(script="echo ready; while sleep 0.01; do echo tick; done")

    task("pause")
    assert task.status == "PAUSED"
    assert task.execute("true").status != 0
    task("resume")
    ticks = task.log.read_text().count("tick")

    assert task.status == "RUNNING"
    wait_for(lambda: task.log.read_text().count("tick") > ticks, "another tick")


def test_a_paused_task_is_killed(task: Task) -> None:
    task.up()

    task("pause")
    task("kill", "-s", "KILL")

    task.wait_for_status("STOPPED")


def test_delete_by_force_ends_a_running_task(task: Task) -> None:
    task.up()

    task("delete", "--force")

    assert not task.leftovers()


def test_exec_prints_and_ends_as_its_program(task: Task) -> None:
    task.up("--env", "GIVEN=value")

    said = task.execute("sh", "-c", "echo $GIVEN; cat /proc/1/comm; exit 5")

    assert (said.status, said.output.split()) == (5, ["value", "sh"])


def test_exec_has_a_user_and_a_directory_of_its_own(task: Task) -> None:
    task.up()

    said = task.execute("sh", "-c", "id -u; id -g; pwd", options=("--user", "1000:29", "--cwd", "/tmp"))

    assert said.output.split() == ["1000", "29", "/tmp"]


def test_exec_tells_why_a_program_cannot_run(task: Task) -> None:
    task.up()

    task.execute("/no/such").failed("OCI runtime exec failed", 'exec: "/no/such": ', "no such file or directory")


def test_one_process_of_exec_is_signalled(task: Task) -> None:
    task.up()
    task.execute("sh", "-c", "touch /execing; exec sleep 100", options=("--detach",)).ok()
    wait_for(
        lambda: task.ctr.attempt("task", "exec", "--exec-id", "look", task.name, "test", "-e", "/execing").status == 0,
        "the process of exec",
    )

    task("kill", "-s", "KILL", "--exec-id", "other")

    wait_for(lambda: len(_members(task)) <= 2, "the end of the process of exec")
    assert task.status == "RUNNING"


def test_a_terminal_talks_and_has_the_size_of_the_one_outside(task: Task) -> None:
    script = "tty; until stty size | grep '33 99'; do sleep 0.05; done; read line; echo got $line; exit 4"
    with task.ctr.on_terminal("run", "--rm", "-t", IMAGE, task.name, "sh", "-c", script) as (terminal, process):
        terminal.read_until("/dev/pts/0")
        terminal.read_until("33 99")
        terminal.write("a line\n")
        terminal.read_until("got a line")

        assert process.wait(20) == 4


def test_the_size_of_a_terminal_follows_the_one_outside(task: Task) -> None:
    script = "while sleep 0.05; do stty size; done"
    with task.ctr.on_terminal("run", "--rm", "-t", IMAGE, task.name, "sh", "-c", script) as (terminal, process):
        terminal.read_until("33 99")  # now ctr attends to signals

        terminal.resize(44, 111)

        terminal.read_until("44 111")
        task("kill", "-s", "KILL")
        assert process.wait(20) == 128 + signal.SIGKILL


def test_attach_takes_over_the_terminal(task: Task) -> None:
    with task.ctr.on_terminal("run", "-d", "-t", IMAGE, task.name, "sh") as (_terminal, process):
        assert process.wait(20) == 0

    with task.ctr.on_terminal("task", "attach", task.name) as (terminal, process):
        terminal.write("echo $((6 * 7)); exit 6\n")
        terminal.read_until("42")

        assert process.wait(20) == 6


def test_exec_has_a_terminal_of_its_own(task: Task) -> None:
    task.up()

    with task.ctr.on_terminal("task", "exec", "-t", "--exec-id", "t", task.name, "sh") as (terminal, process):
        terminal.write("tty; exit 8\n")
        terminal.read_until("/dev/pts/0")

        assert process.wait(20) == 8


def test_metrics_count_what_the_task_uses(task: Task) -> None:
    task.up("--memory-limit", str(64 << 20))

    found = task.metrics()

    assert found["pids"]["current"] >= 1
    limit = found["memory"]["usage"]["limit"] if limits.places(os.getpid()).get("memory") else found["memory"]
    assert limit == 64 << 20 or limit["usage_limit"] == 64 << 20


@contextlib.contextmanager
def _events(ctr: Containerd) -> Iterator[Path]:
    """The file with containerd's events, once some arrive."""
    with ctr.place.watching(ctr.command(["events"])) as said:
        wait_for(lambda: ctr("image", "label", IMAGE, "seen=yes") and said.read_text(), "an event")
        yield said


def test_events_tell_of_every_step(task: Task) -> None:
    with _events(task.ctr) as said:
        task.up()
        task.execute("true").ok()
        task("pause")
        task("resume")
        task("kill")
        task.wait_for_status("STOPPED")
        task("delete")

        wait_for(lambda: "delete" in _topics(said.read_text(), task.name), "the last event")
    expected = ["create", "start", "exec-added", "exec-started", "exit", "paused", "resumed", "exit", "delete"]
    assert _topics(said.read_text(), task.name) == expected


def test_an_event_tells_of_an_oom_kill(task: Task) -> None:
    with _events(task.ctr) as said:
        wait = "until [ -e /started ]; do sleep 0.05; done"  # the shim listens once the task has been started
        task.up("--memory-limit", str(16 << 20),
                script=f"echo ready; {wait}; tail /dev/zero; echo status $?; sleep 100")  # fmt: skip
        task.execute("touch", "/started").ok()

        task.wait_for("status 137")

        wait_for(lambda: "oom" in _topics(said.read_text(), task.name), "the event")


def _topics(events: str, name: str) -> list[str]:
    """The names of the events of one task, in their order."""
    topics = (line.split("/tasks/")[1].split()[0] for line in events.splitlines() if "/tasks/" in line and name in line)
    return list(topics)


@pytest.mark.parametrize(
    ("options", "script", "expected"),
    [
        pytest.param(("--env", "A=1", "--env", "B=two words"), 'echo "$A|$B"', "1|two words", id="env"),
        pytest.param(("--cwd", "/tmp"), "pwd", "/tmp", id="cwd"),
        pytest.param(("--read-only",), "touch /new 2>&1", "touch: /new: Read-only file system", id="read-only"),
        pytest.param(
            ("--mount", f"type=bind,src={HOME}/volume,dst=/mnt,options=rbind:ro"),
            "ls /mnt; touch /mnt/new 2>&1", "inside\ntouch: /mnt/new: Read-only file system", id="bind",
        ),
        pytest.param(
            ("--mount", "type=tmpfs,src=tmpfs,dst=/scratch,options=size=64k:noexec"),
            "grep /scratch /proc/mounts | cut -d ' ' -f 3,4 | sed s/,inode64//",
            "tmpfs rw,noexec,relatime,size=64k", id="tmpfs",
        ),
        pytest.param(("--net-host",), "readlink /proc/self/ns/net", "@net", id="net-host"),
        pytest.param(
            ("--with-ns", "network:/proc/1/ns/net", "--with-ns", "ipc:/proc/1/ns/ipc"),
            "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc", "@net\n@ipc", id="with-ns",
        ),
        pytest.param(("--cap-add", "CAP_SYS_TIME"), _CAPABILITIES, "00000000aa0425fb", id="cap-add"),
        pytest.param(("--cap-drop", "CAP_CHOWN"), _CAPABILITIES, "00000000a80425fa", id="cap-drop"),
        pytest.param(("--device", "/dev/cpu_dma_latency"), "head -c 0 /dev/cpu_dma_latency && echo opened", "opened",
                     id="device"),
        pytest.param((), "mknod /mine c 10 235; head -c 1 /mine", "head: /mine: Operation not permitted",
                     id="no device"),
        pytest.param((), _SECURITY, "NoNewPrivs: 1\nSeccomp: 0", id="no new privileges"),
        pytest.param(("--allow-new-privs",), _SECURITY, "NoNewPrivs: 0\nSeccomp: 0", id="allow-new-privs"),
        pytest.param(("--seccomp",), _SECURITY, "NoNewPrivs: 1\nSeccomp: 2", id="seccomp"),
        pytest.param(("--no-pivot",), "ls -d /bin /run/engine", "ls: /run/engine: No such file or directory\n/bin",
                     id="no-pivot"),
        pytest.param(("--privileged",), "grep -c ' /sys sysfs rw' /proc/mounts", "1", id="privileged"),
        pytest.param(("--label", "a=b", "--annotation", "c=d"), "echo fine", "fine", id="label"),
    ],
)  # fmt: skip
def test_options(task: Task, options: tuple[str, ...], script: str, expected: str) -> None:
    for kind in ("net", "ipc"):
        expected = expected.replace(f"@{kind}", os.readlink(f"/proc/{task.ctr.place.pid}/ns/{kind}"))

    said = task.run("sh", "-c", f"exec 2>&1; {script}", options=options)

    assert said.output == expected


def test_a_seccomp_profile_of_ones_own_is_obeyed(task: Task) -> None:
    call = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}
    profile = task.ctr.place.write("profile.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [call]}))

    said = task.run("mkdir", "/new", options=("--seccomp", "--seccomp-profile", profile))

    assert "No space left on device" in said.output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            ("--memory-limit", "67108864"), {"memory.limit_in_bytes": "67108864", "memory.max": "67108864"}, id="memory"
        ),
        pytest.param(("--cpus", "0.5"), {"cpu.cfs_quota_us": "50000", "cpu.max": "50000 100000"}, id="cpus"),
        pytest.param(
            ("--cpu-period", "50000", "--cpu-quota", "20000"),
            {"cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "50000", "cpu.max": "20000 50000"}, id="quota",
        ),
        pytest.param(("--cpu-shares", "512"), {"cpu.shares": "512", "cpu.weight": "59"}, id="shares"),
    ],
)  # fmt: skip
def test_limits(task: Task, options: tuple[str, ...], expected: dict[str, str]) -> None:
    task.up(*options)

    limits.assert_limits(engines.host_pid(task.name), expected)


@pytest.mark.needs("grpc")
def test_limits_are_changed_while_the_task_runs(task: Task) -> None:
    task.up("--memory-limit", "67108864")
    resources = {"memory": {"limit": 96 << 20}, "cpu": {"quota": 25000, "period": 100000}, "pids": {"limit": 17}}
    kind = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
    document = {"type_url": kind, "value": json.dumps(resources).encode()}
    namespace = [("containerd-namespace", task.ctr.place.cgroup)]
    tasks = Client("tests/support/tasks.proto", "Tasks", task.ctr.place.inside(task.ctr.socket), namespace)

    tasks("Update", request="UpdateTaskRequest", container_id=task.name, resources=document)

    tasks.close()
    limits.assert_limits(engines.host_pid(task.name), limits.files(memory=96, cpus=0.25, pids=17))


def test_the_cgroup_is_the_one_asked_for(task: Task) -> None:
    path = f"/{task.ctr.place.cgroup}/deep/er/{task.name}"

    said = task.run("cat", "/proc/self/cgroup", options=("--cgroup", path))

    assert {line.split(":")[2] for line in said.output.splitlines()} == {path}


def test_a_root_filesystem_without_an_image(task: Task) -> None:
    tree = rootfs.make(task.ctr.place.inside(HOME) / task.name)
    (tree / "etc/mine").write_text("my own")

    said = task.run("/bin/cat", "/etc/mine", options=("--rootfs",), image=f"{HOME}/{task.name}")

    assert said.output == "my own"


def test_a_config_of_ones_own(task: Task) -> None:
    tree = rootfs.make(task.ctr.place.inside(HOME) / task.name)
    config = default_config()
    config["root"]["path"] = f"{HOME}/{tree.name}"
    config["linux"]["cgroupsPath"] = f"/{task.ctr.place.cgroup}/{task.name}"
    config["process"] |= {"user": {"uid": 1000, "gid": 1000, "additionalGids": [29]}, "args": ["id"]}

    path = task.ctr.place.write(f"{task.name}.json", json.dumps(config))
    said = task.logged("run", "--rm", "--config", path, rest=(task.name,))

    assert said.output == "uid=1000(alice) gid=1000(alice) groups=29(audio)"


@pytest.mark.needs("userns")
def test_a_user_namespace(task: Task) -> None:
    maps = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536")

    said = task.run("sh", "-c", "cat /proc/self/uid_map; stat -c %u /bin/busybox", options=maps)

    assert said.output.split() == ["0", "100000", "65536", "0"]


def test_the_pid_file_names_the_first_process(task: Task) -> None:
    task.up("--pid-file", f"{HOME}/{task.name}.pid")

    pid = task.ctr.place.inside(f"{HOME}/{task.name}.pid").read_text()

    assert [pid] == [line.split()[1] for line in task.ctr("task", "ls").output.splitlines() if task.name in line]
