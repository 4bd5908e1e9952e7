"""The records accept what the schema accepts: mutations of a configuration that has every property there is."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyoci import json_text
from pyoci.config import Config, schema
from pyoci.errors import ConfigError

ID = {"containerID": 0, "hostID": 100000, "size": 65536}
HOOK = {"path": "/bin/true", "args": ["true", "-v"], "env": ["A=b"], "timeout": 5}
RATE = {"major": 8, "minor": 0, "rate": 1000}
FULL: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs", "readonly": True},
    "mounts": [
        {"destination": "/proc", "source": "proc", "type": "proc", "options": ["nosuid", "ro"]},
        {"destination": "/data", "source": "/srv", "type": "none", "options": ["rbind", "idmap"], "uidMappings": [ID],
         "gidMappings": [ID]},
    ],
    "process": {
        "terminal": True,
        "consoleSize": {"height": 24, "width": 80},
        "cwd": "/",
        "env": ["PATH=/bin", "A="],
        "args": ["sh", "-c", "true"],
        "user": {"uid": 1000, "gid": 1000, "umask": 18, "additionalGids": [5, 6]},
        "rlimits": [{"type": "RLIMIT_AS", "soft": 5, "hard": 10}, {"type": "RLIMIT_CPU", "soft": 0, "hard": 2**64 - 1}],
        "capabilities": {name: ["CAP_KILL", "CAP_X"]
                         for name in ("effective", "bounding", "inheritable", "permitted", "ambient")},
        "noNewPrivileges": True,
        "apparmorProfile": "docker-default",
        "selinuxLabel": "a:b:c:d",
        "oomScoreAdj": -500,
        "scheduler": {"policy": "SCHED_DEADLINE", "nice": 0, "priority": 0, "flags": ["SCHED_FLAG_RESET_ON_FORK"],
                      "runtime": 10, "deadline": 20, "period": 30},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
        "execCPUAffinity": {"initial": "0-3", "final": "1, 5"},
    },
    "hostname": "box",
    "domainname": "example",
    "hooks": {kind: [HOOK, {"path": "/x"}]
              for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")},
    "annotations": {"org.example.key": "value", "empty": ""},
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "mount", "ipc", "uts", "user", "time")]
        + [{"type": "cgroup", "path": "/proc/1/ns/cgroup"}],
        "uidMappings": [ID],
        "gidMappings": [ID, {"containerID": 100000, "hostID": 0, "size": 1}],
        "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 7}, "boottime": {"secs": 5}},
        "devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0},
                    {"type": "p", "path": "/run/pipe"}],
        "netDevices": {"eth0": {"name": "x0"}, "eth1": {}},
        "cgroupsPath": "/a/b",
        "resources": {
            "devices": [{"allow": False, "access": "rwm"},
                        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"}],
            "memory": {"limit": 1000, "reservation": 500, "swap": 2000, "kernel": -1, "kernelTCP": -1, "swappiness": 60,
                       "disableOOMKiller": False, "useHierarchy": True, "checkBeforeUpdate": True},
            "cpu": {"shares": 1024, "quota": 1000, "burst": 500, "period": 2000, "realtimeRuntime": 1,
                    "realtimePeriod": 2, "cpus": "0-1", "mems": "0", "idle": 0},
            "blockIO": {"weight": 10, "leafWeight": 1000,
                        "weightDevice": [{"major": 8, "minor": 0, "weight": 500, "leafWeight": 300}],
                        "throttleReadBpsDevice": [RATE], "throttleWriteBpsDevice": [RATE],
                        "throttleReadIOPSDevice": [RATE], "throttleWriteIOPSDevice": [RATE]},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
            "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
            "pids": {"limit": 100},
            "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "mlx4_0": {"hcaObjects": 1}},
            "unified": {"memory.high": "1000", "io.max": "8:0 rbps=1"},
        },
        "rootfsPropagation": "slave",
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/agent.sock", "listenerMetadata": "x",
            "syscalls": [{"names": ["chmod", "no_such_call"], "action": "SCMP_ACT_TRACE", "errnoRet": 1,
                          "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}]}],
        },
        "sysctl": {"net.ipv4.ip_forward": "1", "kernel/sem": "1 2 3 4"},
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "mountLabel": "a:b:c:d",
        "intelRdt": {"closID": "group", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=10", "schemata": ["L2:0=f"],
                     "enableMonitoring": True},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
        "personality": {"domain": "LINUX", "flags": []},
    },
}  # fmt: skip

# What only the records know, for it is about several values at once or about bits: the fields they blame for it.
FINER = re.compile(
    r"linux\.(namespaces\[\d+\]\.type|[ug]idMappings.*|timeOffsets|netDevices.*|sysctl\..*|maskedPaths|readonlyPaths"
    r"|devices\[\d+\]\.fileMode|resources\.(memory\.swap|cpu\.burst|blockIO\.weightDevice\[\d+\])"
    r"|memoryPolicy\.(nodes|flags)"
    r"|seccomp\.(listenerPath|syscalls\[\d+\]))"
    r"|process\.(rlimits\[\d+\]\.(soft|type)|scheduler(\.(nice|priority))?|user\..*|execCPUAffinity\..*)"
    r"|mounts\[\d+\]\.(options|[ug]idMappings\[\d+\]\.size)|hostname|domainname"
)
Path = tuple[str | int, ...]


def paths(value: object, path: Path = ()) -> list[Path]:
    """Every place in *value*, itself first."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for name, item in items for inner in paths(item, (*path, name)))]


