from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys

import pytest

from pyoci import json_text
from pyoci.config.linux import seccomp, seccomp_program
from pyoci.config.linux.seccomp import Seccomp
from pyoci.errors import ConfigError, StepError, Unsupported

ALLOW, ERRNO, NOTIFY = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"


def rule(*names, action=ERRNO, **more):
    return {"names": list(names), "action": action, **more}


def read(*rules, **more):
    return Seccomp.read({"defaultAction": ALLOW, "syscalls": list(rules), **more})


def arg(index=0, value=1, op="SCMP_CMP_EQ", **more):
    return {"index": index, "value": value, "op": op, **more}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({}, "defaultAction", id="no default"),
        pytest.param({"defaultAction": "ALLOW"}, "defaultAction", id="unknown default"),
        pytest.param({"defaultAction": NOTIFY}, "defaultAction", id="notify as default"),
        pytest.param({"defaultAction": ALLOW, "defaultErrnoRet": 1}, "defaultErrnoRet", id="errno of allow"),
        pytest.param({"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}, "defaultErrnoRet", id="errno of kill"),
        pytest.param({"defaultAction": ERRNO, "defaultErrnoRet": 4095}, "defaultErrnoRet", id="errno too large"),
        pytest.param({"architectures": ["SCMP_ARCH_VAX"]}, "architectures[0]", id="unknown architecture"),
        pytest.param({"flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}, "flags[0]", id="a flag that is ours to set"),
        pytest.param({"flags": ["TSYNC"]}, "flags[0]", id="unknown flag"),
        pytest.param({"listenerMetadata": "x"}, "listenerMetadata", id="metadata without a path"),
        pytest.param({"syscalls": [rule()]}, "syscalls[0].names", id="no names"),
        pytest.param({"syscalls": [rule("a", "")]}, "syscalls[0].names[1]", id="empty name"),
        pytest.param({"syscalls": [rule("a", action="X")]}, "syscalls[0].action", id="unknown action"),
        pytest.param({"syscalls": [rule("a", action="SCMP_ACT_LOG", errnoRet=1)]}, "syscalls[0].errnoRet", id="log"),
        pytest.param(
            {"syscalls": [rule("a", action="SCMP_ACT_TRACE", errnoRet=2**16)]}, "syscalls[0].errnoRet", id="trace"
        ),
        pytest.param({"syscalls": [rule("a", args=[arg(6)])]}, "syscalls[0].args[0].index", id="seventh argument"),
        pytest.param({"syscalls": [rule("a", args=[arg(value=-1)])]}, "syscalls[0].args[0].value", id="negative value"),
        pytest.param({"syscalls": [rule("a", args=[arg(op="EQ")])]}, "syscalls[0].args[0].op", id="unknown operator"),
        pytest.param({"syscalls": [rule("read", action=NOTIFY)]}, "listenerPath", id="nobody to notify"),
        pytest.param(
            {"syscalls": [rule("a", "write", action=NOTIFY)], "listenerPath": "/x"}, "syscalls[0]", id="notify write"
        ),
        pytest.param({"syscalls": [rule("read", action=NOTIFY)], "listenerPath": "x"}, "listenerPath", id="relative"),
    ],
)
@pytest.mark.clause(
    "linux.seccomp.errno.without", "linux.seccomp.names", "linux.seccomp.notify.metadata",
    "linux.seccomp.notify.refused", "linux.seccomp.actions", "linux.seccomp.flags", "linux.seccomp.architectures",
)  # fmt: skip
def test_read_refuses(value, field):
    with pytest.raises(ConfigError) as caught:
        Seccomp.read({"defaultAction": ALLOW, **value} if value else value)
    assert field == caught.value.field


@pytest.mark.parametrize(
    ("action", "errno_ret", "expected"),
    [
        pytest.param(ERRNO, None, 0x50001, id="EPERM unless given"),
        pytest.param(ERRNO, 0, 0x50000, id="no error"),
        pytest.param(ERRNO, 4094, 0x50FFE, id="largest errno"),
        pytest.param("SCMP_ACT_TRACE", None, 0x7FF00001, id="trace"),
        pytest.param("SCMP_ACT_KILL", None, 0, id="kill is kill_thread"),
        pytest.param("SCMP_ACT_KILL_PROCESS", None, 0x80000000, id="kill_process"),
        pytest.param(ALLOW, None, 0x7FFF0000, id="allow"),
    ],
)
@pytest.mark.clause("linux.seccomp.errno")
def test_verdict(action, errno_ret, expected):
    assert expected == seccomp.verdict(action, errno_ret)


def shape(section):
    return [(name, tuple((one.index, one.value) for one in args)) for _, name, args in seccomp_program.rules(section)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([rule("a", "b")], [("a", ()), ("b", ())], id="a rule per name"),
        pytest.param([rule("a", action=ALLOW)], [], id="the default is no rule"),
        pytest.param([rule("a", args=[arg(0), arg(1)])], [("a", ((0, 1), (1, 1)))], id="two arguments, one rule"),
        pytest.param([rule("a", args=[arg(0, 1), arg(0, 2)])], [("a", ((0, 1),)), ("a", ((0, 2),))], id="one twice"),
        pytest.param(
            [rule("a", args=[arg(0, 1), arg(0, 2), arg(1, 3)])],
            [("a", ((0, 1),)), ("a", ((0, 2),)), ("a", ((1, 3),))],
            id="one argument twice and another",
        ),
    ],
)
@pytest.mark.clause("linux.seccomp.args.same-index")
def test_rules(rules, expected):
    assert expected == shape(read(*rules))


def test_rules_keeps_the_default_action_when_its_errno_differs():
    section = Seccomp.read({"defaultAction": ERRNO, "syscalls": [rule("a", errnoRet=1), rule("b", errnoRet=38)]})
    assert shape(section) == [("b", ())]


@pytest.mark.clause("linux.seccomp.names.unknown")
def test_assemble_skips_names_it_does_not_know():
    program, unknown = seccomp_program.assemble(read(rule("mkdir", "no_such_call", "arm_sync_file_range")))
    assert (len(program) % 8, unknown) == (0, ["no_such_call"])


def test_assemble_ignores_an_architecture_given_twice():
    native = {"x86_64": "X86_64", "aarch64": "AARCH64"}[os.uname().machine]
    once = seccomp_program.assemble(read(rule("mkdir")))
    twice = seccomp_program.assemble(read(rule("mkdir"), architectures=[f"SCMP_ARCH_{native}"] * 2))
    assert once == twice


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs the architectures of one machine")
def test_assemble_filters_the_other_architectures_of_a_machine():
    program, _ = seccomp_program.assemble(read(rule("mkdir"), architectures=["SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"]))
    constants = {constant for *_, constant in struct.iter_unpack("=HBBI", program)}
    assert {seccomp.ARCHITECTURES[f"SCMP_ARCH_{name}"] for name in ("X86", "X86_64", "AARCH64")} <= constants


def test_assemble_names_the_architecture_when_libseccomp_cannot_filter_it():
    with pytest.raises(Unsupported, match="SCMP_ARCH_S390X") as caught:
        seccomp_program.assemble(read(rule("mkdir"), architectures=["SCMP_ARCH_S390X"]))
    assert caught.value.details["field"] == "linux.seccomp.architectures[0]"


def test_assemble_names_the_call_when_rules_disagree():
    with pytest.raises(StepError, match="syscall kill: another rule says something else"):
        seccomp_program.assemble(read(rule("kill", args=[arg()]), rule("kill", action="SCMP_ACT_LOG", args=[arg()])))


def test_pyseccomp_is_imported_without_ldconfig_and_without_typing():
    script = (
        "import sys; from pyoci.config.linux import seccomp_program as program\n"
        "forks = ('subprocess', 'os.posix_spawn', 'os.fork')\n"
        "sys.addaudithook(lambda event, args: event.startswith(forks) and sys.exit(event))\n"
        "from pyoci.config.linux.seccomp import Seccomp\n"
        "program.assemble(Seccomp.read({'defaultAction': 'SCMP_ACT_ALLOW'}))\n"
        "loaded = [name for name in ('typing', 'ctypes.util', 'subprocess', 're') if name in sys.modules]\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    path = os.pathsep.join(name for name in sys.path if name)
    finished = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_make_keeps_a_filter_by_content(tmp_path):
    cache = tmp_path / "cache"
    section = read(rule("mkdir", "no_such_call"))
    first, unknown = seccomp_program.make(section, str(cache))
    assert unknown == ["no_such_call"]
    assert seccomp_program.make(section, str(cache)) == (first, [])
    assert len(list(cache.iterdir())) == 1
    seccomp_program.make(read(rule("rmdir")), str(cache))
    assert len(list(cache.iterdir())) == 2


def test_make_keeps_no_account_of_what_the_filter_does_not_depend_on(tmp_path):
    keys = {seccomp_program.key(read(rule("mkdir"), **more)) for more in ({}, {"flags": []}, {"listenerPath": "/x"})}
    assert len(keys) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"/usr/lib/libseccomp.so.2 1 1 1\nxxxxxxxx", b"xxxxxxxx"])
