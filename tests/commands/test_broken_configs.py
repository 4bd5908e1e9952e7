"""Broken configurations: each gives one line that names the place and status 1, and leaves nothing behind.

A row is a path in config.json, the value to put there (``GONE`` takes the property out) and, where it is not the
path itself, the place the message must name.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
from typing import Any

import pytest

from tests.support.bundle import Bundle, default_config
from tests.support.container import leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.runtime import Runtime

pytestmark = pytest.mark.differs("other runtimes accept many of these, and say less about the others")

GONE: Any = object()
MAX32, MAX63, MAX64 = 2**32, 2**63, 2**64
ID = {"containerID": 0, "hostID": 100000, "size": 10}
BIND = {"destination": "/mnt", "source": "/tmp", "type": "none", "options": ["bind"]}
HOOK = {"path": "/bin/true"}
DEVICE = {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}
RULE = {"names": ["chmod"], "action": "SCMP_ACT_ERRNO"}
SECCOMP = {"defaultAction": "SCMP_ACT_ALLOW"}
ARGUMENT = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}
RLIMIT = {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}
WEIGHT = {"major": 8, "minor": 0, "weight": 100}
RATE = {"major": 8, "minor": 0, "rate": 1000}
R = "linux.resources"
S = "linux.seccomp"
P = "process"
USER_NAMESPACE = {"linux.namespaces[5]": {"type": "user"}, "linux.uidMappings": [ID], "linux.gidMappings": [ID]}

WRONG_TYPES: list[tuple[str, Any]] = [
    ("ociVersion", 1.3),
    ("ociVersion", ["1.3.0"]),
    ("root", "rootfs"),
    ("root.path", 7),
    ("root.readonly", "true"),
    ("mounts", {"/proc": "proc"}),
    ("mounts[0]", "/proc"),
    ("mounts[3].destination", ["/a"]),
    ("mounts[3].source", False),
    ("mounts[3].type", 1),
    ("mounts[3].options", "ro,nosuid"),
    ("mounts[3].options[1]", 1),
    ("mounts[3].options[1]", None),
    ("mounts[0].uidMappings", ID),
    ("process", "sh"),
    ("process.terminal", 0),
    ("process.consoleSize", [24, 80]),
    ("process.cwd", {}),
    ("process.env", {"PATH": "/bin"}),
    ("process.env[1]", 5),
    ("process.args", "sh -c true"),
    ("process.args[0]", 1),
    ("process.user", "root"),
    ("process.user.uid", "0"),
    ("process.user.uid", 0.5),
    ("process.user.gid", True),
    ("process.user.umask", "0022"),
    ("process.user.additionalGids", 5),
    ("process.user.additionalGids[0]", "5"),
    ("process.rlimits", {"RLIMIT_CORE": 0}),
    ("process.rlimits[0].soft", "unlimited"),
    ("process.capabilities", ["CAP_CHOWN"]),
    ("process.capabilities.bounding", "ALL"),
    ("process.capabilities.ambient[0]", 12),
    ("process.noNewPrivileges", "yes"),
    ("process.apparmorProfile", True),
    ("process.selinuxLabel", ["a"]),
    ("process.oomScoreAdj", "100"),
    ("process.scheduler", "SCHED_FIFO"),
    ("process.ioPriority", 4),
    ("process.execCPUAffinity", "0-3"),
    ("hostname", 127),
    ("domainname", ["a"]),
    ("hooks", [HOOK]),
    ("hooks.prestart", HOOK),
    ("hooks.poststop[0].timeout", "5s"),
    ("hooks.createRuntime[0].args", "a b"),
    ("hooks.startContainer[0].env", {"A": "b"}),
    ("annotations", ["a=b"]),
    ("annotations.org.example.key", 5),
    ("annotations.org.example.key", None),
    ("linux", []),
    ("linux.namespaces", {"pid": True}),
    ("linux.namespaces[0]", "pid"),
    ("linux.uidMappings", "0:0:1"),
    ("linux.devices", "/dev/fuse"),
    ("linux.devices[0]", "/dev/fuse"),
    ("linux.cgroupsPath", 0),
    ("linux.resources", []),
    ("linux.resources.devices", True),
    ("linux.resources.devices[0].allow", "false"),
    ("linux.resources.memory", 1048576),
    ("linux.resources.memory.limit", "64M"),
    ("linux.resources.memory.limit", 1.5),
    ("linux.resources.memory.disableOOMKiller", 1),
    ("linux.resources.cpu.cpus", 3),
    ("linux.resources.blockIO.weight", "100"),
    ("linux.resources.hugepageLimits", {"2MB": 0}),
    ("linux.resources.network.priorities", {"eth0": 1}),
    ("linux.resources.pids", 100),
    ("linux.resources.pids.limit", "max"),
    ("linux.resources.rdma.mlx5_1", 3),
    ("linux.resources.unified", ["memory.max=1"]),
    ("linux.resources.unified.memory.max", 1048576),
    ("linux.rootfsPropagation", 1),
    ("linux.seccomp", "unconfined"),
    ("linux.seccomp.syscalls", RULE),
    ("linux.sysctl", ["net.ipv4.ip_forward=1"]),
    ("linux.sysctl.net.ipv4.ip_forward", 1),
    ("linux.maskedPaths", "/proc/kcore"),
    ("linux.readonlyPaths[0]", 1),
    ("linux.mountLabel", 1),
    ("linux.intelRdt", "L3:0=f"),
    ("linux.memoryPolicy.nodes", 0),
    ("linux.personality", "LINUX32"),
    ("linux.timeOffsets", 3600),
    ("linux.netDevices", ["eth0"]),
]

MISSING: list[tuple[str, Any]] = [
    ("ociVersion", GONE),
    ("ociVersion", None),
    ("root", GONE),
    ("root.path", GONE),
    ("mounts[2].destination", GONE),
    ("process.cwd", GONE),
    ("process.args", GONE),
    ("process.user.uid", GONE),
    ("process.user.gid", GONE),
    ("process.rlimits[0].type", GONE),
    ("process.rlimits[0].soft", GONE),
    ("process.rlimits[0].hard", GONE),
    ("linux.namespaces[0].type", GONE),
    ("linux.resources.devices[0].allow", GONE),
]

# Path, value, and which property inside of it is missing or wrong.
INSIDE: list[tuple[str, Any, str]] = [
    ("process.consoleSize", {"height": 24}, ".width"),
    ("process.scheduler", {"nice": 1}, ".policy"),
    ("process.scheduler", {"policy": "SCHED_NORMAL"}, ".policy"),
    ("process.scheduler", {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FAST"]}, ".flags[0]"),
    ("process.scheduler", {"policy": "SCHED_OTHER", "priority": 2**31}, ".priority"),
    ("process.ioPriority", {"priority": 4}, ".class"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE"}, ".priority"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}, ".priority"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": -1}, ".priority"),
    ("process.ioPriority", {"class": "best-effort", "priority": 1}, ".class"),
    ("process.execCPUAffinity", {"initial": "0-"}, ".initial"),
    ("process.execCPUAffinity", {"final": "cpu0"}, ".final"),
    ("process.rlimits", [{**RLIMIT, "type": "RLIMIT_TEA"}], "[0].type"),
    ("process.rlimits", [{**RLIMIT, "type": "core"}], "[0].type"),
    ("process.rlimits", [{**RLIMIT, "soft": -1}], "[0].soft"),
    ("process.rlimits", [{**RLIMIT, "hard": MAX64}], "[0].hard"),
    ("process.rlimits", [{**RLIMIT, "soft": 5}], "[0].soft"),
    ("process.rlimits", [RLIMIT, RLIMIT], "[1].type"),
    ("hooks.prestart", [{}], "[0].path"),
    ("hooks.poststart", [{"path": "bin/true"}], "[0].path"),
    ("hooks.poststop", [{**HOOK, "timeout": 0}], "[0].timeout"),
    ("hooks.createContainer", [HOOK, {**HOOK, "timeout": -1}], "[1].timeout"),
    ("linux.namespaces", [{"type": "net"}], "[0].type"),
    ("linux.namespaces", [{"type": "mnt"}], "[0].type"),
    ("linux.namespaces", [{"type": "pid", "path": "proc/1/ns/pid"}], "[0].path"),
    ("linux.namespaces", [{"type": "mount"}, {"type": "mount"}], "[1].type"),
    ("linux.uidMappings", [{"containerID": 0, "hostID": 0}], "[0].size"),
    ("linux.gidMappings", [{**ID, "size": 0}], "[0].size"),
    ("linux.uidMappings", [{**ID, "hostID": -1}], "[0].hostID"),
    ("linux.uidMappings", [{**ID, "containerID": MAX32}], "[0].containerID"),
    ("linux.devices", [{"type": "c", "major": 1, "minor": 3}], "[0].path"),
    ("linux.devices", [{"path": "/dev/x", "major": 1, "minor": 3}], "[0].type"),
    ("linux.devices", [{**DEVICE, "type": "x"}], "[0].type"),
    ("linux.devices", [{**DEVICE, "path": "dev/fuse"}], "[0].path"),
    ("linux.devices", [{"type": "b", "path": "/dev/x", "major": 8}], "[0].minor"),
    ("linux.devices", [{**DEVICE, "major": -1}], "[0].major"),
    ("linux.devices", [{**DEVICE, "fileMode": 0o4777}], "[0].fileMode"),
    ("linux.devices", [{**DEVICE, "uid": -1}], "[0].uid"),
    (f"{R}.devices", [{"allow": True, "type": "u"}], "[0].type"),
    (f"{R}.devices", [{"allow": True, "access": "rwx"}], "[0].access"),
    (f"{R}.devices", [{"allow": True, "major": "*"}], "[0].major"),
    (f"{R}.blockIO", {"weightDevice": [{"major": 8, "minor": 0}]}, ".weightDevice[0]"),
    (f"{R}.blockIO", {"weightDevice": [{**WEIGHT, "minor": None}]}, ".weightDevice[0].minor"),
    (f"{R}.blockIO", {"weight": 65536}, ".weight"),
    (f"{R}.blockIO", {"weight": 5}, ".weight"),
    (f"{R}.blockIO", {"throttleReadBpsDevice": [{"major": 8, "minor": 0}]}, ".throttleReadBpsDevice[0].rate"),
    (f"{R}.blockIO", {"throttleWriteIOPSDevice": [{**RATE, "rate": -1}]}, ".throttleWriteIOPSDevice[0].rate"),
    (f"{R}.cpu", {"shares": -1}, ".shares"),
    (f"{R}.cpu", {"period": MAX64}, ".period"),
    (f"{R}.cpu", {"quota": MAX63}, ".quota"),
    (f"{R}.cpu", {"idle": 2}, ".idle"),
    (f"{R}.cpu", {"quota": 1000, "burst": 1001}, ".burst"),
    (f"{R}.cpu", {"realtimeRuntime": MAX63}, ".realtimeRuntime"),
    (f"{R}.memory", {"limit": MAX63}, ".limit"),
    (f"{R}.memory", {"swappiness": 101}, ".swappiness"),
    (f"{R}.memory", {"swappiness": -1}, ".swappiness"),
    (f"{R}.memory", {"reservation": -2}, ".reservation"),
    (f"{R}.memory", {"limit": 2097152, "swap": 1048576}, ".swap"),
    (f"{R}.hugepageLimits", [{"pageSize": "2MB"}], "[0].limit"),
    (f"{R}.hugepageLimits", [{"pageSize": "2mb", "limit": 0}], "[0].pageSize"),
    (f"{R}.hugepageLimits", [{"pageSize": "02MB", "limit": 0}], "[0].pageSize"),
    (f"{R}.network", {"classID": MAX32}, ".classID"),
    (f"{R}.network", {"priorities": [{"name": "eth0"}]}, ".priorities[0].priority"),
    (f"{R}.pids", {"limit": MAX63}, ".limit"),
    (f"{R}.rdma", {"mlx5_1": {}}, ".mlx5_1"),
    (f"{R}.rdma", {"mlx5_1": {"hcaHandles": -1}}, ".mlx5_1.hcaHandles"),
    (f"{R}.unified", {"../memory.max": "1"}, ""),
    (f"{R}.unified", {"memory": "1"}, ""),
    ("linux.timeOffsets", {"realtime": {"secs": 1}}, ".realtime"),
    ("linux.timeOffsets", {"monotonic": {"nanosecs": 10**9}}, ".monotonic.nanosecs"),
    ("linux.timeOffsets", {"monotonic": {"secs": 1}}, ""),
    ("linux.netDevices", {"eth0": {"name": "a/b"}}, ".eth0.name"),
    ("linux.netDevices", {"eth0": {"name": "a-name-too-long-for-it"}}, ".eth0.name"),
    ("linux.netDevices", {"..": {}}, "..."),
    ("linux.netDevices", {"eth0": {"name": "a"}, "eth1": {"name": "a"}}, ".eth1.name"),
    ("linux.intelRdt", {"closID": "../x"}, ".closID"),
    ("linux.intelRdt", {"closID": "."}, ".closID"),
    ("linux.intelRdt", {"memBwSchema": "L3:0=f"}, ".memBwSchema"),
    ("linux.intelRdt", {"memBwSchema": "MB:0=10\nL3:0=f"}, ".memBwSchema"),
    ("linux.intelRdt", {"schemata": ["L3:0=f\nMB:0=10"]}, ".schemata[0]"),
    ("linux.memoryPolicy", {"nodes": "0"}, ".mode"),
    ("linux.memoryPolicy", {"mode": "MPOL_BEST"}, ".mode"),
    ("linux.memoryPolicy", {"mode": "MPOL_BIND", "flags": ["MPOL_F_X"]}, ".flags[0]"),
    ("linux.memoryPolicy", {"mode": "MPOL_BIND", "nodes": "0-x"}, ".nodes"),
    ("linux.personality", {}, ".domain"),
    ("linux.personality", {"domain": "SVR4"}, ".domain"),
    ("linux.personality", {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, ".flags[0]"),
    (S, {}, ".defaultAction"),
    (S, {"defaultAction": "ALLOW"}, ".defaultAction"),
    (S, {**SECCOMP, "defaultErrnoRet": 1}, ".defaultErrnoRet"),
    (S, {"defaultAction": "SCMP_ACT_KILL_PROCESS", "defaultErrnoRet": 1}, ".defaultErrnoRet"),
    (S, {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/x"}, ".defaultAction"),
    (S, {**SECCOMP, "architectures": ["x86_64"]}, ".architectures[0]"),
    (S, {**SECCOMP, "flags": ["TSYNC"]}, ".flags[0]"),
    (S, {**SECCOMP, "listenerMetadata": "x"}, ".listenerMetadata"),
    (S, {**SECCOMP, "syscalls": [{**RULE, "names": []}]}, ".syscalls[0].names"),
    (S, {**SECCOMP, "syscalls": [{"action": "SCMP_ACT_KILL"}]}, ".syscalls[0].names"),
    (S, {**SECCOMP, "syscalls": [{"names": ["chmod"]}]}, ".syscalls[0].action"),
    (S, {**SECCOMP, "syscalls": [RULE, {**RULE, "action": "SCMP_ACT_DENY"}]}, ".syscalls[1].action"),
    (S, {**SECCOMP, "syscalls": [{**RULE, "action": "SCMP_ACT_LOG", "errnoRet": 1}]}, ".syscalls[0].errnoRet"),
    (S, {**SECCOMP, "syscalls": [{**RULE, "args": [{**ARGUMENT, "index": 6}]}]}, ".syscalls[0].args[0].index"),
    (S, {**SECCOMP, "syscalls": [{**RULE, "args": [{**ARGUMENT, "op": "=="}]}]}, ".syscalls[0].args[0].op"),
    (S, {**SECCOMP, "syscalls": [{**RULE, "args": [{**ARGUMENT, "value": -1}]}]}, ".syscalls[0].args[0].value"),
    (
        S,
        {**SECCOMP, "listenerPath": "/run/x", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]},
        ".syscalls[0]",
    ),
    ("mounts[7]", {**BIND, "uidMappings": [ID]}, ".uidMappings"),
    ("mounts[7]", {**BIND, "options": ["bind", "idmap"]}, ".options"),
    ("mounts[7]", {**BIND, "destination": ""}, ".destination"),
]

OUT_OF_RANGE: list[tuple[str, Any]] = [
    ("ociVersion", ""),
    ("ociVersion", "1.3"),
    ("ociVersion", "v1.3.0"),
    ("ociVersion", "2.0.0"),
    ("ociVersion", "1.3.0\n"),
    ("root.path", ""),
    ("process.args", []),
    ("process.cwd", ""),
    ("process.cwd", "root"),
    ("process.cwd", "./"),
    ("process.env[1]", "PATH"),
    ("process.env[1]", "=value"),
    ("process.env[1]", ""),
    ("process.user.uid", -1),
    ("process.user.uid", MAX32 - 1),
    ("process.user.gid", MAX32),
    ("process.user.umask", 0o1000),
    ("process.user.additionalGids[0]", -5),
    ("process.oomScoreAdj", 1001),
    ("process.oomScoreAdj", -1001),
    ("linux.rootfsPropagation", "everywhere"),
    ("linux.maskedPaths[0]", "proc/kcore"),
    ("linux.readonlyPaths[0]", ""),
]

CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"linux.namespaces": [{"type": "mount"}], "hostname": "a"}, "hostname"),
    ({"linux.namespaces": [{"type": "mount"}], "hostname": GONE, "domainname": "a"}, "domainname"),
    ({"linux.namespaces[5]": {"type": "user"}}, "linux.uidMappings"),
    ({"linux.uidMappings": [ID]}, "linux.uidMappings"),
    ({"linux.gidMappings": [ID]}, "linux.gidMappings"),
    ({**USER_NAMESPACE, "linux.uidMappings": [ID, ID]}, "linux.uidMappings[1].containerID"),
    ({**USER_NAMESPACE, "process.user.uid": 10}, "process.user.uid"),
    ({**USER_NAMESPACE, "process.user.gid": 10}, "process.user.gid"),
    ({**USER_NAMESPACE, "process.user.additionalGids": [5, 10]}, "process.user.additionalGids[1]"),
    (
        {
            "linux.namespaces[5]": {"type": "time", "path": "/proc/1/ns/time"},
            "linux.timeOffsets": {"boottime": {"secs": 1}},
        },
        "linux.timeOffsets",
    ),
    ({"linux.namespaces": [{"type": "mount"}], "hostname": GONE, "linux.netDevices": {"eth0": {}}}, "linux.netDevices"),
    ({"linux.sysctl": {"kernel.hostname": "a"}}, "linux.sysctl.kernel.hostname"),
    ({"linux.sysctl": {"vm.swappiness": "1"}}, "linux.sysctl.vm.swappiness"),
    ({"linux.sysctl": {"user.max_user_namespaces": "1"}}, "linux.sysctl.user.max_user_namespaces"),
    (
        {"linux.namespaces": [{"type": "uts"}, {"type": "mount"}], "linux.sysctl": {"net.core.somaxconn": "1"}},
        "linux.sysctl.net.core.somaxconn",
    ),
    (
        {"linux.namespaces": [{"type": "uts"}, {"type": "mount"}], "linux.sysctl": {"kernel.shmmax": "1"}},
        "linux.sysctl.kernel.shmmax",
    ),
    ({"annotations": {"": "x"}}, "annotations"),
]

PATH_TRICKS: list[tuple[str, Any, str]] = [
    ("linux.sysctl", {"net/../kernel/core_pattern": "|/x"}, "linux.sysctl.net/../kernel/core_pattern"),
    ("linux.sysctl", {"net.//.//.x": "x"}, "linux.sysctl.net.//.//.x"),
    ("linux.sysctl", {"kernel/../vm/swappiness": "1"}, "linux.sysctl.kernel/../vm/swappiness"),
    (f"{R}.unified", {"memory.max/../x": "1"}, f"{R}.unified"),
    (f"{R}.unified", {"": "1"}, f"{R}.unified"),
    ("linux.intelRdt", {"closID": "a/../.."}, "linux.intelRdt.closID"),
    ("linux.devices", [{**DEVICE, "path": "/dev/.."}], "linux.devices[0].path"),
    ("linux.devices", [{**DEVICE, "path": "/dev/a\0b"}], "linux.devices[0].path"),
    ("root.path", "rootfs\0", "root.path"),
    ("root.path", "missing", "root.path"),
    ("root.path", "config.json", "root.path"),
    ("root.path", "rootfs/bin/busybox", "root.path"),
    ("process.args[0]", "sh\0x", "process.args[0]"),
    ("process.cwd", "/\0", "process.cwd"),
    ("process.env[0]", "A=\0", "process.env[0]"),
    ("hostname", "a\0", "hostname"),
    ("mounts[7]", {**BIND, "destination": "/mnt\0"}, "mounts[7].destination"),
    ("mounts[7]", {**BIND, "source": "/tmp\0"}, "mounts[7].source"),
    ("hooks.poststop", [{"path": "/bin/true\0"}], "hooks.poststop[0].path"),
    ("hooks.poststop", [{"path": ""}], "hooks.poststop[0].path"),
    ("linux.namespaces[0]", {"type": "pid", "path": "../../proc/1/ns/pid"}, "linux.namespaces[0].path"),
    ("linux.maskedPaths", ["../etc"], "linux.maskedPaths[0]"),
    ("linux.readonlyPaths", ["/sys\0"], "linux.readonlyPaths[0]"),
    ("process.cwd", "x\ny", "process.cwd"),
]

NO_JSON: list[tuple[str, bytes, str]] = [
    ("empty", b"", "line 1 column 1"),
    ("blank", b" \n\t\n", "config.json"),
    ("truncated", b'{"ociVersion": "1.3.0",\n "root": {"path"', "line 2"),
    ("trailing-comma", b'{"ociVersion": "1.3.0",}', "line 1"),
    ("two-documents", b'{"ociVersion": "1.3.0"}\n{}', "line 2 column 1"),
    ("comment", b"// a comment\n{}", "line 1 column 1"),
    ("not-utf-8", b'{"hostname": "\xff"}', "config.json"),
    ("utf-16", '{"a": 1}'.encode("utf-16"), "config.json"),
    ("byte-order-mark", b"\xef\xbb\xbf{}", "config.json"),
    ("raw-newline-in-string", b'{"hostname": "a\nb"}', "config.json"),
    ("deep", b"[" * 100_000, "nested too deeply"),
    ("array", b"[]", "expected an object, got an array"),
    ("null", b"null", "expected an object, got null"),
    ("string", b'"config"', "expected an object, got a string"),
    ("number", b"13", "expected an object, got an integer"),
    ("nothing-in-it", b"{}", "ociVersion: is required"),
    ("other-case", b'{"OCIVersion": "1.3.0", "Root": {"Path": "rootfs"}}', "ociVersion: is required"),
    ("not-a-number", b'{"ociVersion": NaN}', "config.json"),
]


def put(config: dict[str, Any], path: str, value: object) -> None:
    """Put *value* at *path*, or take out what is there when it is GONE; what lies on the way is made."""
    steps = _steps(path)
    place: Any = config
    for step, following in itertools.pairwise(steps):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int) and step >= len(place):
            place.append(empty)
        place = place[step] if isinstance(step, int) else place.setdefault(step, empty)
    if value is GONE:
        del place[steps[-1]]
    elif isinstance(steps[-1], int) and steps[-1] >= len(place):
        place.append(value)
    else:
        place[steps[-1]] = value


def _steps(path: str) -> list[str | int]:
    """The names and indices of *path*. Keys of maps may have dots."""
    for owner in ("annotations", "linux.sysctl", "linux.resources.unified"):
        if path.startswith(f"{owner}."):
            return [*owner.split("."), path.removeprefix(f"{owner}.")]
    words = path.replace("[", ".[").split(".")
    return [int(word[1:-1]) if word.startswith("[") else word for word in words]


def _rows() -> list[Any]:
    """Every configuration of the tables with the place it must name."""
    rows = [
        (kind, {path: value}, path)
        for kind, table in (("type", WRONG_TYPES), ("missing", MISSING), ("range", OUT_OF_RANGE))
        for path, value in table
    ]
    rows += [("inside", {path: value}, path + inside) for path, value, inside in INSIDE]
    rows += [("contradiction", changes, place) for changes, place in CONTRADICTIONS]
    rows += [("trick", {path: value}, place) for path, value, place in PATH_TRICKS]
    return [
        pytest.param(changes, place, id=f"{kind}-{number}-{place}")
        for number, (kind, changes, place) in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def broken_bundle(base: Path, worker_id: str) -> Bundle:
    """One bundle for all rows: none of them gets as far as to change its root filesystem."""
    return Bundle(base / f"broken-{worker_id}")


def refuse(runtime: Runtime, bundle: Path, container_id: str) -> str:
    """The line with which ``create`` refuses *bundle*. Raises AssertionError for more lines and for leftovers."""
    result = runtime("create", "--bundle", bundle, container_id).failed()
    assert result.stdout == ""
    assert result.stderr.endswith("\n")
    assert len(result.stderr.splitlines()) == 1
    assert "internal error" not in result.stderr
    assert leftovers(runtime, container_id) == {}
    assert not runtime.root.exists() or os.listdir(runtime.root) == []
    return result.stderr


@pytest.mark.clause(
    "general.broken-configurations", "general.unknown-values", "create.validates", "oci-version.semver",
    "oci-version.major", "annotations.strings", "annotations.empty-key", "root.required", "root.directory",
    "hooks.path", "hooks.timeout", "mounts.idmap.both", "mounts.idmap.container", "process.cwd.absolute",
    "process.args.empty", "process.user.unmapped", "process.rlimits.unknown", "process.rlimits.duplicate",
    "process.scheduler.policy", "process.scheduler.flags", "process.io-priority.range",
    "process.exec-cpu-affinity.bad", "hostname.namespace", "domainname.namespace", "linux.namespaces.path.absolute",
    "linux.namespaces.duplicate", "linux.id-mappings.required", "linux.id-mappings.without-namespace",
    "linux.id-mappings.size", "linux.time-offsets.namespace", "linux.time-offsets.bad", "linux.devices.type",
    "linux.devices.path", "linux.devices.numbers", "linux.net-devices.name", "linux.net-devices.namespace",
    "linux.resources.devices.access", "linux.resources.block-io.weight-device", "linux.resources.rdma.one-of",
    "linux.resources.unified.key", "linux.intel-rdt.clos-id.path", "linux.intel-rdt.schemata.form",
    "linux.memory-policy.mode", "linux.memory-policy.flags", "linux.sysctl.namespace", "linux.sysctl.hostname",
    "linux.seccomp.errno.without", "linux.seccomp.names", "linux.seccomp.notify.metadata",
    "linux.seccomp.notify.refused", "linux.rootfs-propagation.unknown", "linux.masked-paths.absolute",
    "linux.readonly-paths.absolute", "linux.personality.flags",
)  # fmt: skip
@pytest.mark.parametrize(("changes", "field"), _rows())
def test_create_names_the_place_on_one_line_when_the_configuration_is_broken(
    runtime: Runtime, broken_bundle: Bundle, new_id: Callable[[], str], changes: dict[str, Any], field: str
) -> None:
    config = copy.deepcopy(default_config())
    for path, value in changes.items():
        put(config, path, copy.deepcopy(value) if value is not GONE else GONE)
    (broken_bundle.path / "config.json").write_text(json.dumps(config))
    line = refuse(runtime, broken_bundle.path, new_id())
    assert f"{field}:" in line


@pytest.mark.clause("general.utf8", "general.exact-case")
@pytest.mark.parametrize(("text", "reason"), [pytest.param(text, reason, id=name) for name, text, reason in NO_JSON])
def test_create_says_what_is_wrong_on_one_line_when_it_is_no_configuration(
    runtime: Runtime, broken_bundle: Bundle, new_id: Callable[[], str], text: bytes, reason: str
) -> None:
    (broken_bundle.path / "config.json").write_bytes(text)
    line = refuse(runtime, broken_bundle.path, new_id())
    assert "config.json" in line
    assert reason in line


@pytest.mark.clause("bundle.config-file")
def test_create_says_so_when_there_is_no_configuration(
    runtime: Runtime, place: Path, new_id: Callable[[], str]
) -> None:
    (place / "empty").mkdir()
    assert "JSON specification file config.json not found" in refuse(runtime, place / "empty", new_id())


def test_create_says_so_when_the_configuration_is_a_directory(
    runtime: Runtime, place: Path, new_id: Callable[[], str]
) -> None:
    (place / "odd/config.json").mkdir(parents=True)
    assert "config.json: is a directory" in refuse(runtime, place / "odd", new_id()).lower()


def test_create_lists_every_mistake_on_one_line_when_there_are_several(
    runtime: Runtime, broken_bundle: Bundle, new_id: Callable[[], str]
) -> None:
    config = default_config()
    changes = {"process.cwd": "x", "linux.resources.pids.limit": "7", "mounts[1].destination": GONE, "root.readonly": 1}
    for path, value in changes.items():
        put(config, path, value)
    (broken_bundle.path / "config.json").write_text(json.dumps(config))
    line = refuse(runtime, broken_bundle.path, new_id())
    assert all(f"{path}: " in line for path in changes)
