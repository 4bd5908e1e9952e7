"""``exec``: one more process in a running container."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import CAPABILITIES
from tests.support.container import Container
from tests.support.limits import MOUNT_POINT, directory, places
from tests.support.runtime import Runtime
from tests.support.terminal import ConsoleSocket, open_terminal
from tests.support.waiting import PATIENCE, wait_for

_WITH_FILE_AS_3 = ("sh", "-c", 'exec "$@" 3</etc/hostname', "-")


@pytest.fixture
def running(container: Container) -> Container:
    """A container that runs ``sleep``."""
    return container.up()


def capability_mask(text: str, name: str) -> int:
    """The set called *name* (``CapBnd``) in the *text* of /proc/PID/status."""
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return int(line.split()[1], 16)


def test_runs_in_the_container(running: Container) -> None:
    assert running.exec("hostname").ok().stdout == "bundle\n"


@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts", "mnt"])
def test_joins_every_namespace(running: Container, kind: str) -> None:
    """The namespaces are those of init."""
    inside = running.exec("readlink", f"/proc/self/ns/{kind}").ok().output

    assert inside == os.readlink(f"/proc/{running.pid}/ns/{kind}")


def test_joins_the_cgroups(running: Container) -> None:
    inside = running.exec("cat", "/proc/self/cgroup").ok().stdout

    assert inside == Path(f"/proc/{running.pid}/cgroup").read_text()


@pytest.mark.needs("cgroup1")
@pytest.mark.differs("runc's process stays where its caller is")
def test_is_where_init_is_when_others_have_moved_that_out_of_a_v1_cgroup(running: Container) -> None:
    """systemd does so when it gives a controller up, and removes the cgroup."""
    cgroup = directory(running.pid, "pids")
    (MOUNT_POINT / "pids/cgroup.procs").write_text(str(running.pid))
    cgroup.rmdir()

    inside = running.exec("cat", "/proc/self/cgroup").ok().stdout

    assert inside == Path(f"/proc/{running.pid}/cgroup").read_text()
    assert ":pids:/\n" in inside


@pytest.mark.parametrize("status", [0, 1, 42, 126, 127, 254])
def test_returns_the_programs_status(running: Container, status: int) -> None:
    assert running.exec("sh", "-c", f"exit {status}").status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_returns_128_and_the_signal(running: Container, number: signal.Signals) -> None:
    assert running.exec("sh", "-c", f"kill -{number.value} $$").status == 128 + number


def test_passes_its_streams_on(running: Container) -> None:
    result = running.exec("sh", "-c", "cat; echo err >&2", stdin="text\n").ok()

    assert (result.stdout, result.stderr) == ("text\n", "err\n")


@pytest.mark.parametrize("option", ["--cwd=/tmp", "-cwd=/tmp"])
def test_changes_the_directory(running: Container, option: str) -> None:
    assert running.exec("pwd", flags=[option]).ok().output == "/tmp"


def test_refuses_a_missing_directory(running: Container) -> None:
    running.exec("pwd", flags=["--cwd", "/not/there"]).failed("/not/there", "no such file or directory", status=255)


def test_adds_to_the_environment(running: Container) -> None:
    result = running.exec("sh", "-c", 'echo "$A|$B|$TERM"', flags=["--env", "A=1", "--env=B=two words"]).ok()

    assert result.output == "1|two words|xterm"


def test_lets_the_last_value_of_a_variable_win(running: Container) -> None:
    assert running.exec("sh", "-c", "echo $TERM", flags=["-e", "TERM=a", "-e", "TERM=b"]).ok().output == "b"


@pytest.mark.parametrize(
    ("option", "expected"), [("1000", "1000 0"), ("1000:1000", "1000 1000"), ("0:29", "0 29"), ("65534:1", "65534 1")]
)
def test_becomes_the_user(running: Container, option: str, expected: str) -> None:
    assert running.exec("sh", "-c", "echo $(id -u) $(id -g)", flags=["--user", option]).ok().output == expected


def test_sets_home_for_the_user(running: Container) -> None:
    assert running.exec("sh", "-c", "echo $HOME", flags=["-u", "1000"]).ok().output == "/home/alice"


def test_adds_groups(running: Container) -> None:
    groups = running.exec("id", "-G", flags=["-u", "1000:1000", "-g", "29", "-g", "77"]).ok().output

    assert set(groups.split()) == {"1000", "29", "77"}


def test_has_the_capabilities_of_init(running: Container) -> None:
    status = running.exec("cat", "/proc/self/status").ok().stdout

    init = Path(f"/proc/{running.pid}/status").read_text()
    for name in ("CapBnd", "CapEff", "CapPrm"):
        assert capability_mask(status, name) == capability_mask(init, name)
    assert capability_mask(status, "CapBnd").bit_count() == len(CAPABILITIES)


def test_adds_a_capability(running: Container) -> None:
    status = running.exec("cat", "/proc/self/status", flags=["--cap", "CAP_SYS_PTRACE"]).ok().stdout

    for name in ("CapBnd", "CapEff", "CapPrm"):
        assert capability_mask(status, name) >> 19 & 1
    assert capability_mask(status, "CapInh") == 0


def test_has_no_effective_capabilities_as_another_user(running: Container) -> None:
    status = running.exec("cat", "/proc/self/status", flags=["-u", "1000"]).ok().stdout

    assert capability_mask(status, "CapEff") == 0


def test_sets_no_new_privileges(container: Container) -> None:
    container.bundle.process["noNewPrivileges"] = False
    container.up()

    assert "NoNewPrivs:\t0" in container.exec("cat", "/proc/self/status").ok().stdout
    assert "NoNewPrivs:\t1" in container.exec("cat", "/proc/self/status", flags=["--no-new-privs"]).ok().stdout


def test_leads_a_session_of_its_own(running: Container) -> None:
    """conmon kills the process group of an exec that takes too long."""
    pid, _, _, group, session = running.exec("cut", "-d ", "-f1,3-6", "/proc/self/stat").ok().output.split()

    assert pid == group == session


def test_leaves_only_three_descriptors_open(running: Container) -> None:
    result = running.exec("ls", "/proc/self/fd", prefix=_WITH_FILE_AS_3).ok()

    assert result.stdout.split() == ["0", "1", "2", "3"]


def test_keeps_extra_descriptors(running: Container) -> None:
    result = running.exec("sh", "-c", "cat <&3", flags=["--preserve-fds", "1"], prefix=_WITH_FILE_AS_3).ok()

    assert result.stdout == Path("/etc/hostname").read_text()


def test_takes_the_containers_words_as_they_are(running: Container) -> None:
    """Everything behind the id belongs to the program, options too."""
    assert running.exec("echo", "--user", "-d", "--", "-e").ok().stdout == "--user -d -- -e\n"


def test_works_in_a_created_container(container: Container) -> None:
    container.create().ok()

    assert container.exec("hostname").ok().output == "bundle"


def test_works_in_an_empty_environment(running: Container) -> None:
    running.exec("true", env={}).ok()


# Detached, and with files


def test_returns_at_once_when_detached(running: Container, place: Path) -> None:
    result = running.exec("sleep", "1000", flags=["--detach", "--pid-file", str(place / "pid")]).ok()

    pid = int((place / "pid").read_bytes())
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x001000\x00"
    assert (place / "pid").read_bytes() == str(pid).encode()
    assert (result.stdout, result.stderr) == ("", "")


def test_writes_the_pid_file_in_the_foreground_too(running: Container, place: Path) -> None:
    running.exec("true", flags=["--pid-file", str(place / "pid")]).ok()

    assert (place / "pid").read_bytes().isdigit()


def process_document(**properties: Any) -> dict[str, Any]:
    """A process as engines write it for ``--process``."""
    return {
        "terminal": False,
        "user": {"uid": 1000, "gid": 1000, "additionalGids": [29]},
        "args": ["sh", "-c", "echo $(id -u) $(id -G) $PWD $NAME"],
        "env": ["PATH=/bin", "NAME=value"],
        "cwd": "/tmp",
        **properties,
    }


@pytest.mark.parametrize("option", ["--process", "-p"])
def test_takes_the_process_from_a_file(running: Container, place: Path, option: str) -> None:
    (place / "process.json").write_text(json.dumps(process_document()))

    result = running.exec(flags=[option, str(place / "process.json")]).ok()

    assert result.output == "1000 1000 29 /tmp value"


def test_has_only_the_capabilities_of_the_file(running: Container, place: Path) -> None:
    sets = {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]}
    document = process_document(args=["cat", "/proc/self/status"], capabilities=sets, user={"uid": 0, "gid": 0})
    (place / "process.json").write_text(json.dumps(document))

    status = running.exec(flags=["-p", str(place / "process.json")]).ok().stdout

    assert capability_mask(status, "CapBnd") == capability_mask(status, "CapEff") == 1 << 5


def test_names_the_missing_file(running: Container, place: Path) -> None:
    result = running.exec(flags=["-p", str(place / "nowhere.json")])

    assert result.status != 0
    assert "nowhere.json" in result.stderr


# On a terminal


def test_sends_the_terminal_when_detached(running: Container, recvtty: ConsoleSocket) -> None:
    flags = ["-t", "-d", "--console-socket", str(recvtty.path)]
    running.exec("sh", "-c", "tty; read line; echo got $line", flags=flags).ok()

    terminal = recvtty.terminal()
    terminal.write("word\n")

    assert "/dev/" in terminal.read_until("got word")
    assert len(recvtty.received) == 1


def test_is_interactive_on_a_terminal(running: Container) -> None:
    terminal, slave = open_terminal()
    foreground = running.runtime.spawn(
        "exec", "--tty", running.id, "sh",
        prefix=["setsid", "--ctty"], stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)

    terminal.write("echo $((40+2)) $(tty); exit 7\n")

    assert "42 /dev/" in terminal.read_to_end()
    assert foreground.wait(10) == 7
    terminal.close()


def test_needs_a_console_socket_for_a_detached_terminal(running: Container) -> None:
    running.exec("true", flags=["-t", "-d"]).failed("cannot allocate tty if", status=255)


def test_forwards_signals(running: Container) -> None:
    foreground = running.runtime.spawn(
        "exec", running.id, "sh", "-c", "trap 'exit 42' TERM; echo up >/up; while :; do sleep 0.05; done"
    )
    running.wait_for_file("/up")

    foreground.send_signal(signal.SIGTERM)

    assert foreground.communicate(timeout=10 * PATIENCE) == ("", "")
    assert foreground.returncode == 42


# What goes wrong: 255 is the runtime's own failure


def test_says_which_program_is_missing(running: Container) -> None:
    running.exec("no-such-program").failed(
        "exec failed: unable to start container process",
        'exec: "no-such-program": executable file not found in $PATH',
        status=255,
    )


def test_says_which_path_is_missing(running: Container) -> None:
    running.exec("/no/such/program").failed('exec: "/no/such/program"', "no such file or directory", status=255)


def test_says_which_file_may_not_be_executed(running: Container) -> None:
    running.exec("/etc/passwd").failed('exec: "/etc/passwd"', "permission denied", status=255)


def test_wants_a_program(running: Container) -> None:
    result = running.exec()

    assert result.status in {1, 255}
    assert "args cannot be empty" in result.stderr


def test_refuses_a_stopped_container(running: Container) -> None:
    running.kill("KILL").ok()
    running.wait_for_status("stopped")

    running.exec("true").failed("cannot exec in a stopped container", status=255)


def test_refuses_a_missing_container(runtime: Runtime) -> None:
    result = runtime("exec", "nobody", "true")

    assert result.status in {1, 255}
    assert "container does not exist" in result.stderr


def test_refuses_an_unknown_capability(running: Container) -> None:
    """runc warns and goes on; whichever, the process must not get more than it should."""
    result = running.exec("cat", "/proc/self/status", flags=["--cap", "CAP_NONSENSE"])

    assert result.status == 255 or capability_mask(result.stdout, "CapBnd").bit_count() == len(CAPABILITIES)


@pytest.mark.parametrize("user", ["x", "1000:x", "-1", ":"])
def test_refuses_a_user_that_is_no_number(running: Container, user: str) -> None:
    result = running.exec("true", flags=["--user", user])

    assert result.status in {1, 255}
    assert result.stderr


@pytest.mark.varies("cgroup2")
def test_refuses_a_paused_container(running: Container) -> None:
    running.runtime("pause", running.id).ok()

    running.exec("true").failed("cannot exec in a paused container", "--ignore-paused", status=255)


@pytest.mark.varies("cgroup2")
def test_waits_in_a_paused_container_when_told_to(running: Container) -> None:
    running.runtime("pause", running.id).ok()
    foreground = running.runtime.spawn("exec", "--ignore-paused", running.id, "sh", "-c", "echo ran >/ran")

    assert not (running.bundle.rootfs / "ran").exists()
    running.runtime("resume", running.id).ok()

    assert foreground.communicate(timeout=10 * PATIENCE) == ("", "")
    assert (running.bundle.rootfs / "ran").exists()


# Sub-cgroups


@pytest.mark.needs("cgroup1")
def test_enters_a_sub_cgroup_of_one_controller(running: Container) -> None:
    lines = Path(f"/proc/{running.pid}/cgroup").read_text().splitlines()
    (own,) = [line.split(":")[2] for line in lines if ":pids:" in line]
    group = Path("/sys/fs/cgroup/pids" + own) / "sub"
    group.mkdir()
    try:
        inside = running.exec("cat", "/proc/self/cgroup", flags=["--cgroup", "pids:sub"]).ok().stdout
        assert f":pids:{own}/sub\n" in inside
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


@pytest.mark.needs("cgroup2")
@pytest.mark.parametrize("path", ["sub", "/sub"])
def test_enters_a_sub_cgroup(running: Container, path: str) -> None:
    own = places(running.pid)[""]
    group = MOUNT_POINT / own.lstrip("/") / "sub"
    group.mkdir()
    try:
        assert running.exec("cat", "/proc/self/cgroup", flags=["--cgroup", path]).ok().stdout == f"0::{own}/sub\n"
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


@pytest.mark.parametrize("path", ["../outside", "/../..", "pids:../x"])
def test_refuses_a_sub_cgroup_outside(running: Container, path: str) -> None:
    result = running.exec("true", flags=["--cgroup", path])

    assert result.status == 255


def test_refuses_a_sub_cgroup_that_is_not_there(running: Container) -> None:
    result = running.exec("true", flags=["--cgroup", "missing"])

    assert result.status == 255
    assert "missing" in result.stderr or "sub" in result.stderr
