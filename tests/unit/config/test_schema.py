"""pyoci.config.schema: what it says about a configuration, and that the schemas themselves are in order."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import jsonschema
import pytest

from pyoci.config import schema

MINIMAL: dict[str, Any] = {"ociVersion": "1.3.0", "root": {"path": "rootfs"}}
DOCUMENTS = ("config", "state", "features")
HOOK = {"path": "/bin/true"}
DEVICE = {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}
ID = {"containerID": 0, "hostID": 1000, "size": 1}


def with_(path: str, value: object) -> dict[str, Any]:
    """The minimal configuration with *value* at *path*; a part of digits is the index of a new array."""
    config = copy.deepcopy(MINIMAL)
    place: Any = config
    *outer, last = path.split(".")
    if outer[:1] == ["process"]:
        config["process"] = {"cwd": "/", "args": ["sh"]}
    for part in outer:
        place = place.setdefault(part, {})
    place[last] = value
    return config


@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        pytest.param([], "", "expected an object, got an array", id="document-array"),
        pytest.param({"root": {"path": "/"}}, "ociVersion", "is required", id="missing-top"),
        pytest.param({"ociVersion": "1.0.0"}, "root", "is required", id="missing-root"),
        pytest.param(with_("root", {}), "root.path", "is required", id="missing-nested"),
        pytest.param(with_("root.path", None), "root.path", "is required", id="null-is-missing"),
        pytest.param(with_("root.readonly", 1), "root.readonly", "expected a boolean, got an integer", id="int-bool"),
        pytest.param(
            with_("linux.resources.pids.limit", "7"),
            "linux.resources.pids.limit",
            "expected an integer, got a string",
            id="string-int",
        ),
        pytest.param(
            with_("linux.resources.pids.limit", True),
            "linux.resources.pids.limit",
            "expected an integer, got a boolean",
            id="bool-int",
        ),
        pytest.param(
            with_("linux.resources.pids.limit", 1.0),
            "linux.resources.pids.limit",
            "expected an integer, got a number with a fraction",
            id="whole-fraction",
        ),
        pytest.param(
            with_("linux.resources.cpu.shares", -1),
            "linux.resources.cpu.shares",
            "-1 is out of range: uint64 goes from 0 to 18446744073709551615",
            id="negative-uint64",
        ),
        pytest.param(
            with_("linux.resources.memory.limit", 2**63),
            "linux.resources.memory.limit",
            "9223372036854775808 is out of range: int64 goes from -9223372036854775808 to 9223372036854775807",
            id="int64-overflow",
        ),
        pytest.param(with_("process.oomScoreAdj", 1001), "process.oomScoreAdj", "1001 is above 1000", id="above"),
        pytest.param(with_("process.oomScoreAdj", -1001), "process.oomScoreAdj", "-1001 is below -1000", id="below"),
        pytest.param(with_("mounts", [{"destination": "/a"}, {}]), "mounts[1].destination", "is required", id="index"),
        pytest.param(with_("hostname", "a\0b"), "hostname", "has a NUL character", id="nul"),
        pytest.param(with_("process.args", ["\ud800"]), "process.args[0]", "has half a surrogate pair", id="half"),
        pytest.param(with_("process.args", []), "process.args", "must not be empty", id="no-args"),
        pytest.param(with_("process.cwd", "a/b"), "process.cwd", '"a/b" is not an absolute path', id="relative"),
        pytest.param(with_("process.cwd", "a\nb"), "process.cwd", '"a\\nb" is not an absolute path', id="newline"),
        pytest.param(
            with_("process.env", ["A=1", "B"]), "process.env[1]", '"B" is not of the form NAME=VALUE', id="env"
        ),
        pytest.param(
            with_("linux.namespaces", [{"type": "net"}]),
            "linux.namespaces[0].type",
            '"net" is not one of pid, network, mount, ipc, uts, user, cgroup, time',
            id="enum",
        ),
        pytest.param(
            with_("linux.personality", {"domain": "LINUX", "flags": ["x"]}),
            "linux.personality.flags[0]",
            '"x" is not known: no value is',
            id="empty-enum",
        ),
        pytest.param(
            with_("linux.resources.rdma", {"mlx": {}}),
            "linux.resources.rdma.mlx",
            "needs hcaHandles or hcaObjects",
            id="any-of",
        ),
        pytest.param(
            with_("linux.devices", [{"type": "c", "path": "/dev/x", "major": 1}]),
            "linux.devices[0].minor",
            "is required",
            id="conditional",
        ),
        pytest.param(
            with_("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}),
            "linux.seccomp.defaultErrnoRet",
            "1 is not allowed for an action that returns no error",
            id="forbidden-by-another",
        ),
        pytest.param(
            with_("linux.resources.blockIO.weight", 5),
            "linux.resources.blockIO.weight",
            "5 is not 0 or from 10 to 1000",
            id="gap",
        ),
        pytest.param(
            with_("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}),
            "linux.seccomp.listenerPath",
            "is required beside listenerMetadata",
            id="dependent",
        ),
        pytest.param(
            with_("mounts", [{"destination": "/a", "gidMappings": [ID]}]),
            "mounts[0].uidMappings",
            "is required",
            id="one-mapping",
        ),
        pytest.param(
            with_("linux.uidMappings", [{**ID, "size": 0}]),
            "linux.uidMappings[0].size",
            "0 is below 1",
            id="behind-a-reference",
        ),
        pytest.param(
            with_("linux.timeOffsets", {"realtime": {}}),
            "linux.timeOffsets.realtime",
            '"realtime" is not one of monotonic, boottime',
            id="key-enum",
        ),
        pytest.param(
            with_("linux.resources.unified", {"cpu.max/x": "1"}),
            "linux.resources.unified.cpu.max/x",
            '"cpu.max/x" is not of the form CONTROLLER.PARAMETER',
            id="key-pattern",
        ),
        pytest.param(
            with_("linux.sysctl", {"a": None}), "linux.sysctl.a", "expected a string, got null", id="map-null"
        ),
        pytest.param(with_("process.args", [None]), "process.args[0]", "expected a string, got null", id="item-null"),
        pytest.param(
            {**MINIMAL, "ociVersion": "1.0.0\n"},
            "ociVersion",
            '"1.0.0\\n" is not a version 1.x.y in the form of SemVer 2.0.0',
            id="trailing-newline",
        ),
    ],
)
def test_explain_names_place_and_reason_when_something_is_wrong(config: object, path: str, message: str) -> None:
    assert (path, message) in schema.explain(config)


def test_explain_lists_every_mistake_in_the_order_of_the_document_when_there_are_several() -> None:
    config = {
        "hostname": 5,
        "process": {"args": [], "cwd": "x"},
        "mounts": [{"destination": 1}, {"destination": "/a", "options": ["ro", 2]}],
        "ociVersion": "1.0.0",
    }
    assert [path for path, _ in schema.explain(config)] == [
        "hostname",
        "process.args",
        "process.cwd",
        "mounts[0].destination",
        "mounts[1].options[1]",
        "root",
    ]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(MINIMAL, id="minimal"),
        pytest.param({**MINIMAL, "ociVersion": "1.99.0-rc.1+build.5"}, id="newer-minor"),
        pytest.param(with_("windows", 5), id="windows-is-ignored"),
        pytest.param(with_("linux.enableSomething", {"a": 1}), id="unknown-property"),
        pytest.param(with_("hostname", None), id="null-property"),
        pytest.param(with_("hooks", {"poststop": [{**HOOK, "timeout": 1}]}), id="hook"),
        pytest.param(with_("linux.devices", [DEVICE, {"type": "p", "path": "/run/pipe"}]), id="fifo-without-numbers"),
        pytest.param(with_("linux.resources.pids.limit", 0), id="no-tasks"),
        pytest.param(with_("process.rlimits", [{"type": "RLIMIT_AS", "soft": 0, "hard": 2**64 - 1}]), id="infinity"),
        pytest.param(with_("annotations", {"a": ""}), id="empty-annotation"),
        pytest.param(with_("linux.intelRdt", {"closID": "/"}), id="root-clos"),
        pytest.param(with_("linux.memoryPolicy", {"mode": "MPOL_LOCAL", "nodes": ""}), id="no-nodes"),
    ],
)
def test_explain_finds_nothing_when_the_configuration_is_right(config: object) -> None:
    assert schema.explain(config) == []


@pytest.mark.clause("general.near-misses")
@pytest.mark.parametrize(
    ("config", "misses"),
    [
        pytest.param(with_("hostName", "x"), [("hostName", "hostname")], id="case"),
        pytest.param(
            with_("process.noNewPriviledges", True), [("process.noNewPriviledges", "noNewPrivileges")], id="letter"
        ),
        pytest.param(with_("linux.masked_paths", []), [("linux.masked_paths", "maskedPaths")], id="snake-case"),
        pytest.param(
            with_("mounts", [{"destination": "/a", "option": []}]), [("mounts[0].option", "options")], id="in-array"
        ),
        pytest.param(
            with_("hooks", {"poststop": [{"path": "/a", "timeOut": 1}]}),
            [("hooks.poststop[0].timeOut", "timeout")],
            id="behind-a-reference",
        ),
        pytest.param(with_("annotations", {"hostnam": "x"}), [], id="keys-of-a-map-are-free"),
        pytest.param(with_("x-extension", 1), [], id="far-from-everything"),
        pytest.param({**with_("hostname", "a"), "hostnames": "b"}, [], id="right-one-is-there-too"),
        pytest.param([], [], id="no-object"),
    ],
)
def test_near_misses_tells_the_name_meant_when_a_property_is_misspelt(
    config: object, misses: list[tuple[str, str]]
) -> None:
    assert schema.near_misses(config) == misses


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema_is_valid_when_checked_against_its_draft(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema.load(name))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_property_has_description_and_clause_when_the_schema_is_walked(name: str) -> None:
    bare = [
        path
        for path, entry in _properties(schema.load(name), "")
        if not entry.get("description")
        or not (entry.get("clause") == "pyoci" or str(entry.get("clause")).partition("#")[0].endswith(".md"))
    ]
    assert bare == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_references_stay_inside_the_file_when_the_schema_is_walked(name: str) -> None:
    document = schema.load(name)
    references = [node["$ref"] for node in _nodes(document) if "$ref" in node]
    assert all(text.removeprefix("#/$defs/") in document["$defs"] for text in references)


def test_every_pattern_has_words_when_a_configuration_may_fail_it() -> None:
    wordless = [
        node for node in _nodes(schema.load()) if isinstance(node.get("pattern"), str) and "expects" not in node
    ]
    assert wordless == []


def test_every_alternative_is_a_choice_of_properties_when_explained() -> None:
    branches = [branch for node in _nodes(schema.load()) for branch in node.get("anyOf", [])]
    assert branches
    assert all(set(branch) == {"required"} for branch in branches)


def _nodes(schema_: object) -> list[dict[str, Any]]:
    """Every object of a schema, the innermost ones too."""
    if isinstance(schema_, dict):
        return [schema_, *(node for part in schema_.values() for node in _nodes(part))]
    if isinstance(schema_, list):
        return [node for part in schema_ for node in _nodes(part)]
    return []


def _properties(schema_: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    """Every property with its path; those of a condition's branches are said elsewhere."""
    found = []
    for name, entry in schema_.get("properties", {}).items():
        found += [(f"{path}.{name}", entry), *_properties(entry, f"{path}.{name}")]
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema_.get(keyword), dict):
            found += _properties(schema_[keyword], f"{path}[]")
    for name, entry in schema_.get("$defs", {}).items():
        found += _properties(entry, name)
    return found


@pytest.mark.parametrize("name", ["config", "state", "features"])
def test_schema_refers_to_nothing_outside(name: str) -> None:
    """jsonschema would fetch it from the network, as root."""
    text = json.dumps(schema.load(name))
    assert re.findall(r'"\$(?:dynamicR|r)ef": "(?!#)', text) == []
