"""What engines type and how they read the answer, each in its own way.

Real calls of real engines are replayed by test_recorded.py. Here stand those that no recording holds, and what the
caller's own code makes of files, texts and exit statuses, written down as that code does it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container, cgroups_named
from tests.support.runtime import Result, Runtime
from tests.support.terminal import ConsoleSocket
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def process_file(place: Path, container: Container, *args: str, **properties: Any) -> Path:
    """A file for ``exec --process``, as engines make it of the container's own process."""
    path = place / "process.json"
    path.write_text(json.dumps({**container.bundle.process, "args": args, **properties}))
    return path


def atoi(data: bytes) -> int:
    """strconv.Atoi of Go, and parse::<u32> of Rust: no white space is forgiven."""
    assert data.isdigit()
    return int(data)


def time(text: str) -> dt.datetime:
    """time.Time of Go, read from JSON: RFC 3339 with up to nine digits behind the second."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    assert match, text
    return dt.datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))


# go-runc: containerd's shim, BuildKit, docker info


def test_go_runc_creates_with_every_option(container: Container, place: Path, recvtty: ConsoleSocket) -> None:
    container.bundle.process["terminal"] = True
    command: list[str | Path] = [
        container.runtime.path, "--root", container.runtime.root, "--debug", "--log", place / "log", "--log-format",
        "json", "--rootless=false", "create", "--bundle", container.bundle.write(), "--console-socket", recvtty.path,
        "--pid-file", place / "init.pid", "--no-pivot", "--no-new-keyring", "--preserve-fds", "1", container.id,
    ]  # fmt: skip

    subprocess.run(["sh", "-c", 'exec "$@" 3</dev/null', "-", *command], check=True, timeout=30 * PATIENCE)

    assert atoi((place / "init.pid").read_bytes()) == container.pid
    assert len(recvtty.descriptors()) == 1


def test_go_runc_reads_the_version(runtime: Runtime) -> None:
    """parseVersion: by line, and by what each begins with."""
    printed = subprocess.run([runtime.path, "--version"], capture_output=True, text=True, check=True).stdout
    first, *lines = printed.strip().split("\n")
    found = dict(line.split(": ", 1) for line in lines if ": " in line)

    assert first.startswith(f"{runtime.name} version ")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", first.split()[-1])
    assert {"commit", "spec"} <= set(found)
    assert re.fullmatch(r"\d+\.\d+\.\d+(-\S+)?", found["spec"])


def test_go_runc_reads_state_and_list(container: Container) -> None:
    container.bundle.config["annotations"] = {"a": "b"}
    container.create().ok()

    state = container.state()
    (listed,) = json.loads(container.runtime("list", "--format=json").ok().stdout)

    for found in (state, listed):
        assert isinstance(found["pid"], int)
        assert {type(found[name]) for name in ("id", "status", "bundle", "rootfs")} == {str}
        assert found["annotations"] == {"a": "b"}
        assert abs(time(found["created"]) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)


def test_go_runc_reads_top(container: Container) -> None:
    """Its psOptions are one word."""
    container.up()

    head, *rows = container.runtime("ps", "--format", "table", container.id, "-eopid,comm").ok().stdout.splitlines()

    assert head.split() == ["PID", "COMMAND"]
    assert [row.split()[0] for row in rows] == [str(container.pid)]


def test_go_runc_executes_on_a_terminal(container: Container, place: Path, recvtty: ConsoleSocket) -> None:
    container.up()
    process = process_file(place, container, "sh", "-c", "tty; sleep 1000", terminal=True)

    container.runtime(
        "exec", "--process", process, "--console-socket", recvtty.path, "--detach", "--pid-file", place / "pid",
        container.id,
    ).ok()  # fmt: skip

    assert "/dev/pts/" in recvtty.terminal().read_until("/dev/pts/")
    assert atoi((place / "pid").read_bytes()) in json.loads(
        container.runtime("ps", "--format", "json", container.id).ok().stdout
    )


# containerd


def log_of(path: Path) -> list[dict[str, str]]:
    """getLastRuntimeError: every line has to be JSON, or nothing of it is told."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert all({"level", "msg", "time"} <= entry.keys() for entry in entries)
    assert all(time(entry["time"]) for entry in entries)
    return entries


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["quiet", "debug"])
def test_containerd_reads_why_create_failed(container: Container, place: Path, debug: Sequence[str]) -> None:
    container.bundle.args("no-such-program")
    log = ["--log", str(place / "log.json"), "--log-format", "json"]

    container.create("--pid-file", place / "init.pid", options=[*debug, *log]).failed()

    errors = [entry["msg"] for entry in log_of(place / "log.json") if entry["level"] == "error"]
    assert "create failed" in errors[-1]
    assert 'exec: "no-such-program": executable file not found in $PATH' in errors[-1]


