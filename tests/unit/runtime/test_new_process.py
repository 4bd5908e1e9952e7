from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pyoci.errors import ContainerNotFound
from pyoci.runtime.new_process import new_process

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {"args": ["ls"], "env": [], "terminal": False, "noNewPrivileges": False, "user": {"additionalGids": []},
         "capabilities": None}  # fmt: skip
FULL = {
    "terminal": True,
    "consoleSize": {"height": 1, "width": 2},
    "args": ["sh"],
    "env": ["A=1"],
    "cwd": "/x",
    "user": {"uid": 5, "gid": 6, "umask": 7, "additionalGids": [8]},
    "noNewPrivileges": True,
    "capabilities": {"bounding": ["CAP_KILL"], "inheritable": ["CAP_KILL"]},
    "selinuxLabel": "a",
    "apparmorProfile": "b",
}
KEPT = {**FULL, "args": ["ls"], "terminal": False}


@pytest.mark.parametrize(
    ("process", "given", "changes"),
    [
        pytest.param({}, {}, PLAIN, id="nothing to begin with"),
        pytest.param(FULL, {}, KEPT, id="nothing changed but the command and the terminal"),
        pytest.param(FULL, {"terminal": True}, {"terminal": True}, id="tty"),
        pytest.param(FULL, {"cwd": "/y"}, {"cwd": "/y"}, id="cwd"),
        pytest.param(FULL, {"env": ["B=2", "A=3"]}, {"env": ["A=1", "B=2", "A=3"]}, id="env grows"),
        pytest.param(FULL, {"user": {"uid": 1, "gid": 0}},
                     {"user": {"uid": 1, "gid": 0, "umask": 7, "additionalGids": [8]}}, id="user"),
        pytest.param(FULL, {"additional_gids": (9, 10)},
                     {"user": {"uid": 5, "gid": 6, "umask": 7, "additionalGids": [8, 9, 10]}},
                     id="groups grow"),
        pytest.param(FULL, {"selinux_label": "l", "apparmor_profile": "p"},
                     {"selinuxLabel": "l", "apparmorProfile": "p"},
                     id="labels"),
        pytest.param(FULL, {"no_new_privileges": False}, {"noNewPrivileges": False}, id="no-new-privs switched off"),
        pytest.param({}, {"no_new_privileges": True}, {**PLAIN, "noNewPrivileges": True}, id="no-new-privs"),
        pytest.param({}, {"capabilities": ["CAP_X"]}, {**PLAIN, "capabilities": {
            "bounding": ["CAP_X"], "effective": ["CAP_X"], "permitted": ["CAP_X"]}},
                     id="capability, never inheritable"),
        pytest.param(FULL, {"capabilities": ["CAP_X"]}, {"capabilities": {
            "bounding": ["CAP_KILL", "CAP_X"], "inheritable": ["CAP_KILL"], "effective": ["CAP_X"],
            "permitted": ["CAP_X"], "ambient": ["CAP_X"]}}, id="capability, ambient when something is inheritable"),
    ],
)  # fmt: skip
def test_is_the_containers_with_changes(
    tmp_path: Path, process: dict[str, object], given: dict[str, Any], changes: dict[str, object]
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/state.json").write_text("{}")
    (tmp_path / "web/config.json").write_text(json.dumps({"process": process}))

    found = new_process(str(tmp_path), "web", ["ls"], **given)

    assert found == ({**KEPT, **changes} if process else changes)


def test_refuses_a_missing_container(tmp_path: Path) -> None:
    with pytest.raises(ContainerNotFound):
        new_process(str(tmp_path), "web", ["ls"])
