"""linux.seccomp: filters made by pyseccomp, loaded by the step, and what the kernel then does."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyoci.config.linux import seccomp
from pyoci.container.channel import Channel
from pyoci.syscalls import prctl, process
from tests.support.fake_init import fake_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]

ALLOW, ERRNO, NOTIFY = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"
STATE = {"ociVersion": "1.3.0", "id": "x", "status": "creating", "pid": 1, "bundle": "/"}
NOTIF_RECV, NOTIF_SEND = 0xC050_2100, 0xC018_2101  # SECCOMP_IOCTL_NOTIF_*
NOTIF, RESPONSE = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")  # struct seccomp_notif, seccomp_notif_resp


def prepared(*rules, no_new_privileges=True, **more):
    """An Init whose filter is made."""
    linux = {"seccomp": {"defaultAction": ALLOW, "syscalls": list(rules), **more}}
    init = fake_init(linux, process=SimpleNamespace(no_new_privileges=no_new_privileges))
    seccomp.prepare(init)
    return init


def load(init) -> None:
    prctl.no_new_privileges()
    seccomp.load_privileged(init)
    seccomp.load(init)


def number(call, *arguments):
    """The errno of *call*, 0 if it succeeds."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0


def rule(*names, action=ERRNO, **more):
    return {"names": list(names), "action": action, **more}


def arg(index, value, op, **more):
    return {"index": index, "value": value, "op": f"SCMP_CMP_{op}", **more}


@pytest.mark.clause("linux.seccomp.default-action", "linux.seccomp.errno")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"rules": [rule("getpriority")]}, errno.EPERM, id="EPERM unless given"),
        pytest.param({"rules": [rule("getpriority", errnoRet=38)]}, errno.ENOSYS, id="given"),
        pytest.param({"rules": [rule("getpriority", errnoRet=4094)]}, 4094, id="largest"),
        pytest.param({"rules": [rule("getpriority", action="SCMP_ACT_LOG")]}, 0, id="log"),
        pytest.param({"rules": [rule("getpriority", action="SCMP_ACT_TRACE")]}, errno.ENOSYS, id="no tracer"),
        pytest.param({"rules": [rule("nosuch", "getpriority")]}, errno.EPERM, id="behind an unknown name"),
        pytest.param({"rules": [rule("getpriority", action=ALLOW)]}, 0, id="the default again"),
    ],
)
def test_filter_answers(in_child: InChild, given, expected) -> None:
    init = prepared(*given["rules"])

    def child():
        load(init)
        return number(os.getpriority, os.PRIO_PROCESS, 0)

    assert in_child(child, 0) == expected


def test_filter_denies_by_default_what_no_rule_allows(in_child: InChild) -> None:
    allowed = rule("write", "exit_group", "close", "brk", "mmap", "munmap", "futex", action=ALLOW)
    init = prepared(allowed, defaultAction=ERRNO, defaultErrnoRet=errno.ENOTUNIQ)

    def child():
        load(init)
        return number(os.getpriority, os.PRIO_PROCESS, 0), number(os.stat, "/")

    assert in_child(child, 0) == (errno.ENOTUNIQ, errno.ENOTUNIQ)


@pytest.mark.clause("linux.seccomp.actions")
@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"])
def test_filter_ends_the_process_when_it_kills(in_child: InChild, action) -> None:
    init = prepared(rule("getpriority", action=action))

    def child():
        load(init)
        os.getpriority(os.PRIO_PROCESS, 0)

    with pytest.raises(AssertionError, match=rf"wait status ({signal.SIGSYS}|{signal.SIGSYS | 0x80})\b"):
        in_child(child, 0)


@pytest.mark.clause("linux.seccomp.args", "linux.seccomp.args.masked", "linux.seccomp.args.same-index")
@pytest.mark.parametrize(
    ("conditions", "denied"),
    [
        pytest.param([arg(1, 5, "EQ")], {5}, id="equal"),
        pytest.param([arg(1, 5, "NE")], {0, 1, 2, 3, 4, 6, 7}, id="not equal"),
        pytest.param([arg(1, 2, "LT")], {0, 1}, id="less"),
        pytest.param([arg(1, 2, "LE")], {0, 1, 2}, id="less or equal"),
        pytest.param([arg(1, 6, "GT")], {7}, id="greater"),
        pytest.param([arg(1, 6, "GE")], {6, 7}, id="greater or equal"),
        pytest.param([arg(1, 6, "MASKED_EQ", valueTwo=4)], {4, 5}, id="the mask is value"),
        pytest.param([arg(0, 0, "EQ"), arg(1, 5, "EQ")], {5}, id="two arguments are anded"),
        pytest.param([arg(0, 1, "EQ"), arg(1, 5, "EQ")], set(), id="one of them differs"),
        pytest.param([arg(1, 2, "EQ"), arg(1, 5, "EQ")], {2, 5}, id="one argument twice is ored"),
    ],
)
def test_filter_looks_at_arguments(in_child: InChild, conditions, denied) -> None:
    init = prepared(rule("getpriority", args=conditions, errnoRet=errno.ENOTUNIQ))

    def child():
        load(init)
        return {who for who in range(8) if number(os.getpriority, os.PRIO_PROCESS, who) == errno.ENOTUNIQ}

    assert in_child(child, 0) == denied


