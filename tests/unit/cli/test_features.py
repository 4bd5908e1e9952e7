"""The features document satisfies its schema, and all that it lists is really recognised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pyoci import cli
from pyoci.config import Config, checks
from pyoci.config.linux.memory_policy import MemoryPolicy
from pyoci.config.linux.namespaces import Namespace
from pyoci.config.linux.seccomp import Seccomp
from pyoci.config.mount_options import Options
from pyoci.runtime.features import features
from pyoci.syscalls import capabilities

SCHEMA = Path(__file__).parents[3] / "spec/features.schema.json"
DOCUMENT: dict[str, Any] = features()
LINUX = DOCUMENT["linux"]


def test_prints_the_document(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.call(["pyoci", "features"]) == 0
    out, err = capfd.readouterr()
    assert (json.loads(out), err) == (DOCUMENT, "")


@pytest.mark.clause("features.schema")
def test_satisfies_the_schema() -> None:
    jsonschema.validate(DOCUMENT, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("name", ["ociVersionMin", "ociVersionMax"])
@pytest.mark.clause("features.version")
def test_version_is_accepted_in_a_configuration(name: str) -> None:
    checks.version(Config(oci_version=DOCUMENT[name]))


@pytest.mark.parametrize("name", DOCUMENT["mountOptions"])
@pytest.mark.clause("features.mount-options", "features.true")
def test_mount_option_is_not_left_to_the_filesystem(name: str) -> None:
    assert Options((name,)).data == []


@pytest.mark.parametrize("name", LINUX["namespaces"])
@pytest.mark.clause("features.true")
def test_namespace_is_recognised(name: str) -> None:
    Namespace.read({"type": name})


@pytest.mark.parametrize("mode", LINUX["memoryPolicy"]["modes"])
@pytest.mark.parametrize("flag", LINUX["memoryPolicy"]["flags"])
@pytest.mark.clause("features.true")
def test_memory_policy_is_recognised(mode: str, flag: str) -> None:
    MemoryPolicy.read({"mode": mode, "nodes": "0", "flags": [flag]})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *((action, "action") for action in LINUX["seccomp"]["actions"]),
        *((operator, "op") for operator in LINUX["seccomp"]["operators"]),
        *((architecture, "architectures") for architecture in LINUX["seccomp"]["archs"]),
        *((flag, "flags") for flag in LINUX["seccomp"]["knownFlags"]),
    ],
)
@pytest.mark.clause("features.true")
def test_seccomp_name_is_recognised(name: str, key: str) -> None:
    argument = {"index": 0, "value": 0, "op": name if key == "op" else "SCMP_CMP_EQ"}
    syscall = {"names": ["getcwd"], "action": name if key == "action" else "SCMP_ACT_LOG", "args": [argument]}
    listener = {"listenerPath": "/x"} if name == "SCMP_ACT_NOTIFY" else {}
    lists = {key: [name]} if key in {"architectures", "flags"} else {}
    Seccomp.read({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [syscall], **listener, **lists})


def test_supported_flags_are_known_ones() -> None:
    assert set(LINUX["seccomp"]["supportedFlags"]) <= set(LINUX["seccomp"]["knownFlags"])


@pytest.mark.clause("features.true")
def test_capabilities_are_the_kernels_up_to_its_last() -> None:
    assert len(LINUX["capabilities"]) == 41
    assert LINUX["capabilities"] == list(capabilities.NAMES)


def test_what_engines_decide_by_is_there() -> None:
    """containerd: idmap. docker and cri-o: rro."""
    assert LINUX["mountExtensions"]["idmap"]["enabled"]
    assert {"rro", "idmap", "ridmap"} <= set(DOCUMENT["mountOptions"])
