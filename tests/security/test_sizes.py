"""What is longer than any buffer ends in an error of one line, or works; nothing wraps (CVE-2021-43784)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.container import Container

pytestmark = [pytest.mark.differs("about pyoci's own care"), pytest.mark.needs("root")]
_LONG = "x" * 70_000
_PATH = "/" + "/".join(["x" * 200] * 350)
_GROUPS = {"uid": 0, "gid": 0, "additionalGids": list(range(70_000))}
_MAPS = [{"containerID": 2 * number, "hostID": 100_000 + 2 * number, "size": 1} for number in range(6000)]


@pytest.mark.parametrize(
    ("section", "changes", "texts"),
    [
        pytest.param("linux", {"uidMappings": _MAPS, "gidMappings": _MAPS}, ["uid_map"], id="id mappings"),
        pytest.param("linux", {"cgroupsPath": _PATH}, [], id="cgroup"),
        pytest.param("linux", {"maskedPaths": [_PATH]}, ["too long"], id="masked path"),
        pytest.param("linux", {"readonlyPaths": [f"/{_LONG}"]}, ["too long"], id="name"),
        pytest.param("linux", {"sysctl": {f"net.{_LONG}": "1"}}, ["sysctl"], id="sysctl"),
        pytest.param("linux", {"mountLabel": _LONG}, [], id="label"),
        pytest.param("linux", {"rootfsPropagation": _LONG}, ["rootfsPropagation"], id="propagation"),
        pytest.param("process", {"args": ["true", *["x" * 130_000] * 40]}, ["too long"], id="arguments"),
        pytest.param("process", {"args": [_PATH]}, ["too long"], id="program"),
        pytest.param("process", {"env": [f"A{number}={_LONG * 2}" for number in range(30)]}, [], id="environment"),
        pytest.param("process", {"cwd": _PATH}, ["too long"], id="working directory"),
        pytest.param("process", {"user": _GROUPS}, ["65536 are the most"], id="groups"),
        pytest.param("process", {"apparmorProfile": _LONG}, [], id="profile"),
        pytest.param("", {"hostname": _LONG}, ["hostname"], id="hostname"),
        pytest.param("", {"annotations": {"org.x": _LONG * 10}}, None, id="annotation"),
    ],
)
def test_too_much_is_refused_in_one_line(
    container: Container, section: str, changes: dict[str, Any], texts: list[str] | None
) -> None:
    config = container.bundle.config
    (config[section] if section else config).update(changes)
    if "uidMappings" in changes:
        container.bundle.namespace("user")

    result = container.run()

    assert "internal error" not in result.stderr
    assert "Error:" not in result.stderr
    if texts is None:
        result.ok()
    elif texts:
        result.failed(*texts)
    assert result.stderr.count("\n") <= 1


@pytest.mark.parametrize("length", [255, 256, 4095, 4096, 65_535, 65_536])
def test_a_mount_of_any_length_is_mounted_or_refused(container: Container, length: int) -> None:
    container.bundle.mount("/" + "/".join(["d" * 254] * (length // 255)), "tmpfs", "s" * length, "mode=755")

    result = container.run()

    assert "internal error" not in result.stderr
    assert result.stderr.count("\n") <= 1
