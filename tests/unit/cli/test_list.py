from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyoci import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_damaged_container_is_left_out_and_said_in_the_log(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, state in {"good": '{"owner": 0, "bundle": "/b", "created": "now", "complete": true}', "bad": "{"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text(state)
    log = tmp_path / "log"
    assert cli.call(["pyoci", "--log", str(log), "--log-format=json", "--root", str(tmp_path), "list", "-f=json"]) == 0
    out, err = capfd.readouterr()
    (good,) = json.loads(out)
    assert err == ""
    assert (good["id"], good["pid"], good["status"], good["owner"]) == ("good", 0, "stopped", "root")
    (line,) = map(json.loads, log.read_text().splitlines())
    assert line["level"] == "warning"
    assert line["msg"].startswith("load container bad: ")


def test_missing_root_directory_has_no_containers(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.call(["pyoci", "--root", f"{tmp_path}/none", "list", "-q"]) == 0
    assert capfd.readouterr() == ("", "")
