from __future__ import annotations

from typing import Any

import pytest

from pyoci.config import Config
from pyoci.config.linux.cgroup_ownership import owner

MOUNT = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "rw"]}
PRIVATE = [{"type": "cgroup"}]


def config(**changes: Any) -> Config:
    """A configuration that gives its cgroup away to uid 7, with *changes*; None takes a section out."""
    document = {
        "ociVersion": "1.3.0", "root": {"path": "/"}, "mounts": [MOUNT],
        "process": {"args": ["x"], "cwd": "/", "user": {"uid": 7, "gid": 9}},
        "linux": {"namespaces": PRIVATE}, **changes,
    }  # fmt: skip
    return Config.read({name: value for name, value in document.items() if value is not None})


def mapped(*mappings: tuple[int, int, int], uid: int = 7) -> Config:
    keys = ("containerID", "hostID", "size")
    entries = [dict(zip(keys, mapping, strict=True)) for mapping in mappings]
    return config(linux={"namespaces": [*PRIVATE, {"type": "user"}], "uidMappings": entries, "gidMappings": entries},
                  process={"args": ["x"], "cwd": "/", "user": {"uid": uid, "gid": 0}})  # fmt: skip


@pytest.mark.clause("linux.cgroup-ownership.condition")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(config(), 7, id="its user"),
        pytest.param(config(mounts=[{**MOUNT, "options": []}]), 7, id="writable unless told otherwise"),
        pytest.param(config(mounts=[{**MOUNT, "type": "cgroup2"}]), 7, id="the source counts, not the type"),
        pytest.param(config(mounts=[{**MOUNT, "options": ["nosuid", "ro"]}]), None, id="read-only"),
        pytest.param(config(mounts=[{**MOUNT, "destination": "/cgroup"}]), None, id="mounted elsewhere"),
        pytest.param(config(mounts=[{**MOUNT, "source": "cgroup2"}]), None, id="another source"),
        pytest.param(config(mounts=None), None, id="not mounted"),
        pytest.param(config(linux={"namespaces": []}), None, id="no cgroup namespace"),
        pytest.param(config(linux=None), None, id="no linux at all"),
        pytest.param(config(linux={"namespaces": [{"type": "cgroup", "path": "/x"}]}), None, id="a given namespace"),
        pytest.param(config(process=None), None, id="nobody"),
        pytest.param(mapped((0, 100_000, 10)), 100_007, id="mapped"),
        pytest.param(mapped((0, 1000, 1), (1, 200_000, 65_535)), 200_006, id="mapped by the second"),
        pytest.param(mapped((0, 1000, 8)), 1007, id="just mapped"),
        pytest.param(mapped((0, 1000, 8), uid=0), 1000, id="root"),
    ],
)  # fmt: skip
def test_owner_is_who_can_see_it_writable(given: Config, expected: int | None) -> None:
    assert owner(given) == expected