@pytest.mark.clause("linux.seccomp.no-new-privileges")
def test_filter_is_loaded_by_one_step_when_privileged_and_by_the_other_when_not(in_child: InChild) -> None:
    def child(no_new_privileges):
        init = prepared(rule("getpriority"), no_new_privileges=no_new_privileges)
        if no_new_privileges:
            prctl.no_new_privileges()
        seccomp.load_privileged(init)
        early = number(os.getpriority, os.PRIO_PROCESS, 0)
        seccomp.load(init)
        return early, number(os.getpriority, os.PRIO_PROCESS, 0)

    assert in_child(lambda: child(False), 0) == (errno.EPERM, errno.EPERM)
    assert in_child(lambda: child(True), 0) == (0, errno.EPERM)


@pytest.mark.clause("linux.seccomp.flags")
@pytest.mark.parametrize("flag", sorted(seccomp.FLAGS))
def test_filter_is_loaded_when_it_has_a_flag(in_child: InChild, flag) -> None:
    init = prepared(rule("getpriority"), flags=[flag])

    def child():
        load(init)
        lines = Path("/proc/self/status").read_text().splitlines()
        return [line for line in lines if line.startswith("Seccomp:")], number(os.getpriority, os.PRIO_PROCESS, 0)

    assert in_child(child, 0) == (["Seccomp:\t2"], errno.EPERM)


@pytest.mark.clause("linux.seccomp.architectures")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs int 0x80")
def test_filter_holds_for_the_native_architecture_when_only_another_is_listed(in_child: InChild) -> None:
    init = prepared(rule("getpriority"), architectures=["SCMP_ARCH_X86"])

    def child():
        load(init)
        return number(os.getpriority, os.PRIO_PROCESS, 0)

    assert in_child(child, 0) == errno.EPERM


def agent(listening: socket.socket, answers: int) -> None:
    """An agent as anybody might write one: receive the listener, then answer with ENOTUNIQ what it is asked."""
    import fcntl

    connection, _ = listening.accept()
    packet, fds, _, _ = socket.recv_fds(connection, 1 << 16, 1)
    assert b'"seccompFd"' in packet
    for _ in range(answers):
        buffer = bytearray(NOTIF.size)
        fcntl.ioctl(fds[0], NOTIF_RECV, buffer)
        fcntl.ioctl(fds[0], NOTIF_SEND, RESPONSE.pack(NOTIF.unpack(buffer)[0], 0, -errno.ENOTUNIQ, 0))
    os._exit(0)


@pytest.mark.clause("linux.seccomp.notify.state")
@pytest.mark.needs("seccomp-notify")
@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("flags", [[], ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC"]])
def test_agent_answers_calls_when_it_was_handed_the_listener(tmp_path, no_new_privileges, flags) -> None:
    """The whole way: init loads, says where the listener is, the runtime fetches it and passes it to the agent.

    The agent also answers sendmsg and getpriority: init's own words to the runtime need neither.
    """
    path = str(tmp_path / "agent.sock")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(1)
    if (agent_pid := os.fork()) == 0:
        agent(listening, 1)
    init = prepared(rule("sendmsg", "getpriority", action=NOTIFY), flags=flags, listenerPath=path,
                    no_new_privileges=no_new_privileges)  # fmt: skip
    ours, theirs = Channel.pair()
    if (pid := os.fork()) == 0:
        init.channel = theirs
        if no_new_privileges:
            prctl.no_new_privileges()
        seccomp.load_privileged(init)
        seccomp.load(init)
        os._exit(number(os.getpriority, os.PRIO_PROCESS, 0))
    theirs.close()
    message, _ = ours.receive()
    assert message is not None
    assert message["ask"] == "listener"
    pidfd = os.pidfd_open(pid)
    listener = process.pidfd_getfd(pidfd, message["fd"])
    seccomp.deliver(listener, init.config.linux.seccomp, STATE, pid)
    os.close(listener)
    os.close(pidfd)
    ours.send({})
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == errno.ENOTUNIQ
    assert os.waitstatus_to_exitcode(os.waitpid(agent_pid, 0)[1]) == 0
    ours.close()
    listening.close()


@pytest.mark.clause("linux.seccomp.notify.unused")
def test_listener_path_is_ignored_when_nothing_notifies(in_child: InChild) -> None:
    init = prepared(rule("getpriority"), listenerPath="/nonexistent")

    def child():
        load(init)
        return number(os.getpriority, os.PRIO_PROCESS, 0)

    assert in_child(child, 0) == errno.EPERM