def rules(path: Path) -> dict[str, Any]:
    """The part of the schema that is about *path*."""
    root = schema.load()
    entry: Any = root
    for step in path:
        known = entry.get("items", {}) if isinstance(step, int) else entry.get("properties", {}).get(step)
        entry = entry.get("additionalProperties", {}) if known is None else known
        if "$ref" in entry:
            entry = root["$defs"][entry["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = entry
    return found


PLACES = paths(FULL)[1:]
INTEGERS = st.integers() | st.sampled_from(
    [sign * 2**bits + more for bits in (0, 15, 16, 31, 32, 63, 64) for sign in (-1, 1) for more in (-1, 0, 1)]
)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", ".", "..", "/", "/a", "a/b", "a.b", "/dev/..", "a\n", "a\0", "A=b", "=", "0-3", "3-0", "0,", " 1", "MB:1"]
)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=3)
GONE = object()


def replacements(path: Path) -> st.SearchStrategy[Any]:
    """What to put at *path*: nothing, anything, or something near what the schema wants there."""
    rule = rules(path)
    near: list[Any] = [GONE, GONE, *rule.get("enum", ())]
    for bound in ("minimum", "maximum"):
        if bound in rule:
            near += [rule[bound] - 1, rule[bound], rule[bound] + 1, float(rule[bound] // 1000)]
    if rule.get("type") == "array":
        near.append([])
    if rule.get("type") == "object":
        near.append({})
    return st.sampled_from(near) | VALUES


def mutated(changes: list[tuple[Path, Any]]) -> dict[str, Any]:
    """The full configuration with *changes*; those whose place an earlier one took away are passed over."""
    config = copy.deepcopy(FULL)
    for path, value in changes:
        place: Any = config
        try:
            for step in path[:-1]:
                place = place[step]
            if isinstance(place, dict) is not isinstance(path[-1], str):
                continue
            if value is GONE:
                del place[path[-1]]
            else:
                place[path[-1]] = copy.deepcopy(value)
        except (LookupError, TypeError):
            continue
    return config


CHANGES = st.lists(st.sampled_from(PLACES).flatmap(lambda path: st.tuples(st.just(path), replacements(path))),
                   min_size=1, max_size=3)  # fmt: skip


def refused(config: object) -> ConfigError | None:
    """What the records say, if they object."""
    try:
        Config.read(config)
    except ConfigError as error:
        return error
    return None


def test_full_configuration_is_accepted_by_both_when_unchanged() -> None:
    assert schema.explain(FULL) == []
    assert refused(FULL) is None


def test_full_configuration_has_every_property_when_compared_with_the_schema() -> None:
    places = {tuple("*" if isinstance(step, int) else step for step in path) for path in PLACES}
    missing = [path for path in _known(schema.load(), ()) if path not in places]
    ignored = {"windows", "solaris", "vm", "freebsd", "zos", "commandLine", "username"}
    assert [path for path in missing if path[-1] not in ignored] == []


def _known(entry: dict[str, Any], path: Path) -> list[Path]:
    """Every property of the schema, as a path with * for an index; below maps any entry will do."""
    found: list[Path] = []
    for name in entry.get("properties", {}):
        found += [(*path, name), *_known(rules((*_indexed(path), name)), (*path, name))]
    if isinstance(entry.get("items"), dict):
        found += _known(entry["items"], (*path, "*"))
    return found


def _indexed(path: Path) -> Path:
    return tuple(0 if step == "*" else step for step in path)


@settings(max_examples=400, deadline=None)
@given(CHANGES)
@example([(("linux", "intelRdt", "closID"), "..")])
@example([(("ociVersion",), "1.3.0\n")])
@example([(("mounts", 1, "gidMappings"), [])])
@pytest.mark.clause("general.integer-widths", "general.null-is-absence")
def test_reader_and_schema_agree_when_a_configuration_is_mutated(changes: list[tuple[Path, Any]]) -> None:
    config = mutated(changes)
    mistakes = dict(schema.explain(config))
    error = refused(config)
    if mistakes:
        assert error is not None, mistakes
    if error and not FINER.fullmatch(error.field):
        assert near(error.field) & {place for path in mistakes for place in near(path)}, (error.field, mistakes)


def near(path: str) -> set[str]:
    """*path* and what is around it: of two values that contradict each other either can be blamed."""
    outer = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]+)$", "", path)
    return {path, outer} if outer else {path}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([path for path in [(), *PLACES] if rules(path).get("properties")]), st.text(min_size=1), VALUES)
@pytest.mark.clause("general.unknown-properties")
def test_unknown_properties_are_ignored_by_both_when_added_anywhere(path: Path, name: str, value: object) -> None:
    config = copy.deepcopy(FULL)
    place: Any = config
    for step in path:
        place = place[step]
    if name not in rules(path)["properties"]:
        place[name] = value
        assert schema.explain(config) == []
        assert refused(config) is None


@settings(max_examples=100, deadline=None)
@given(CHANGES)
@pytest.mark.clause("general.member-order")
def test_order_of_members_means_nothing_to_the_reader_when_reversed(changes: list[tuple[Path, Any]]) -> None:
    config = mutated(changes)
    assert (refused(config) is None) == (refused(_reversed(config)) is None)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(item) for name, item in reversed(value.items())}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


@pytest.mark.clause("general.duplicate-members")
def test_last_of_two_members_wins_when_a_name_is_given_twice() -> None:
    text = json.dumps(FULL).replace('"hostname": "box"', '"hostname": 5, "hostname": "box"')
    assert Config.read(json_text.loads(text)).hostname == "box"