def test_make_does_not_trust_what_another_library_made(tmp_path, content):
    section = read(rule("mkdir"))
    (tmp_path / seccomp_program.key(section)).write_bytes(content)
    assert seccomp_program.make(section, str(tmp_path))[0] == seccomp_program.assemble(section)[0]


def test_make_keeps_nothing_where_others_may_write(tmp_path):
    tmp_path.chmod(0o777)
    seccomp_program.make(read(rule("mkdir")), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_make_starts_anew_when_the_cache_is_full(tmp_path):
    for number in range(64):
        (tmp_path / str(number)).touch()
    seccomp_program.make(read(rule("mkdir")), str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_flags_leave_out_wait_killable_when_there_is_no_listener():
    name = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
    notifying = read(rule("mkdir", action=NOTIFY), flags=[name], listenerPath="/x")
    assert (seccomp._flags(read(flags=[name])), seccomp._flags(notifying)) == (0, 32 | 8)


STATE = {"ociVersion": "1.3.0", "id": "x", "status": "creating", "pid": 12, "bundle": "/b"}


@pytest.fixture
def agent(tmp_path):
    """A listening socket whose path is too long for its name."""
    directory = tmp_path / ("long" * 30)
    directory.mkdir()
    path = directory / "agent.sock"
    listening = socket.socket(socket.AF_UNIX)
    place = os.open(directory, os.O_PATH)
    listening.bind(f"/proc/self/fd/{place}/agent.sock")
    os.close(place)
    listening.listen(1)
    yield str(path), listening
    listening.close()


@pytest.mark.parametrize(
    ("metadata", "pid", "expected"),
    [
        pytest.param("", None, {"pid": 12}, id="create"),
        pytest.param("x" * 500_000, 13, {"pid": 13, "metadata": "x" * 500_000}, id="exec, with much metadata"),
    ],
)
@pytest.mark.clause("linux.seccomp.notify.state", "linux.seccomp.notify.fields")
def test_deliver_sends_one_state_and_the_descriptor(agent, metadata, pid, expected):
    path, listening = agent
    more = {"listenerMetadata": metadata} if metadata else {}
    section = read(rule("mkdir", action=NOTIFY), listenerPath=path, **more)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        seccomp.deliver(writer, section, STATE, pid)
        os._exit(0)
    connection, _ = listening.accept()
    packet, fds, _, _ = socket.recv_fds(connection, 100, 2)
    while rest := connection.recv(1 << 16):
        packet += rest
    assert os.waitpid(child, 0)[1] == 0
    os.write(fds[0], b"listener")
    assert os.read(reader, 100) == b"listener"
    assert json_text.loads(packet) == {"ociVersion": "1.3.0", "fds": ["seccompFd"], "state": STATE, **expected}
    for fd in (reader, writer, *fds):
        os.close(fd)
    connection.close()


@pytest.mark.clause("linux.seccomp.notify.failure")
def test_deliver_names_the_path_when_nobody_listens(tmp_path):
    section = read(rule("mkdir", action=NOTIFY), listenerPath=f"{tmp_path}/none")
    with pytest.raises(StepError, match="none: no such file or directory") as caught:
        seccomp.deliver(0, section, STATE)
    assert caught.value.details["field"] == "linux.seccomp.listenerPath"


@pytest.mark.parametrize("name", ["\udcff", "no such call"])
def test_assemble_knows_no_call_whose_name_is_no_word(name):
    section = Seccomp.read({
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [name], "action": "SCMP_ACT_ERRNO"}],
    })  # fmt: skip

    assert seccomp_program.assemble(section)[1] == [name]