def kill_error(result: Result) -> str:
    """checkKillError of containerd, and what cri-o's is: what became of a process that was to be killed."""
    text = result.stderr
    if "os: process already finished" in text or "container not running" in text:
        return "not found"
    if "no such process" in text.lower() or "does not exist" in text:
        return "not found"
    return text


def test_containerd_and_crio_understand_that_there_is_nobody_to_kill(container: Container) -> None:
    assert kill_error(container.kill("9").failed()) == "not found"

    container.run("--keep").ok()

    assert kill_error(container.kill("9").failed()) == "not found"
    container.runtime("kill", "--all", container.id, "9").ok()


def test_containerd_finds_the_cgroup_through_the_pid(container: Container, place: Path) -> None:
    """And stats and OOM events there: it is the container's own, before the program runs."""
    container.create("--pid-file", place / "init.pid").ok()

    pid = atoi((place / "init.pid").read_bytes())
    paths = {line.split(":", 2)[2] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()}

    assert [path for path in paths if container.id in path]


# docker and podman: a text becomes an exit status


def docker_status(text: str) -> int:
    """SetExitCodeFromError of docker."""
    if "permission denied" in text or "is a directory" in text:
        return 126
    if any(words in text for words in ("not a directory", "executable file not found", "no such file or directory")):
        return 127
    return 128


def podman_status(text: str) -> int:
    """getOCIRuntimeError of podman, and what it makes of a failure to run anything else."""
    if re.search("(?i)permission denied|operation not permitted", text):
        return 126
    if re.search("(?i)executable file not found in|no such file or directory|open executable", text):
        return 127
    return 126


_REASONS = [
    pytest.param("no-such-program", 127, 127, id="not in PATH"),
    pytest.param("/no/such/program", 127, 127, id="no such path"),
    pytest.param("/etc/hostname/program", 127, 126, id="below a file"),
    pytest.param("/etc/hostname", 126, 126, id="not executable"),
    pytest.param("/etc", 126, 126, id="a directory"),
]


@pytest.fixture
def strange(container: Container) -> Container:
    """A container with a file in it that is no program."""
    (container.bundle.rootfs / "etc").mkdir(exist_ok=True)
    (container.bundle.rootfs / "etc/hostname").write_text("name\n")
    (container.bundle.rootfs / "etc/hostname").chmod(0o644)
    return container


@pytest.mark.parametrize(("wanted", "docker", "podman"), _REASONS)
def test_docker_and_podman_tell_by_the_text_why_create_failed(
    strange: Container, place: Path, wanted: str, docker: int, podman: int
) -> None:
    strange.bundle.args(wanted)

    strange.create(options=["--log", str(place / "log.json"), "--log-format=json"]).failed()

    text = json.loads((place / "log.json").read_text().splitlines()[-1])["msg"]
    assert (docker_status(text), podman_status(text)) == (docker, podman)


@pytest.mark.parametrize(("wanted", "docker", "podman"), _REASONS)
def test_docker_and_podman_tell_by_the_text_why_exec_failed(
    strange: Container, place: Path, wanted: str, docker: int, podman: int
) -> None:
    strange.up()
    process = process_file(place, strange, wanted)
    log = ["--log", str(place / "log.json"), "--log-format=json"]

    flags = ["--pid-file", str(place / "pid"), "--process", str(process), "--detach"]
    strange.exec(flags=flags, options=log).failed(status=255)

    text = json.loads((place / "log.json").read_text())["msg"]
    assert (docker_status(text), podman_status(text)) == (docker, podman)
    assert not (place / "pid").exists()  # for conmon, that is what says that exec failed


# conmon and podman


def test_conmon_reads_the_whole_reason_at_once(container: Container) -> None:
    """One read(2) of 8191 bytes of standard error."""
    container.bundle.args("/no-such-program" * 200)

    reader, writer = os.pipe()
    container.create(stderr=writer)
    os.close(writer)
    text = os.read(reader, 8191).decode()
    os.close(reader)

    assert text.startswith(("time=", f"{container.runtime.name} create failed"))
    assert "no such file or directory" in text


def test_podman_reads_the_whole_log_as_one_object(container: Container, place: Path) -> None:
    container.bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}

    container.create(options=["--log-format=json", "--log", str(place / "oci-log")]).failed()

    entry = json.loads((place / "oci-log").read_text())
    assert entry["level"] == "error"
    assert "hook" in entry["msg"]


