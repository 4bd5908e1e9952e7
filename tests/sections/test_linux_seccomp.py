"""linux.seccomp: what the program may ask of the kernel."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support import elf
from tests.support.agent import ANSWER, Agent
from tests.support.container import Container
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

_MKDIR = ["mkdir", "mkdirat"]
_SIGSYS = "159"
_ON_X86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the program is for x86_64")


def rule(action: str, *args: dict[str, Any], names: list[str] | None = None, **rest: Any) -> dict[str, Any]:
    """An entry of syscalls, about mkdir unless told otherwise."""
    return {"names": names or _MKDIR, "action": f"SCMP_ACT_{action}", **({"args": list(args)} if args else {}), **rest}


def arg(index: int, op: str, value: int, two: int = 0) -> dict[str, Any]:
    """An entry of args."""
    return {"index": index, "value": value, "valueTwo": two, "op": f"SCMP_CMP_{op}"}


def use(container: Container, *rules: dict[str, Any], default: str = "ALLOW", **rest: Any) -> Container:
    """Give *container* a filter."""
    container.bundle.linux["seccomp"] = {"defaultAction": f"SCMP_ACT_{default}", "syscalls": list(rules), **rest}
    return container


_TRY = "mkdir /tmp/made 2>&1; echo $?"


@pytest.mark.clause("linux.seccomp.actions", "linux.seccomp.errno")
@pytest.mark.parametrize(
    ("entry", "seen"),
    [
        pytest.param(rule("ALLOW"), "0", id="allow"),
        pytest.param(rule("LOG"), "0", id="log"),
        pytest.param(rule("ERRNO"), "Operation not permitted 1", id="errno"),
        pytest.param(rule("ERRNO", errnoRet=28), "No space left on device 1", id="another errno"),
        pytest.param(rule("KILL"), _SIGSYS, id="kill"),
        pytest.param(rule("KILL_THREAD"), _SIGSYS, id="kill thread"),
        pytest.param(rule("KILL_PROCESS"), _SIGSYS, id="kill process"),
        pytest.param(rule("TRAP"), _SIGSYS, id="trap"),
        pytest.param(rule("TRACE"), "Function not implemented 1", id="trace without a tracer"),
        pytest.param(rule("TRACE", errnoRet=5), "Function not implemented 1", id="trace with a message"),
    ],
)
@pytest.mark.parametrize("privileges", [True, False], ids=["no new privileges", "new privileges"])
def test_actions_do_what_they_say(container: Container, entry: dict[str, Any], seen: str, privileges: bool) -> None:
    use(container, entry).bundle.process["noNewPrivileges"] = privileges

    said = container.output(_TRY)

    assert " ".join(said.split()).endswith(seen)
    assert (container.bundle.rootfs / "tmp/made").exists() == (seen == "0")


@pytest.mark.clause("linux.seccomp.actions")
def test_a_trap_can_be_caught(container: Container) -> None:
    use(container, rule("TRAP", names=["umask"]))

    assert container.output("trap 'echo caught' SYS; umask 077; echo after").splitlines()[-2:] == ["caught", "after"]


@pytest.mark.clause("linux.seccomp.no-new-privileges", "linux.seccomp.exec")
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("privileges", [True, False])
def test_is_in_effect_for_everybody(container: Container, uid: int, privileges: bool) -> None:
    use(container, rule("ERRNO", errnoRet=28))
    container.bundle.process.update(noNewPrivileges=privileges, user={"uid": uid, "gid": uid})
    container.bundle.process["capabilities"] = {}
    container.up()
    look = "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status | cut -f2 | tr '\\n' ' '; mkdir /tmp/x 2>&1"

    seen = container.exec("sh", "-c", look).output

    assert seen.startswith(f"{int(privileges)} 2 ")
    assert seen.endswith("No space left on device")


@pytest.mark.clause("linux.seccomp.default-action")
def test_without_a_filter_there_is_none(container: Container) -> None:
    assert container.output("grep ^Seccomp: /proc/self/status").split() == ["Seccomp:", "0"]


def _all_but(*names: str) -> list[str]:
    """The calls of this machine that libseccomp knows, without some."""
    seccomp = pytest.importorskip("pyseccomp")
    known = []
    for number in range(600):
        with contextlib.suppress(ValueError):
            known.append(seccomp.resolve_syscall(seccomp.system_arch(), number))
    texts = [name.decode() if isinstance(name, bytes) else name for name in known]
    return [name for name in texts if name not in names]


@pytest.mark.clause("linux.seccomp.default-action", "linux.seccomp.errno")
@pytest.mark.parametrize(("errno_ret", "seen"), [(28, "No space left on device"), (None, "Operation not permitted")])
def test_the_default_is_for_what_no_rule_names(container: Container, errno_ret: int | None, seen: str) -> None:
    use(container, rule("ALLOW", names=_all_but(*_MKDIR)), default="ERRNO", defaultErrnoRet=errno_ret)

    assert seen in container.output(_TRY)


@pytest.mark.clause("linux.seccomp.default-action")
@pytest.mark.parametrize("privileges", [True, False])
@pytest.mark.differs("runc needs other calls than these")
def test_a_list_of_allowed_calls_may_be_as_short_as_the_engines(container: Container, privileges: bool) -> None:
    """What calls init makes after loading the filter has to be in every engine's profile; these are not there."""
    refused = (
        *("mount", "umount2", "open_tree", "move_mount", "fsopen", "mount_setattr", "pivot_root", "unshare", "setns"),
        *("bpf", "keyctl", "add_key", "pidfd_getfd", "sched_setattr", "ptrace", "clone3"),
    )
    use(container, rule("ALLOW", names=_all_but(*refused)), default="ERRNO")
    container.bundle.process["noNewPrivileges"] = privileges

    assert container.output("echo ran") == "ran"


