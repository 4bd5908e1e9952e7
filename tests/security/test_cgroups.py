"""The host's cgroups are never writable in a container, whatever way its /sys came about (CVE-2023-25809)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.differs("about pyoci's own care"), pytest.mark.needs("root", "userns")]
_USER = 1234
_WRITE = (
    "find /sys -name cgroup.procs | while read file; do (echo $$ > $file) 2> /dev/null && echo wrote $file; done; :"
)


@pytest.fixture
def delegated(container: Container) -> Iterator[Path]:
    """A cgroup of the host that belongs to the user."""
    hierarchy = next(path for path in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")) if path.is_dir())
    directory = hierarchy / f"delegated-{os.getpid()}"
    directory.mkdir()
    for path in (directory, *directory.iterdir()):
        os.chown(path, _USER, _USER)
    yield directory
    directory.rmdir()


def written(container: Container, **kwargs: Any) -> str:
    """The files of cgroups the container could write to."""
    container.bundle.script(_WRITE)
    return container.run(**kwargs).ok().stdout


def test_root_of_a_user_namespace_writes_to_no_cgroup_of_the_host(container: Container, delegated: Path) -> None:
    """Whoever does not own the network namespace is shown the host's /sys, and the cgroups below it."""
    container.bundle.user_namespace(_USER, _USER, 1).without_namespace("network")
    for entry in container.bundle.config["mounts"]:
        entry["options"] = [option for option in entry["options"] if not option.startswith("gid=")]
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if entry["type"] != "cgroup"]

    assert written(container) == ""


def test_a_user_writes_to_no_cgroup_with_what_spec_wrote(
    container: Container, delegated: Path, place: Path
) -> None:
    """``spec --rootless`` binds /sys with all that is below."""
    place.chmod(0o777)
    who: dict[str, Any] = {"user": _USER, "group": _USER, "extra_groups": [],
                           "env": {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(place)}}  # fmt: skip
    for path in (container.bundle.path, *container.bundle.path.rglob("*")):
        os.lchown(path, _USER, _USER)
    container.runtime("spec", "--rootless", "--bundle", container.bundle.path, **who).ok()
    config = json.loads((container.bundle.path / "config.json").read_text())
    config["process"].update(terminal=False, args=["sh", "-c", _WRITE])
    (container.bundle.path / "config.json").write_text(json.dumps(config))

    assert container.runtime("run", "--bundle", container.bundle.path, container.id, **who).ok().stdout == ""