# cri-o and conmon-rs


def test_crio_kills_by_name_and_by_number(container: Container) -> None:
    for words in (["kill", "ID", "KILL"], ["kill", "ID", "9"], ["kill", "-a", "ID", "9"]):
        container.up()
        container.runtime(*(word.replace("ID", container.id) for word in words)).ok()
        container.wait_for_status("stopped")
        container.delete("--force").ok()


def test_crio_executes_in_the_foreground_with_the_session_alone(container: Container, place: Path) -> None:
    container.up()
    process = process_file(place, container, "sh", "-c", "echo out; echo err >&2; exit 5")

    result = container.exec(flags=["--process", str(process)], env={"XDG_RUNTIME_DIR": "/run/user/0"})

    assert (result.status, result.stdout, result.stderr) == (5, "out\n", "err\n")


def test_conmon_rs_repeats_options_and_executes_words_on_a_terminal(
    container: Container, place: Path, recvtty: ConsoleSocket
) -> None:
    container.up(options=[f"--root={container.runtime.root}"])

    container.runtime(
        "exec", "-d", f"--console-socket={recvtty.path}", "--tty", f"--pid-file={place}/pid", container.id, "sh", "-c",
        "echo $0 -d; sleep 1000", "--tty", options=[f"--root={container.runtime.root}"],
    ).ok()  # fmt: skip

    assert recvtty.terminal().read_until("--tty -d")
    assert Path(f"/proc/{atoi((place / 'pid').read_bytes())}").is_dir()


@pytest.mark.clause("state.fields")
def test_crio_is_answered_while_another_operation_runs(container: Container) -> None:
    """For cri-o, a state it cannot read is a container that has stopped, and the pod is killed."""
    container.up()
    holder = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), 2); print(1, flush=True); sys.stdin.read()"
    directory = container.runtime.root / container.id
    with subprocess.Popen(
        [sys.executable, "-c", holder, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "1\n"

        assert container.status == "running"
        assert [entry["status"] for entry in json.loads(container.runtime("list", "-f", "json").stdout)] == ["running"]
        process.communicate()


# buildah and BuildKit


def states(container: Container, foreground: subprocess.Popen[str]) -> Iterator[str]:
    """What ``state`` says as long as *foreground* runs: a status, or that there is no container."""
    while foreground.poll() is None:
        result = container.runtime("state", container.id)
        if result.status:
            assert "does not exist" in result.stderr
        else:
            yield json.loads(result.stdout)["status"]


def test_buildkit_asks_for_the_state_from_the_first_moment_on(container: Container) -> None:
    """BuildKit waits for "running" in this way, and buildah stops for a status it does not know."""
    container.bundle.script("until [ -e /end ]; do sleep 0.01; done")
    foreground = container.runtime.spawn("run", "--bundle", container.bundle.write(), "--keep", container.id)

    seen = set()
    for status in states(container, foreground):
        seen.add(status)
        if status == "running":
            (container.bundle.rootfs / "end").write_text("")

    assert foreground.communicate() == ("", "")
    assert foreground.returncode == 0
    assert "running" in seen
    assert seen <= {"creating", "created", "running", "stopped"}


def test_buildkit_finds_the_cgroup_after_the_end(container: Container) -> None:
    container.bundle.script("exit 3")

    assert container.run("--keep").status == 3

    assert cgroups_named(container.id)
    container.runtime("delete", container.id).ok()
    assert not cgroups_named(container.id)


def test_buildah_waits_for_the_pid_and_deletes_without_force(container: Container, place: Path) -> None:
    """It is a subreaper, works in the bundle and kills by the default signal."""
    container.bundle.script("trap 'exit 9' TERM; echo up >/up; while :; do sleep 0.05; done")
    bundle, program = container.bundle.write(), [container.runtime.path, "--root", str(container.runtime.root)]
    create = [*program, "create", "--bundle", str(bundle), "--pid-file", f"{bundle}/pid", container.id]
    script = f"""
import ctypes, os, subprocess, sys
run = lambda *words: subprocess.run(words, check=True, cwd={str(bundle)!r}, stdin=subprocess.DEVNULL)
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
run(*{create!r})
run(*{program!r}, "start", {container.id!r})
pid = int(open("{bundle}/pid").read())
while not os.path.exists("{bundle}/rootfs/up"): pass
run(*{program!r}, "kill", {container.id!r})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
run(*{program!r}, "delete", {container.id!r})
"""
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30 * PATIENCE, check=True)

    assert (done.stdout, done.stderr) == ("9\n", "")
