"""``features``: what the runtime can do, as features.md has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.runtime import Runtime


@pytest.fixture
def features(runtime: Runtime) -> dict[str, Any]:
    """The document."""
    result = runtime("features").ok()
    assert result.stderr == ""
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.clause("features.version")
def test_tells_the_versions_of_the_specification(features: dict[str, Any]) -> None:
    assert features["ociVersionMin"] == "1.0.0"
    assert features["ociVersionMax"].startswith("1.")


@pytest.mark.clause("features.hooks")
def test_names_all_hooks(features: dict[str, Any]) -> None:
    kinds = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
    assert kinds <= set(features["hooks"])


@pytest.mark.parametrize("option", ["ro", "rro", "rbind", "rprivate", "nosuid", "relatime", "strictatime", "tmpcopyup"])
@pytest.mark.clause("features.mount-options")
def test_names_the_mount_option(features: dict[str, Any], option: str) -> None:
    assert option in features["mountOptions"]


@pytest.mark.clause("features.linux")
def test_names_what_linux_offers(features: dict[str, Any]) -> None:
    linux = features["linux"]
    assert {"cgroup", "ipc", "mount", "network", "pid", "user", "uts"} <= set(linux["namespaces"])
    assert {"CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE"} <= set(linux["capabilities"])
    assert linux["cgroup"]["v1"] is linux["cgroup"]["v2"] is True
    assert linux["seccomp"]["enabled"] is True
    assert {"SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"} <= set(linux["seccomp"]["actions"])
    assert "SCMP_ARCH_X86_64" in linux["seccomp"]["archs"]
    assert "SCMP_CMP_MASKED_EQ" in linux["seccomp"]["operators"]


@pytest.mark.differs("runc 1.1 follows an older features.md")
def test_names_what_newer_engines_ask_for(features: dict[str, Any]) -> None:
    """containerd asks for idmap, cri-o for rro and the annotations that may be dangerous."""
    linux = features["linux"]
    assert "time" in linux["namespaces"]
    assert linux["mountExtensions"]["idmap"]["enabled"] is True
    assert {"idmap", "ridmap"} <= set(features["mountOptions"])
    assert linux["intelRdt"]["enabled"] is True
    assert linux["seccomp"]["knownFlags"]
    assert features["ociVersionMax"].startswith("1.3.")
