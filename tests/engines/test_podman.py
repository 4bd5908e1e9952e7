"""podman: the life of a container, from run to rm."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket

import pytest

from tests.support import engines
from tests.support.engines import HOME, IMAGE, Podman
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.runtime import Result

pytestmark = pytest.mark.usefixtures("nothing_left")

_NO_NETWORK = "--network=none"


def up(podman: Podman, name: str, *options: str) -> str:
    """Start a container that waits for SIGTERM; its id."""
    return podman("run", "-d", "--name", name, _NO_NETWORK, *options, IMAGE).output


def said_of(podman: Podman, name: str, template: str) -> str:
    return podman("inspect", "--format", template, name).output


def test_run_gives_output_and_exit_status(podman: Podman) -> None:
    said = podman.attempt("run", "--rm", _NO_NETWORK, IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7")

    assert (said.status, said.stdout, said.stderr) == (7, "out\n", "err\n")


def test_run_reads_standard_input(podman: Podman) -> None:
    script = [
        "sh",
        "-c",
        f"echo text | {' '.join(podman.command(['run', '-i', '--rm', _NO_NETWORK, IMAGE, 'tr', 'a-z', 'A-Z']))}",
    ]

    assert podman.place.run(script).ok().output == "TEXT"


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        pytest.param(["/missing"], 127, 'exec: "/missing": stat /missing: no such file or directory', id="no-file"),
        pytest.param(["missing"], 127, 'exec: "missing": executable file not found in $PATH', id="not-in-path"),
        pytest.param([""], 127, 'exec: "": executable file not found in $PATH', id="empty"),
        pytest.param(["/etc"], 126, 'exec: "/etc": permission denied', id="directory"),
        pytest.param(["/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied', id="not-executable"),
        pytest.param(["/etc/passwd/x"], 126, "not a directory", id="below-a-file"),
    ],
)
def test_what_cannot_be_executed_has_a_status_and_a_reason(
    podman: Podman, name: str, words: list[str], status: int, reason: str
) -> None:
    run = podman.attempt("run", "--rm", _NO_NETWORK, IMAGE, *words)
    up(podman, name)
    execute = podman.attempt("exec", name, *words)

    run.failed(reason, status=status)
    execute.failed(reason, status=status if "not a directory" not in reason else 255)
    assert "level=error" not in run.stderr + execute.stderr


@pytest.mark.parametrize(
    ("option", "status", "reason"),
    [
        pytest.param("--volume=/missing:/v", 125, "/missing: no such file or directory", id="podman-refuses"),
        pytest.param("--workdir=/missing", 126, "/missing", id="workdir"),
        pytest.param("--user=nobodyknown", 126, "nobodyknown", id="user"),
        # podman goes by the words "no such file or directory"
        pytest.param("--sysctl=net.missing=1", 127, "net", id="sysctl"),
        pytest.param("--tmpfs=/proc/self", 126, "/proc", id="mount"),
    ],
)
def test_what_cannot_be_made_has_a_status_and_a_reason(podman: Podman, option: str, status: int, reason: str) -> None:
    podman.attempt("run", "--rm", _NO_NETWORK, option, IMAGE, "true").failed(reason, status=status)


def test_an_unknown_flag_for_the_runtime_is_named(podman: Podman) -> None:
    said = podman.attempt("run", "--rm", _NO_NETWORK, "--runtime-flag=nonsense", IMAGE, "true")

    said.failed("flag provided but not defined: ", "nonsense", status=126)


def test_debug_of_the_runtime_is_asked_for_by_a_flag(podman: Podman) -> None:
    said = podman("run", "--rm", _NO_NETWORK, "--runtime-flag=debug", IMAGE, "echo", "fine")

    assert said.output == "fine"


def test_a_container_that_cannot_start_is_removed(podman: Podman, name: str) -> None:
    podman.attempt("run", "--name", name, _NO_NETWORK, IMAGE, "/missing").failed(status=127)

    assert said_of(podman, name, "{{.State.Status}} {{.State.Pid}}") == "created 0"
    podman("rm", name)


def test_create_start_wait_logs(podman: Podman, name: str) -> None:
    podman("create", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7")
    before = said_of(podman, name, "{{.State.Status}}")
    podman("start", name)

    status = podman("wait", name).output

    logs = podman("logs", name)
    assert (before, status, logs.stdout, logs.stderr) == ("created", "7", "out\n", "err\n")
    assert said_of(podman, name, "{{.State.Status}} {{.State.ExitCode}}") == "exited 7"


def test_a_container_is_started_again(podman: Podman, name: str) -> None:
    podman("run", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", "echo here >> /tmp/log; cat /tmp/log")

    assert podman("start", "--attach", name).stdout == "here\nhere\n"


def test_logs_are_followed_to_the_end(podman: Podman, name: str) -> None:
    script = "echo first; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo last"
    podman("run", "-d", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", script)
    with podman.place.watching(podman.command(["logs", "--follow", name])) as said:
        wait_for(lambda: said.read_text() == "first\n", "the first line")
        podman("exec", name, "touch", "/tmp/go")

        wait_for(lambda: said.read_text() == "first\nlast\n", "the last line")


def test_exec_has_its_own_user_directory_environment_and_status(podman: Podman, name: str) -> None:
    up(podman, name)

    said = podman.attempt("exec", "--user=alice", "--workdir=/tmp", "--env=WORD=a", name,
                          "sh", "-c", "id -un; pwd; echo $WORD; echo err >&2; exit 5")  # fmt: skip

    assert (said.status, said.stdout, said.stderr) == (5, "alice\n/tmp\na\n", "err\n")


def test_exec_reads_standard_input(podman: Podman, name: str) -> None:
    up(podman, name)
    words = " ".join(podman.command(["exec", "-i", name, "tr", "a-z", "A-Z"]))

    assert podman.place.run(["sh", "-c", f"echo text | {words}"]).ok().output == "TEXT"


def test_exec_detached_goes_on(podman: Podman, name: str) -> None:
    up(podman, name)

    podman("exec", "-d", name, "sh", "-c", "echo done > /tmp/result")

    wait_for(lambda: podman.attempt("exec", name, "cat", "/tmp/result").output == "done", "the detached command")


def test_exec_with_more_privileges(podman: Podman, name: str) -> None:
    up(podman, name, "--cap-drop=ALL", "--security-opt=apparmor=unconfined")

    said = podman("exec", "--privileged", name, "sh", "-c", "mount -t tmpfs t /tmp && echo mounted")

    assert said.output == "mounted"


def test_exec_of_a_missing_directory(podman: Podman, name: str) -> None:
    up(podman, name)

    podman.attempt("exec", "--workdir=/missing", name, "true").failed("/missing", status=127)


def test_run_on_a_terminal(podman: Podman) -> None:
    with podman.on_terminal("run", "-it", "--rm", _NO_NETWORK, IMAGE, "sh") as (terminal, process):
        terminal.read_until("# ")
        terminal.write("tty; stty size; echo $TERM; exit 3\n")
        terminal.read_until("/dev/pts/0\r\n33 99\r\nxterm\r\n")

        assert process.wait(20) == 3


def test_exec_on_a_terminal_follows_its_size(podman: Podman, name: str) -> None:
    up(podman, name)
    script = "trap 'stty size; exit 4' WINCH; stty size; while true; do sleep 0.05; done"
    with podman.on_terminal("exec", "-it", name, "sh", "-c", script) as (terminal, process):
        terminal.read_until("33 99\r\n")
        terminal.resize(44, 111)
        terminal.read_until("44 111\r\n")

        assert process.wait(20) == 4


def test_control_c_reaches_the_program_on_the_terminal(podman: Podman) -> None:
    script = "trap 'echo heard; exit 9' INT; echo ready; while true; do sleep 0.05; done"
    with podman.on_terminal("run", "-it", "--rm", _NO_NETWORK, IMAGE, "sh", "-c", script) as (terminal, process):
        terminal.read_until("ready")
        terminal.write("\x03")
        terminal.read_until("heard")

        assert process.wait(20) == 9


def test_detach_from_a_terminal_and_attach_again(podman: Podman, name: str) -> None:
    with podman.on_terminal("run", "-it", "--name", name, _NO_NETWORK, IMAGE, "sh") as (terminal, process):
        terminal.read_until("# ")
        keys = itertools.cycle("\x10\x11")

        def lets_go() -> bool:
            terminal.write(next(keys))  # podman knows the two only if it reads one at a time
            return process.poll() is not None

        wait_for(lets_go, "podman lets go")
        assert process.wait() == 0
    assert said_of(podman, name, "{{.State.Status}}") == "running"

    with podman.on_terminal("attach", name) as (terminal, process):
        terminal.write("echo a''gain; exit 6\n")
        terminal.read_until("again\r\n")

        assert podman("wait", name).output == "6"


def test_stop_sends_sigterm_first(podman: Podman, name: str) -> None:
    script = "trap 'echo bye; exit 8' TERM; echo ready; while true; do sleep 0.05; done"
    podman("run", "-d", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", script)
    wait_for(lambda: podman("logs", name).output == "ready", "the trap")

    podman("stop", name)

    assert said_of(podman, name, "{{.State.ExitCode}}") == "8"
    assert podman("logs", name).output == "ready\nbye"


def test_stop_kills_who_does_not_listen(podman: Podman, name: str) -> None:
    podman("run", "-d", "--name", name, _NO_NETWORK, IMAGE, "sleep", "1000")

    podman("stop", "--time=0", name)

    assert said_of(podman, name, "{{.State.ExitCode}}") == "137"


@pytest.mark.parametrize(("given", "status"), [("KILL", 137), ("SIGUSR1", 10), ("12", 10)])
def test_kill(podman: Podman, name: str, given: str, status: int) -> None:
    script = "trap 'exit 10' USR1 USR2; echo ready; while true; do sleep 0.05; done"
    podman("run", "-d", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", script)
    wait_for(lambda: podman("logs", name).output == "ready", "the trap")

    podman("kill", "--signal", given, name)

    assert podman("wait", name).output == str(status)


def test_signals_of_podman_go_to_the_program(podman: Podman, name: str) -> None:
    script = "trap 'exit 11' USR1; echo ready; while true; do sleep 0.05; done"
    log = podman.place.directory / "foreground"
    process = podman.place.spawn(podman.command(["run", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", script]), log)
    wait_for(lambda: podman.attempt("logs", name).output == "ready", "the trap")

    def has_ended() -> bool:
        with contextlib.suppress(ValueError, ProcessLookupError):  # until podman listens, SIGUSR1 does nothing to it
            engines.signal_child(process, signal.SIGUSR1)
        return process.poll() is not None

    wait_for(has_ended, "the end of the program")
    assert process.wait() == 11


def test_pause_stands_still_and_unpause_goes_on(podman: Podman, name: str) -> None:
    podman("run", "-d", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", "while true; do date +%N; sleep 0.01; done")
    podman("pause", name)
    assert said_of(podman, name, "{{.State.Status}}") == "paused"
    podman.attempt("exec", name, "true").failed(status=255)
    logs = podman("logs", name).stdout
    again = podman("logs", name).stdout

    podman("unpause", name)

    assert logs == again
    wait_for(lambda: len(podman("logs", name).stdout) > len(again), "more lines")


def test_restart_has_another_first_process(podman: Podman, name: str) -> None:
    up(podman, name)
    first = said_of(podman, name, "{{.State.Pid}}")

    podman("restart", "--time=0", name)

    assert said_of(podman, name, "{{.State.Status}}") == "running"
    assert said_of(podman, name, "{{.State.Pid}}") != first


def test_a_failing_program_is_started_again(podman: Podman, name: str) -> None:
    script = "echo x >> /tmp/log; [ $(wc -l < /tmp/log) = 3 ]"
    podman("run", "-d", "--restart=on-failure:5", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", script)

    wait_for(lambda: said_of(podman, name, "{{.RestartCount}} {{.State.Status}}") == "2 exited", "two restarts", 30)


def test_rm_refuses_what_runs_and_force_does_not(podman: Podman, name: str) -> None:
    up(podman, name)

    podman.attempt("rm", name).failed("running", status=2)
    podman("rm", "--force", "--time=0", name)

    assert podman("ps", "--all", "--quiet", "--filter", f"name={name}").output == ""


def test_rm_removes_a_paused_container(podman: Podman, name: str) -> None:
    up(podman, name)
    podman("pause", name)

    podman("rm", "--force", "--time=0", name)

    podman.attempt("container", "exists", name).failed()


def test_top(podman: Podman, name: str) -> None:
    up(podman, name)
    wait_for(lambda: podman("top", name, "comm").output.split() == ["COMMAND", "observe", "sleep"], "its child")

    table = podman("top", name, "pid", "user", "seccomp", "args").stdout.splitlines()

    assert [line.split()[:4] for line in table][:2] == [
        ["PID", "USER", "SECCOMP", "COMMAND"], ["1", "root", "filter", "/bin/sh"]
    ]  # fmt: skip


def test_stats(podman: Podman, name: str) -> None:
    up(podman, name, "--memory=64m")
    wait_for(lambda: podman("top", name, "comm").output.endswith("sleep"), "its child")

    said = podman("stats", "--no-stream", "--format", "{{.PIDS}} {{.MemUsage}}", name).output

    assert said.startswith("2 ")
    assert said.endswith("/ 67.11MB")


def test_inspect(podman: Podman, name: str) -> None:
    identity = up(podman, name, "--pids-limit=17", "--hostname=named")

    (found,) = json.loads(podman("inspect", name).stdout)

    assert found["OCIRuntime"] == podman.runtime.rpartition("/")[2]
    assert (found["Id"], found["Config"]["Hostname"], found["HostConfig"]["PidsLimit"]) == (identity, "named", 17)
    assert found["State"]["Running"]
    comm = podman.place.inside(f"/proc/{found['State']['Pid']}/comm")
    assert comm.read_text() == "observe\n"


def test_ps_shows_what_runs(podman: Podman, name: str) -> None:
    up(podman, name)

    assert podman("ps", "--filter", "status=running", "--format", "{{.Names}}").output == name


def test_events(podman: Podman, name: str) -> None:
    up(podman, name)
    podman("pause", name)
    podman("unpause", name)
    podman("stop", name)
    words = ["events", "--stream=false", "--since=1h", "--filter", f"container={name}", "--format", "{{.Status}}"]
    wanted = ["create", "init", "start", "pause", "unpause", "died", "cleanup"]

    wait_for(lambda: set(wanted) <= set(podman(*words).output.split()), "the events")


def test_healthcheck(podman: Podman, name: str) -> None:
    up(podman, name, "--health-cmd=test -e /tmp/fine", "--health-interval=disable", "--health-retries=1")

    podman.attempt("healthcheck", "run", name).failed()
    assert said_of(podman, name, "{{.State.Health.Status}}") == "unhealthy"
    podman("exec", name, "touch", "/tmp/fine")
    podman("healthcheck", "run", name)
    assert said_of(podman, name, "{{.State.Health.Status}}") == "healthy"


@pytest.mark.needs("cgroup1")
def test_update(podman: Podman, name: str) -> None:
    up(podman, name, "--memory=64m")

    podman("update", "--memory=100m", "--memory-swap=100m", "--cpus=0.5", "--cpu-shares=77",
           name)  # fmt: skip

    script = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares"
    assert podman("exec", name, "sh", "-c", script).output.split() == ["104857600", "50000", "77"]


def test_init_waits_for_orphans_and_forwards_signals(podman: Podman, name: str) -> None:
    script = "(sleep 0.01 &); trap 'exit 8' TERM; echo ready; while true; do sleep 0.05; done"
    podman("run", "-d", "--init", "--name", name, _NO_NETWORK, IMAGE, "sh", "-c", script)
    wait_for(lambda: podman("logs", name).output == "ready", "the trap")

    def no_zombie() -> bool:
        said = podman.attempt("top", name, "state")  # fails when a process ends meanwhile
        return said.status == 0 and "Z" not in said.stdout.split()

    wait_for(no_zombie, "no zombie")

    podman("stop", name)

    assert said_of(podman, name, "{{.State.ExitCode}}") == "8"


def test_too_much_memory_ends_the_container(podman: Podman, name: str) -> None:
    words = ["run", "--name", name, "--memory=16m", "--memory-swap=16m", _NO_NETWORK, IMAGE, "tail", "/dev/zero"]

    podman.attempt(*words).failed(status=137)

    assert said_of(podman, name, "{{.State.ExitCode}}") == "137"


def test_the_program_says_when_it_is_ready(podman: Podman, name: str) -> None:
    place = podman.place
    words = podman.command(["run", "-d", "--sdnotify=container", "--name", name, _NO_NETWORK, IMAGE])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place.inside(f"{HOME}/manager.sock")))
        manager.settimeout(20)
        command = ["env", f"NOTIFY_SOCKET={HOME}/manager.sock", *words]
        starting = place.spawn(command, place.directory / "notify")
        wait_for(lambda: podman.attempt("inspect", "--format={{.State.Pid}}", name).output not in {"", "0"}, "its pid")
        pid = said_of(podman, name, "{{.State.Pid}}")
        inside = place.inside(f"/proc/{pid}/root/run/notify/notify.sock")
        wait_for(inside.exists, "the socket inside")

        manager.sendto(b"READY=1", str(inside))

        wait_for(lambda: b"READY=1" in manager.recv(4096).split(b"\n"), "READY=1")
        assert starting.wait(20) == 0


def _with_hooks(podman: Podman, **stages: str) -> list[str]:
    """The words of `podman run` with a shell script as hook of each stage."""
    for file in podman.place.inside(HOME).glob("hooks/*"):
        file.unlink()
    for number, (stage, script) in enumerate(stages.items()):
        hook = {"path": "/bin/sh", "args": ["sh", "-c", script]}
        text = json.dumps({"version": "1.0.0", "hook": hook, "when": {"always": True}, "stages": [stage]})
        # By their names, as podman 5 has those of prestart among those of createRuntime.
        podman.place.write(f"hooks/{number}.json", text)
    words = podman.command(["run", "--rm", _NO_NETWORK, IMAGE, "echo", "program"])
    return [*words[: words.index("run")], f"--hooks-dir={HOME}/hooks", *words[words.index("run") :]]


def test_hooks_run_in_their_order(podman: Podman) -> None:
    log = podman.place.write("hooked", "")
    stages = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    words = _with_hooks(podman, **{stage: f"grep -q ociVersion && echo {stage} >> {log}" for stage in stages})

    assert podman.place.run(words).ok().output == "program"
    assert podman.place.inside(log).read_text().split() == list(stages)


@pytest.mark.parametrize("stage", ["prestart", "createRuntime", "createContainer"])
def test_a_failing_hook_fails_the_container(podman: Podman, stage: str) -> None:
    words = _with_hooks(podman, **{stage: "echo because >&2; exit 3"})

    podman.place.run(words).failed("hook #0: ", "exit status 3", "because", status=126)


def test_files_are_copied_in_and_out(podman: Podman, name: str) -> None:
    up(podman, name)
    podman("cp", podman.place.write("given", "text\n"), f"{name}:/tmp/given")

    podman("cp", f"{name}:/tmp/given", f"{HOME}/taken")

    assert podman.place.inside(f"{HOME}/taken").read_text() == "text\n"


def test_descriptors_are_preserved(podman: Podman) -> None:
    given = podman.place.write("descriptor", "through\n")
    words = " ".join(podman.command(["run", "--rm", _NO_NETWORK, "--preserve-fds=1", IMAGE, "cat", "/proc/self/fd/3"]))

    assert podman.place.run(["sh", "-c", f"exec {words} 3<{given}"]).ok().output == "through"


def test_a_program_that_has_ended_is_cleaned_up_by_itself(podman: Podman, name: str) -> None:
    said: Result = podman("run", "-d", "--rm", "--name", name, _NO_NETWORK, IMAGE, "true")

    assert len(said.output) == 64
    wait_for(lambda: podman.attempt("container", "exists", name).status, "podman's own cleaning")


def test_info_shows_the_runtime(podman: Podman) -> None:
    said = podman("info", "--format", "{{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}").output

    assert said.startswith(f"{podman.runtime} {podman.runtime.rpartition('/')[2]} version ")
