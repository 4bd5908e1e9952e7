"""The features document beside what the reader takes: nothing more, nothing less, and the same on every host."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from pyoci.config import Config, hooks, mount_options, schema
from pyoci.config.process.capabilities import Capabilities, grant
from pyoci.errors import ConfigError
from pyoci.runtime.features import features, libseccomp_version
from pyoci.syscalls import capabilities, seccomp

DOCUMENT: dict[str, Any] = features()
LINUX = DOCUMENT["linux"]


def version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in DOCUMENT[name].partition("-")[0].partition("+")[0].split("."))


@pytest.mark.clause("features.version")
def test_versions_are_a_range() -> None:
    assert version("ociVersionMin") <= version("ociVersionMax")


@pytest.mark.clause("features.build")
def test_document_is_the_same_when_nothing_of_it_is_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the kernel supports of seccomp's flags may differ (features-linux.md#seccomp)."""
    monkeypatch.setattr("os.path.exists", lambda _: False)
    monkeypatch.setattr(seccomp, "flag_available", lambda _: False)
    document: dict[str, Any] = features()
    assert document["linux"]["seccomp"].pop("supportedFlags") == []
    recognised = {name: value for name, value in LINUX["seccomp"].items() if name != "supportedFlags"}
    assert document == {**DOCUMENT, "linux": {**LINUX, "seccomp": recognised}}


@pytest.mark.clause("features.hooks", "features.true")
def test_every_kind_of_hook_is_read_and_no_other_is_told() -> None:
    section = schema.load()["properties"]["hooks"]["properties"]
    assert set(DOCUMENT["hooks"]) == set(section) == set(hooks.KINDS)
    read = vars(hooks.Hooks.read({kind: [{"path": "/bin/true"}] for kind in DOCUMENT["hooks"]}))
    assert [len(entries) for entries in read.values()] == [1] * len(DOCUMENT["hooks"])


@pytest.mark.clause("features.true")
def test_every_capability_is_granted_to_who_has_it() -> None:
    names = tuple(LINUX["capabilities"])
    everything = dict.fromkeys(("bounding", "permitted", "effective", "inheritable", "ambient"), frozenset(range(64)))
    granted, warnings = grant(Capabilities(bounding=names), everything)
    assert warnings == []
    assert len(granted["bounding"]) == len(names) == len(capabilities.NAMES)


@pytest.mark.clause("features.mount-options")
def test_every_mount_option_we_know_is_told() -> None:
    assert set(DOCUMENT["mountOptions"]) == set(mount_options.NAMES)
    assert not {"size", "mode", "uid", "lowerdir", "newinstance"} & set(DOCUMENT["mountOptions"])


@pytest.mark.clause("features.linux", "features.true")
@pytest.mark.parametrize(
    ("told", "path"),
    [
        (LINUX["namespaces"], "linux.namespaces.items.type"),
        (LINUX["memoryPolicy"]["modes"], "linux.memoryPolicy.mode"),
        (LINUX["memoryPolicy"]["flags"], "linux.memoryPolicy.flags.items"),
        (LINUX["seccomp"]["actions"], "linux.seccomp.syscalls.items.action"),
        (LINUX["seccomp"]["operators"], "linux.seccomp.syscalls.items.args.items.op"),
        (LINUX["seccomp"]["archs"], "linux.seccomp.architectures.items"),
        (LINUX["seccomp"]["knownFlags"], "linux.seccomp.flags.items"),
    ],
)
def test_what_is_told_is_what_the_schema_allows(told: list[str], path: str) -> None:
    entry = schema.load()
    for name in path.split("."):
        entry = resolved(entry)
        entry = entry["items"] if name == "items" else entry["properties"][name]
    assert sorted(told) == sorted(resolved(entry)["enum"])


def resolved(entry: dict[str, Any]) -> dict[str, Any]:
    reference = entry.get("$ref")
    return schema.load()["$defs"][reference.rpartition("/")[2]] if reference else entry


@pytest.mark.clause("features.annotations")
def test_annotations_name_the_library_and_those_that_change_the_host() -> None:
    assert DOCUMENT["annotations"]["io.github.seccomp.libseccomp.version"] == libseccomp_version()
    assert DOCUMENT["potentiallyUnsafeConfigAnnotations"] == ["org.criu.config", "org.systemd.property."]


@pytest.mark.clause("features.true")
def test_systemd_can_make_cgroups_of_both_kinds() -> None:
    assert LINUX["cgroup"]["systemd"] is LINUX["cgroup"]["systemdUser"] is True


@pytest.mark.clause("general.unknown-values")
@pytest.mark.parametrize("section", ["namespaces", "memoryPolicy", "seccomp"])
def test_what_is_not_told_is_not_taken(section: str) -> None:
    documents = {"namespaces": [{"type": "x"}], "memoryPolicy": {"mode": "x"}, "seccomp": {"defaultAction": "x"}}
    with pytest.raises(ConfigError, match=f"linux.{section}"):
        Config.read({"ociVersion": "1.0.0", "root": {"path": "/"}, "linux": {section: documents[section]}})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"ociVersion": "1.0.0", "linux": {section: documents[section]}}, schema.load())