@pytest.mark.clause("linux.seccomp.actions")
@pytest.mark.parametrize("privileges", [True, False])
@pytest.mark.differs("runc looks where it is after loading the filter")
def test_may_refuse_to_say_where_the_program_is(container: Container, privileges: bool) -> None:
    use(container, rule("ERRNO", names=["getcwd"], errnoRet=28)).bundle.process["noNewPrivileges"] = privileges
    container.bundle.process["cwd"] = "/home"

    assert "No space left on device" in container.output("/bin/pwd 2>&1 || :; readlink /proc/self/cwd").splitlines()[0]


@pytest.mark.clause("linux.seccomp.args", "linux.seccomp.args.masked")
@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        (arg(0, "NE", 0o27), "026 030 066"),
        (arg(0, "EQ", 0o27), "027"),
        (arg(0, "LT", 0o27), "026"),
        (arg(0, "LE", 0o27), "026 027"),
        (arg(0, "GT", 0o27), "030 066"),
        (arg(0, "GE", 0o27), "027 030 066"),
        (arg(0, "MASKED_EQ", 0o07, 0o06), "026 066"),
        (arg(0, "MASKED_EQ", 0o70, 0o20), "026 027"),
    ],
    ids=lambda value: value["op"][9:] if isinstance(value, dict) else "",
)
def test_arguments_are_compared(container: Container, condition: dict[str, Any], refused: str) -> None:
    """umask(2) is the shell's own call, and its effect can be read."""
    use(container, rule("ERRNO", condition, names=["umask"]))
    script = "for mask in 026 027 030 066; do umask $mask; grep -q ^Umask:.0$mask /proc/$$/status || echo $mask; done"

    assert container.output(script).split() == refused.split()


@pytest.mark.clause("linux.seccomp.args", "linux.seccomp.args.same-index")
@pytest.mark.parametrize(
    ("conditions", "refused"),
    [
        pytest.param([arg(0, "EQ", 1), arg(1, "EQ", 0)], "1:0", id="all of several arguments"),
        pytest.param([arg(1, "EQ", 0), arg(1, "EQ", 18)], "1:0 1:18 me:0 me:18", id="any of one argument"),
    ],
)
def test_several_conditions(container: Container, conditions: list[dict[str, Any]], refused: str) -> None:
    """kill(2) with 0 and SIGCONT, for process 1 and another."""
    use(container, rule("ERRNO", *conditions, names=["kill"]))
    container.bundle.script(
        "sleep 5 & for number in 0 18; do kill -$number 1 2>/dev/null || echo 1:$number;"
        "kill -$number $! 2>/dev/null || echo me:$number; done; kill -9 $!"
    )

    assert sorted(container.run().ok().output.split()) == refused.split()


