"""``spec``: a config.json to begin with."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.container import Container
from tests.support.runtime import Runtime


def test_writes_into_the_current_directory(runtime: Runtime, place: Path) -> None:
    result = runtime("spec", cwd=place).ok()

    config = json.loads((place / "config.json").read_text())
    assert config["process"]["args"] == ["sh"]
    assert config["process"]["terminal"] is True
    assert config["root"] == {"path": "rootfs", "readonly": True}
    assert (result.stdout, result.stderr) == ("", "")


def test_writes_into_the_bundle(runtime: Runtime, place: Path) -> None:
    (place / "new").mkdir()

    runtime("spec", "--bundle", place / "new").ok()

    assert (place / "new/config.json").exists()


def test_overwrites_nothing(runtime: Runtime, place: Path) -> None:
    (place / "config.json").write_text("mine")

    runtime("spec", cwd=place).failed("config.json exists")

    assert (place / "config.json").read_text() == "mine"


def test_writes_what_runs(container: Container, place: Path) -> None:
    container.runtime("spec", "--bundle", place).ok()
    container.bundle.config = json.loads((place / "config.json").read_text())
    container.bundle.process["terminal"] = False
    container.bundle.script("hostname; touch /x || echo read-only")

    assert container.run().ok().stdout.splitlines()[1:] == ["read-only"]


def test_writes_a_user_namespace_for_the_rootless(runtime: Runtime, place: Path) -> None:
    runtime("spec", "--rootless", cwd=place).ok()

    linux = json.loads((place / "config.json").read_text())["linux"]
    assert {"type": "user"} in linux["namespaces"]
    assert {"type": "network"} not in linux["namespaces"]
    assert [mapping["size"] for mapping in (*linux["uidMappings"], *linux["gidMappings"])] == [1, 1]
    assert "resources" not in linux
