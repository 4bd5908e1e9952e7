from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pyoci import cli, config
from pyoci.runtime.spec import template

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rootless", [False, True])
def test_template_is_a_valid_configuration(rootless: bool) -> None:
    config.load(json.dumps(template(rootless)).encode())


@pytest.mark.parametrize(
    ("words", "rootless"),
    [
        pytest.param(["spec"], False, id="for root"),
        pytest.param(["spec", "--rootless"], True, id="for others"),
        pytest.param(["--rootless=true", "spec"], False, id="the global option is another one"),
        pytest.param(["--rootless=true", "spec", "--rootless=false"], False, id="switched off"),
    ],
)
def test_writes_the_template(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    rootless: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.call(["pyoci", *words]) == 0
    assert capfd.readouterr() == ("", "")
    assert json.loads((tmp_path / "config.json").read_text()) == template(rootless)


def test_leaves_an_existing_file_alone(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")
    assert cli.call(["pyoci", "spec", "-b", str(tmp_path)]) == 1
    assert capfd.readouterr().err == f"File {tmp_path}/config.json exists. Remove it first\n"
    assert (tmp_path / "config.json").read_text() == "mine"


def test_says_that_the_bundle_is_missing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.call(["pyoci", "spec", "-b", f"{tmp_path}/none"]) == 1
    assert capfd.readouterr().err == f'"{tmp_path}/none/config.json": no such file or directory\n'


def types(document: dict[str, Any]) -> list[str]:
    return [namespace["type"] for namespace in document["linux"]["namespaces"]]


def test_rootless_template_needs_no_privileges() -> None:
    document = template(rootless=True)
    assert "user" in types(document)
    assert "network" not in types(document)
    assert not any(option.startswith("gid=") for mount in document["mounts"] for option in mount.get("options", []))
    assert "resources" not in document["linux"]