@pytest.mark.clause("linux.seccomp.architectures")
@_ON_X86
@pytest.mark.parametrize(
    ("architectures", "status"),
    [
        pytest.param(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], 28, id="listed"),
        pytest.param(["SCMP_ARCH_X86"], 28, id="alone"),
        pytest.param(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86_64"], 159, id="not listed"),
        pytest.param([], 159, id="none"),
    ],
)
def test_rules_hold_for_the_architectures_listed_and_the_native_one(
    container: Container, architectures: list[str], status: int
) -> None:
    """The program makes its call as a 32-bit one would; one for an architecture that is not listed kills it."""
    program = container.bundle.rootfs / "bin/by-int-80"
    program.write_bytes(elf.mkdir_by_int_80())
    program.chmod(0o755)
    use(container, rule("ERRNO", errnoRet=28), architectures=architectures)

    seen = container.output("mkdir /tmp/x 2>&1; by-int-80; echo $?").splitlines()

    assert seen[0].endswith("No space left on device")
    assert seen[-1] == str(status)
    assert not (container.bundle.rootfs / "made").exists()


@pytest.mark.clause("linux.seccomp.flags")
@pytest.mark.parametrize(
    "flags",
    [["LOG"], ["SPEC_ALLOW"], ["TSYNC"], ["LOG", "SPEC_ALLOW", "TSYNC"], ["WAIT_KILLABLE_RECV"]],
    ids=" ".join,
)
@pytest.mark.differs("runc 1.1 knows none")
def test_flags_are_taken(container: Container, flags: list[str]) -> None:
    use(container, rule("ERRNO"), flags=[f"SECCOMP_FILTER_FLAG_{flag}" for flag in flags])

    assert "not permitted" in container.output(_TRY)


@pytest.mark.clause(
    "linux.seccomp.actions", "linux.seccomp.errno.without", "linux.seccomp.names", "linux.seccomp.architectures",
    "linux.seccomp.flags", "linux.seccomp.args", "linux.seccomp.default-action", "linux.seccomp.notify.metadata",
    "linux.seccomp.notify.refused",
)  # fmt: skip
@pytest.mark.differs("runc takes some, and words the others otherwise")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"defaultAction": None}, "defaultAction"),
        ({"defaultAction": "SCMP_ACT_NOPE"}, "defaultAction"),
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, "defaultAction"),
        ({"defaultErrnoRet": 5}, "defaultErrnoRet"),
        ({"architectures": ["X86"]}, "architectures[0]"),
        ({"flags": ["LOG"]}, "flags[0]"),
        ({"listenerMetadata": "text"}, "listenerMetadata"),
        ({"syscalls": [rule("NOPE")]}, "syscalls[0].action"),
        ({"syscalls": [{"action": "SCMP_ACT_ERRNO", "names": []}]}, "syscalls[0].names"),
        ({"syscalls": [{"action": "SCMP_ACT_ERRNO"}]}, "syscalls[0].names"),
        ({"syscalls": [rule("KILL", errnoRet=5)]}, "syscalls[0].errnoRet"),
        ({"syscalls": [rule("ALLOW", errnoRet=0)]}, "syscalls[0].errnoRet"),
        ({"syscalls": [rule("ERRNO", errnoRet=4096)]}, "syscalls[0].errnoRet"),
        ({"syscalls": [rule("ERRNO", arg(6, "EQ", 0))]}, "syscalls[0].args[0].index"),
        ({"syscalls": [rule("ERRNO", arg(0, "XX", 0))]}, "syscalls[0].args[0].op"),
        ({"syscalls": [rule("ERRNO", arg(0, "EQ", 2**64))]}, "syscalls[0].args[0].value"),
        ({"syscalls": [rule("NOTIFY", names=["write"])], "listenerPath": "/x"}, "syscalls[0]"),
        ({"syscalls": [rule("NOTIFY")]}, "listenerPath"),
    ],
    ids=str,
)
def test_is_checked(container: Container, change: dict[str, Any], field: str) -> None:
    use(container)
    container.bundle.linux["seccomp"].update(change)

    container.create().failed(f"linux.seccomp.{field}")


@pytest.mark.clause("linux.seccomp.names.unknown")
def test_unknown_names_are_skipped(container: Container) -> None:
    use(container, rule("ERRNO", names=["no_such_call", *_MKDIR]))

    assert "not permitted" in container.output(_TRY)


@pytest.mark.clause("linux.seccomp.no-new-privileges")
@pytest.mark.needs("userns")
def test_is_in_effect_for_an_unprivileged_user(container: Container, as_user: dict[str, Any]) -> None:
    use(container, rule("ERRNO", errnoRet=28)).bundle.script(_TRY)

    assert "No space left" in container.run(**as_user).ok().stdout


