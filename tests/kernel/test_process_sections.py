"""The steps of pyoci/config/process, each taken in a fork and looked at with the kernel's own eyes."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from pyoci.config.linux import memory_policy, personality
from pyoci.config.process import (
    Process,
    apparmor_profile,
    capabilities,
    cwd,
    exec_cpu_affinity,
    execute,
    io_priority,
    no_new_privileges,
    oom_score_adj,
    rlimits,
    scheduler,
    user,
)
from pyoci.errors import StepError
from pyoci.runtime import steps
from pyoci.syscalls import mount, namespaces, procfs
from tests.support import abilities
from tests.support.fake_init import fake_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]

MINIMAL = {"cwd": "/", "args": ["true"]}
NOBODY = 65534


def an_init(linux=None, **sections):
    """An Init with the sections of process given, an O_PATH of / and procfs; warnings are gathered in ``warnings``."""
    init = fake_init(linux, process=Process.read(MINIMAL | sections), root=os.open("/", os.O_PATH), warnings=[])
    vars(init).update(proc=procfs.open_private(), warn=init.warnings.append)
    return init


def status(*keys):
    lines = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(lines[key] for key in keys)


def message(function, *arguments):
    """The text and errno of the StepError that *function* raises."""
    with pytest.raises(StepError) as caught:
        function(*arguments)
    return str(caught.value), caught.value.details.get("errno")


@pytest.mark.clause("process.user.ids", "process.user.additional-gids")
@pytest.mark.parametrize("gids", [pytest.param([], id="none"), pytest.param([7, 5, 2**32 - 2], id="three")])
def test_become_sets_all_ids_and_exactly_the_groups(in_child: InChild, gids) -> None:
    def child():
        os.setgroups([1, 2])
        user.become(an_init(user={"uid": 1000, "gid": 1001, "additionalGids": gids}))
        return os.getresuid(), os.getresgid(), sorted(os.getgroups())

    assert in_child(child) == ((1000,) * 3, (1001,) * 3, sorted(gids))


def enter_user_namespace(*, setgroups: str) -> None:
    """Become root of a user namespace that maps id 0 alone; only a process outside may write maps and allow groups."""
    reader, writer = os.pipe()
    ours = Path(f"/proc/{os.getpid()}")
    if (pid := os.fork()) == 0:
        os.read(reader, 1)
        for name, text in (("setgroups", setgroups), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
            (ours / name).write_text(text)
        os._exit(0)
    namespaces.unshare(namespaces.CLONE_NEWUSER)
    os.write(writer, b"x")
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.clause("process.user.unmapped")
@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        pytest.param({"uid": 5, "gid": 0}, "uid", "uid 5 (linux.uidMappings", id="uid"),
        pytest.param({"uid": 0, "gid": 5}, "gid", "gid 5 (linux.gidMappings", id="gid"),
        pytest.param({"uid": 0, "gid": 0, "additionalGids": [5]}, "gid", "groups 5", id="group"),
    ],
)
@pytest.mark.needs("userns")
def test_become_says_so_when_an_id_is_not_mapped(in_child: InChild, given, kind, expected) -> None:
    def child():
        enter_user_namespace(setgroups="allow")
        return message(user.become, an_init(user=given))

    text, number = in_child(child, 0)
    assert text.startswith(f"cannot set {kind} to unmapped user in user namespace: {expected}")
    assert number == errno.EINVAL


@pytest.mark.clause("process.user.additional-gids.denied")
@pytest.mark.needs("userns")
def test_become_refuses_groups_when_setgroups_is_denied_but_not_their_absence(in_child: InChild) -> None:
    def child():
        enter_user_namespace(setgroups="deny")
        user.become(an_init(user={"uid": 0, "gid": 0}))
        return message(user.become, an_init(user={"uid": 0, "gid": 0, "additionalGids": [0]}))

    text, number = in_child(child, 0)
    assert text.startswith("cannot set any additional groups in a rootless container")
    assert number == errno.EPERM


@pytest.mark.clause("process.user.umask", "process.user.umask.unset")
@pytest.mark.parametrize(("given", "expected"), [({}, 0o022), ({"umask": 0}, 0), ({"umask": 0o777}, 0o777)])
def test_umask_is_set(in_child: InChild, given, expected) -> None:
    def child():
        os.umask(0o123)
        user.umask(an_init(user={"uid": 0, "gid": 0, **given}))
        return os.umask(0)

    assert in_child(child) == expected


@pytest.mark.clause("process.cwd.made")
def test_make_creates_the_directory_when_it_is_missing(in_child: InChild, tmp_path) -> None:
    def child():
        os.umask(0o022)
        init = an_init(cwd=f"{tmp_path}/a/b")
        cwd.make(init)
        cwd.make(init)
        cwd.enter(init)
        cwd.enter_as_user(init)
        return os.getcwd(), os.stat(".").st_mode & 0o7777

    assert in_child(child) == (f"{tmp_path}/a/b", 0o755)


@pytest.mark.clause("process.cwd.permission")
def test_enter_works_when_only_root_may(in_child: InChild, place) -> None:
    def child():
        os.mkdir(f"{place}/home", 0o700)
        init = an_init(cwd=f"{place}/home", user={"uid": 1000, "gid": 1000})
        cwd.enter(init)
        user.become(init)
        cwd.enter_as_user(init)
        return os.getcwd()

    assert in_child(child) == f"{place}/home"


@pytest.mark.clause("process.cwd.permission")
def test_enter_as_user_works_when_root_is_denied(in_child: InChild, place) -> None:
    def child():
        os.mkdir(f"{place}/home")
        os.chmod(f"{place}/home", 0o700)
        os.chown(f"{place}/home", 1000, 1000)
        few = ["CAP_SETUID", "CAP_SETGID"]
        given = {"permitted": few, "effective": few, "bounding": few}
        init = an_init(cwd=f"{place}/home", user={"uid": 1000, "gid": 1000}, capabilities=given)
        capabilities.shrink_bounding_set(init)
        capabilities.set_all(init)  # a root without CAP_DAC_OVERRIDE, as on NFS
        cwd.enter(init)
        before = os.getcwd()
        user.become(init)
        cwd.enter_as_user(init)
        return before != os.getcwd(), os.getcwd()

    assert in_child(child) == (True, f"{place}/home")


@pytest.mark.clause("process.cwd.inside")
def test_enter_refuses_a_magic_link_when_it_leads_to_an_open_directory(in_child: InChild) -> None:
    def child():
        fd = os.open("/sys", os.O_RDONLY)
        init = an_init(cwd=f"/proc/self/fd/{fd}")
        return message(cwd.enter, init), message(cwd.make, init)

    for text, number in in_child(child):
        assert "possible container breakout detected" in text
        assert number == errno.ELOOP


@pytest.mark.clause("process.cwd.inside")
def test_enter_refuses_a_directory_that_the_root_does_not_reach(in_child: InChild, tmp_path) -> None:
    def child():
        init = an_init(cwd="/usr")
        os.chroot(tmp_path)
        return message(cwd.enter, init)[0]

    assert "possible container breakout detected" in in_child(child)


@pytest.mark.clause("process.cwd.inside")
def test_verify_refuses_a_directory_that_the_root_does_not_reach(in_child: InChild, tmp_path) -> None:
    def child():
        os.chdir("/")
        os.chroot(tmp_path)
        return message(cwd.verify)[0]

    assert in_child(child) == (
        "current working directory is outside of container mount namespace root -- possible container breakout detected"
    )


@pytest.mark.parametrize(
    ("path", "number"),
    [pytest.param("none", errno.ENOENT, id="missing"), pytest.param("file", errno.ENOTDIR, id="a file")],
)
def test_enter_words_it_as_runc_does_when_it_fails(in_child: InChild, tmp_path, path, number) -> None:
    (tmp_path / "file").touch()

    def child():
        return message(cwd.enter, an_init(cwd=f"{tmp_path}/{path}"))

    expected = f'chdir to cwd ("{tmp_path}/{path}") set in config.json failed: {os.strerror(number).lower()}'
    assert in_child(child) == (expected, number)


def mask(*numbers):
    return f"{sum(1 << number for number in numbers):016x}"


@pytest.mark.clause("process.capabilities.sets")
@pytest.mark.parametrize("uid", [0, 1000])
def test_capabilities_are_those_given(in_child: InChild, uid) -> None:
    given = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
        "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NO"],
        "effective": ["CAP_KILL"],
        "inheritable": ["CAP_CHOWN", "CAP_NET_RAW"],
        "ambient": ["CAP_CHOWN", "CAP_NET_RAW"],
    }

    def child():
        init = an_init(capabilities=given, user={"uid": uid, "gid": uid})
        capabilities.shrink_bounding_set(init)
        capabilities.keep(init)
        user.become(init)
        capabilities.set_all(init)
        return status("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"), init.warnings

    sets, warnings = in_child(child)
    assert sets == (mask(0, 5, 13), mask(0, 5), mask(5), mask(0, 13), mask(0))
    assert [warning.rpartition(": ")[2] for warning in warnings] == ["[CAP_NO]", "[CAP_NET_RAW]"]


@pytest.mark.clause("process.capabilities.absent")
def test_capabilities_go_with_the_user_when_they_are_not_kept(in_child: InChild) -> None:
    def child():
        user.become(an_init(user={"uid": 1000, "gid": 1000}))
        return status("CapPrm", "CapEff")

    assert in_child(child) == (mask(), mask())


@pytest.mark.clause("process.no-new-privileges")
@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges_is_set_only_when_wanted(in_child: InChild, wanted) -> None:
    def child():
        no_new_privileges.set(an_init(noNewPrivileges=wanted))
        return status("NoNewPrivs")

    assert in_child(child) == (str(int(wanted)),)


@pytest.mark.clause("process.rlimits.set")
@pytest.mark.parametrize("limits", [(7, 9), (0, 0), (2**63, 2**63), (2**64 - 2, 2**64 - 1)])
def test_rlimits_are_exactly_those_given(in_child: InChild, limits) -> None:
    soft, hard = limits
    ceiling = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard > ceiling >= 0 and not abilities.has("sys_resource"):
        pytest.skip("needs CAP_SYS_RESOURCE")

    def child():
        rlimits.set_all(an_init(rlimits=[{"type": "RLIMIT_CORE", "soft": soft, "hard": hard}]))
        return tuple(limit % 2**64 for limit in resource.getrlimit(resource.RLIMIT_CORE))

    assert in_child(child) == limits


@pytest.mark.clause("process.rlimits.raise")
def test_rlimits_say_which_one_when_a_hard_limit_may_not_be_raised(in_child: InChild) -> None:
    def child():
        init = an_init(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 11, "hard": 12}])
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))
        os.setresuid(NOBODY, NOBODY, NOBODY)
        return message(rlimits.set_all, init)

    text, number = in_child(child)
    assert text.startswith("error setting rlimit RLIMIT_NOFILE to 11:12: operation not permitted")
    assert number == errno.EPERM


@pytest.mark.clause("process.oom-score-adj.set")
@pytest.mark.parametrize("wanted", [0, 500, 1000])
def test_oom_score_adj_is_written(in_child: InChild, wanted) -> None:
    def child():
        oom_score_adj.set(an_init(oomScoreAdj=wanted))
        return int(Path("/proc/self/oom_score_adj").read_text())

    assert in_child(child) == wanted


@pytest.mark.clause("process.oom-score-adj.unset", "process.oom-score-adj.denied")
def test_oom_score_adj_is_left_alone_when_unset_or_denied_to_rootless(in_child: InChild) -> None:
    def child():
        Path("/proc/self/oom_score_adj").write_text("100")
        oom_score_adj.set(an_init())
        os.setresuid(NOBODY, NOBODY, NOBODY)
        init = an_init(oomScoreAdj=-1000)
        init.rootless = True
        oom_score_adj.set(init)
        init.rootless = False
        with pytest.raises(PermissionError):
            oom_score_adj.set(init)
        return int(Path("/proc/self/oom_score_adj").read_text())

    assert in_child(child) == 100


@pytest.mark.clause("process.scheduler.applied")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"policy": "SCHED_BATCH", "nice": 5}, (os.SCHED_BATCH, 0, 5), id="batch"),
        # Their policies know no niceness: what the caller has stays.
        pytest.param({"policy": "SCHED_IDLE"}, (os.SCHED_IDLE, 0, os.nice(0)), id="idle"),
        pytest.param(
            {"policy": "SCHED_RR", "priority": 3, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
            (os.SCHED_RR | os.SCHED_RESET_ON_FORK, 3, os.nice(0)),
            id="round robin",
        ),
    ],
)
def test_scheduler_is_set(in_child: InChild, given, expected) -> None:
    def child():
        scheduler.set(an_init(scheduler=given))
        return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, os.getpriority(os.PRIO_PROCESS, 0)

    assert in_child(child) == expected


@pytest.mark.clause("process.io-priority.applied")
@pytest.mark.skipif(shutil.which("ionice") is None, reason="looks with ionice(1)")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"class": "IOPRIO_CLASS_BE", "priority": 7}, "best-effort: prio 7", id="best effort"),
        pytest.param({"class": "IOPRIO_CLASS_RT", "priority": 0}, "realtime: prio 0", id="realtime"),
        pytest.param({"class": "IOPRIO_CLASS_IDLE", "priority": 0}, "idle", id="idle"),
    ],
)
def test_io_priority_is_set(in_child: InChild, given, expected) -> None:
    def child():
        io_priority.set(an_init(ioPriority=given))
        return subprocess.run(["ionice"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    assert in_child(child) == expected


@pytest.mark.clause("process.exec-cpu-affinity.initial", "process.exec-cpu-affinity.final")
@pytest.mark.parametrize("step", [exec_cpu_affinity.set_initial, exec_cpu_affinity.set_final])
def test_affinity_is_set_for_exec_only(in_child: InChild, step) -> None:
    ours = os.sched_getaffinity(0)
    lists = {"initial": str(max(ours)), "final": str(max(ours))}

    def child():
        init = an_init(execCPUAffinity=lists)
        step(init)
        before = os.sched_getaffinity(0)
        init.joining = True
        step(init)
        return before, os.sched_getaffinity(0)

    assert in_child(child) == (ours, {max(ours)})


@pytest.mark.clause("linux.personality.domain")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only 64 bit machines say otherwise")
@pytest.mark.parametrize(("domain", "machine"), [("LINUX", "x86_64"), ("LINUX32", "i686")])
def test_personality_is_set(in_child: InChild, domain, machine) -> None:
    def child():
        personality.set(an_init({"personality": {"domain": domain}}))
        return os.uname().machine

    assert in_child(child) == machine


@pytest.mark.clause("linux.memory-policy.applied")
@pytest.mark.skipif(not Path("/proc/self/numa_maps").exists(), reason="needs a kernel with CONFIG_NUMA")
def test_memory_policy_is_set(in_child: InChild) -> None:
    def child():
        memory_policy.set(an_init({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"}}))
        return "bind:0" in Path("/proc/self/numa_maps").read_text()

    assert in_child(child)


@pytest.mark.clause("linux.memory-policy.refused")
def test_memory_policy_is_an_error_when_the_kernel_refuses(in_child: InChild) -> None:
    def child():
        with pytest.raises(OSError, match=r"Function not implemented|Invalid argument") as caught:
            memory_policy.set(an_init({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "900"}}))
        return caught.value.__notes__

    assert in_child(child) == ["set_mempolicy(2)"]


@pytest.mark.clause("process.apparmor.absent")
@pytest.mark.skipif(Path("/sys/kernel/security/apparmor").is_dir(), reason="needs a host without AppArmor")
def test_apparmor_profile_is_an_error_when_there_is_no_apparmor(in_child: InChild) -> None:
    def child():
        apparmor_profile.on_exec(an_init())
        return message(apparmor_profile.on_exec, an_init(apparmorProfile="x"))[0]

    assert in_child(child).startswith("apparmor failed to apply profile: ")


def run_program(in_child: InChild, **process):
    """What the program that execve becomes prints; the error, if it becomes none, is raised."""
    reader, writer = os.pipe()

    def child():
        init = an_init(**process)
        execute.prepare(init)
        steps.forbid_imports()
        execute.inspect(init)
        execute.find(init)
        os.dup2(writer, 1)
        execute.execve(init)

    try:
        with pytest.raises(AssertionError, match="ended with wait status 0"):  # it is the program that ended
            in_child(child)
    finally:
        os.close(writer)
        with open(reader) as pipe:
            output = pipe.read()
    return output


@pytest.mark.clause("process.env", "process.env.duplicates", "process.env.home")
def test_execve_gives_the_whole_environment(in_child: InChild) -> None:
    output = run_program(in_child, args=["env"], env=["PATH=/usr/bin:/bin", "A=1", "B=ü=", "A=2"])
    assert sorted(output.splitlines()) == ["A=2", "B=ü=", "HOME=/root", "PATH=/usr/bin:/bin"]


def test_execve_gives_the_arguments_as_they_are(in_child: InChild) -> None:
    assert run_program(in_child, args=["/bin/sh", "-c", 'printf "<%s>" "$@"', "0", "ä", "", "*"]) == "<ä><><*>"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"#!/no/b\x1b\xff\n", r'.*its interpreter "/no/b\\x1b\\udcff"', id="script"),
        pytest.param(b"#!/bin/sh\r\n", r"no such file or directory \(its first line ends in CRLF", id="crlf"),
        pytest.param(b"echo\n", r"exec format error \(it is neither", id="no first line"),
        pytest.param(b"", r"exec format error \(the file is empty", id="empty"),
        pytest.param(b"\x7fELF\2\1\1" + bytes(11) + b"\xb7" + bytes(60), r"exec format error \(it is built for aarch64",
                     id="another machine"),
    ],
)
@pytest.mark.skipif(os.uname().machine == "aarch64", reason="its own programs are those of the test")
def test_execve_says_why_when_the_kernel_refuses(in_child: InChild, tmp_path, content, expected) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)
    program.chmod(0o755)
    with pytest.raises(StepError, match=f"^exec {program}: {expected}"):
        run_program(in_child, args=[str(program)])


def test_find_hints_at_noexec_when_the_mount_has_it(in_child: InChild) -> None:
    def child():
        mount.mount("tmpfs", "/mnt", "tmpfs", mount.MS_NOEXEC, "")
        shutil.copy("/bin/true", "/mnt/true")
        init = an_init(args=["/mnt/true"])
        execute.prepare(init)
        execute.inspect(init)
        return message(execute.find, init)[0]

    assert in_child(child) == 'exec: "/mnt/true": permission denied (it is on a mount with noexec)'
