"""What the user is told when config.json asks for something wrong: one line, the place, and nothing left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container, leftovers

_OWN = [{"type": "mount"}, {"type": "uts"}, {"type": "pid"}, {"type": "ipc"}]
_NOBODYS = {"type": "network", "path": "/no/such/ns"}
_NONSENSE = {"type": "RLIMIT_NONSENSE", "hard": 1, "soft": 1}
_FROM_NOWHERE = {"destination": "/x", "source": "/nowhere", "options": ["bind"]}
_WRONG = [
    pytest.param("process.args", [], "args must not be empty", id="no args"),
    pytest.param("process.cwd", "tmp", "Cwd must be an absolute path", id="relative cwd"),
    pytest.param("process.rlimits", [_NONSENSE], "RLIMIT_NONSENSE", id="rlimit"),
    pytest.param("process.args", "sh", "", id="args is a string"),
    pytest.param("root.path", "nowhere", "nowhere", id="no rootfs"),
    pytest.param("linux.namespaces", [{"type": "mount"}, {"type": "mount"}], "", id="namespace twice"),
    pytest.param("linux.namespaces", [{"type": "galaxy"}], "galaxy", id="unknown namespace"),
    pytest.param("mounts", [{"destination": "/x", "type": "nonsensefs", "source": "x"}], "", id="unknown file system"),
    pytest.param("mounts", [_FROM_NOWHERE], "/nowhere", id="no source"),
    pytest.param("linux.sysctl", {"vm.swappiness": "1"}, "vm.swappiness", id="host's sysctl"),
    pytest.param("linux.sysctl", {"net.ipv4.nonsense": "1"}, "nonsense", id="unknown sysctl"),
    pytest.param("linux.seccomp", {"defaultAction": "SCMP_ACT_NONSENSE"}, "SCMP_ACT_NONSENSE", id="seccomp action"),
    pytest.param("linux.devices", [{"path": "/dev/x", "type": "z", "major": 1, "minor": 3}], "", id="device type"),
    pytest.param("linux.rootfsPropagation", "sideways", "sideways", id="propagation"),
    pytest.param("hooks", {"createRuntime": [{"path": "/bin/false"}]}, "hook", id="failing hook"),
    pytest.param("hooks", {"createRuntime": [{"path": "/no/such/hook"}]}, "no such file or directory", id="no hook"),
    pytest.param("linux.resources", {"pids": {"limit": "many"}}, "", id="limit is a string"),
    pytest.param("linux.namespaces", [*_OWN, _NOBODYS], "/no/such/ns", id="no namespace"),
]


def replace(config: dict[str, Any], path: str, value: Any) -> None:
    """Put *value* at the dotted *path* of *config*."""
    *parents, last = path.split(".")
    for parent in parents:
        config = config[parent]
    config[last] = value


@pytest.mark.parametrize(("path", "value", "text"), _WRONG)
def test_fails_with_1_and_leaves_nothing(container: Container, path: str, value: Any, text: str) -> None:
    replace(container.bundle.config, path, value)

    container.create().failed(text)

    assert leftovers(container.runtime, container.id) == {}


@pytest.mark.differs("runc logs several lines for some of them")
@pytest.mark.parametrize(("path", "value", "text"), _WRONG)
def test_says_it_in_one_line(container: Container, place: Path, path: str, value: Any, text: str) -> None:
    replace(container.bundle.config, path, value)

    result = container.create(options=["--log", str(place / "log.json"), "--log-format", "json"]).failed(text)

    assert len(result.stderr.splitlines()) == 1
    (line,) = (place / "log.json").read_text().splitlines()
    assert json.loads(line)["level"] == "error"
    assert "Traceback" not in result.stderr


@pytest.mark.differs("Go's own words for what is wrong with JSON")
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"ociVersion": 1}', "\udcff"])
def test_refuses_what_is_not_a_configuration(container: Container, text: str) -> None:
    container.bundle.write()
    (container.bundle.path / "config.json").write_bytes(text.encode(errors="surrogateescape"))

    result = container.runtime("create", "-b", container.bundle.path, container.id).failed()

    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["start", "state", "kill", "delete", "ps", "pause", "resume"])
def test_names_the_missing_container(container: Container, command: str) -> None:
    container.runtime(command, container.id).failed("container does not exist")