_notify = pytest.mark.needs("seccomp-notify")


@_notify
@pytest.mark.clause("linux.seccomp.notify.state", "linux.seccomp.notify.fields", "linux.seccomp.exec")
@pytest.mark.differs("runc 1.1 keeps the connection of an exec open")
@pytest.mark.parametrize("privileges", [True, False])
def test_an_agent_answers_and_knows_whom(container: Container, agent: Agent, privileges: bool) -> None:
    use(container, rule("NOTIFY"), listenerPath=str(agent.path), listenerMetadata="a text")
    container.bundle.process["noNewPrivileges"] = privileges
    container.bundle.config["annotations"] = {"key": "value"}
    container.bundle.script("mkdir /tmp/x 2>/tmp/said; echo $? >/tmp/done; sleep 1000")

    container.create().ok()
    pid = container.pid
    container.start().ok()
    container.wait_for_file("/tmp/done")
    second = container.exec("mkdir", "/tmp/y")

    assert os.strerror(ANSWER) in (container.bundle.rootfs / "tmp/said").read_text()
    assert os.strerror(ANSWER) in second.stderr
    created, executed = agent.states
    assert (created["pid"], created["fds"], created["metadata"]) == (pid, ["seccompFd"], "a text")
    assert created["ociVersion"] == created["state"]["ociVersion"]
    assert created["state"]["id"] == executed["state"]["id"] == container.id
    assert created["state"]["bundle"] == str(container.bundle.path)
    assert created["state"]["annotations"]["key"] == "value"
    assert (created["state"]["status"], executed["state"]["status"]) == ("creating", "running")
    assert created["state"]["pid"] == executed["state"]["pid"] == pid
    assert executed["pid"] != pid
    assert len(agent.descriptors) == 2


@_notify
@pytest.mark.clause("linux.seccomp.notify.state")
@pytest.mark.differs("runc makes other calls after it has loaded the filter")
@pytest.mark.parametrize("name", ["execve", "close", "setresuid", "capset", "prctl", "chdir", "fchdir", "newfstatat"])
@pytest.mark.parametrize("privileges", [True, False])
def test_calls_of_the_runtime_itself_may_be_answered(
    container: Container, agent: Agent, name: str, privileges: bool
) -> None:
    """However the agent answers them: the runtime fails or not, but it does not hang."""
    use(container, rule("NOTIFY", names=[name]), listenerPath=str(agent.path))
    container.bundle.process.update(noNewPrivileges=privileges)

    container.run(timeout=20)

    wait_for(lambda: agent.states, "the agent to hear of it")
    assert len(agent.states) == 1


@_notify
@pytest.mark.clause("linux.seccomp.notify.failure")
@pytest.mark.parametrize("kind", ["missing", "file", "deaf"])
def test_an_agent_that_cannot_be_reached_is_an_error(container: Container, place: Path, kind: str) -> None:
    match kind:
        case "file":
            (place / "agent").write_text("")
        case "deaf":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
                bound.bind(str(place / "agent"))
    use(container, rule("NOTIFY"), listenerPath=str(place / "agent"))

    result = container.create().failed()

    assert str(place / "agent") in result.stderr


@_notify
@pytest.mark.clause("linux.seccomp.notify.unused")
def test_an_agent_nobody_asks_is_not_called(container: Container, agent: Agent) -> None:
    use(container, rule("ERRNO"), listenerPath="/no/such/agent", listenerMetadata="text")

    assert "not permitted" in container.output(_TRY)
    assert agent.states == []


@_notify
@pytest.mark.clause("linux.seccomp.notify.refused")
def test_an_agent_is_not_asked_about_write(container: Container, agent: Agent) -> None:
    use(container, rule("NOTIFY", names=["write"]), listenerPath=str(agent.path))

    container.create(timeout=10).failed("SCMP_ACT_NOTIFY cannot be used for the write syscall")


@_notify
def test_without_its_agent_a_call_fails(container: Container, agent: Agent) -> None:
    use(container, rule("NOTIFY"), listenerPath=str(agent.path))
    container.bundle.script("echo up >/tmp/up; while [ ! -e /tmp/go ]; do sleep 0.02; done; mkdir /tmp/x; sleep 1000")
    container.up()
    container.wait_for_file("/tmp/up")
    agent.close()

    (container.bundle.rootfs / "tmp/go").touch()

    wait_for(lambda: container.status == "running")
    assert not (container.bundle.rootfs / "tmp/x").exists()
