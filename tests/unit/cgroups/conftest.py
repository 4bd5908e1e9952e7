"""Trees of plain files that look like mounted hierarchies."""

from __future__ import annotations

import pytest

from pyoci.cgroups.hierarchy import Hierarchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


class FakeTree:
    """One hierarchy in a folder; a cgroup gets its kernel's files when it is made with ``cgroup``."""

    def __init__(self, mount: Path, version: int, names: tuple[str, ...] = (), controllers: str = "") -> None:
        self.mount = mount
        self.version = version
        self.names = names
        self.controllers = controllers
        mount.mkdir(parents=True)
        self.cgroup("")

    def hierarchy(self, own: str = "/") -> Hierarchy:
        """As ``hierarchy.mounted`` would find it."""
        return Hierarchy(self.version, self.names, str(self.mount), own)

    def cgroup(self, path: str, **files: str) -> Path:
        """Make a cgroup; in names of files, ``__`` stands for a dot."""
        place = self.mount / path
        if place != self.mount and not place.parent.is_dir():
            self.cgroup(str(place.parent.relative_to(self.mount)))
        place.mkdir(exist_ok=True)
        texts = {"cgroup.procs": ""}
        if self.version == 2:
            texts |= {"cgroup.controllers": self.controllers, "cgroup.subtree_control": self.controllers,
                      "cgroup.events": "populated 0\nfrozen 0\n", "cgroup.type": "domain\n"}
        texts |= {name.replace("__", "."): text for name, text in files.items()}
        for name, text in texts.items():
            (place / name).write_text(text)
        return place


@pytest.fixture
def unified_tree(tmp_path: Path) -> FakeTree:
    """A v2 hierarchy."""
    return FakeTree(tmp_path / "cgroup2", 2, controllers="cpuset cpu io memory hugetlb pids")


@pytest.fixture
def make_legacy_tree(tmp_path: Path):
    """``make_legacy_tree("cpu", "cpuacct")`` is a v1 hierarchy of these controllers."""

    def make(*names: str) -> FakeTree:
        return FakeTree(tmp_path / ",".join(names).removeprefix("name="), 1, names)

    return make
