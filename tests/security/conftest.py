"""What the tests of what a hostile image or container may try share: something of the host that must stay as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS = int(os.environ.get("PYOCI_STARTS", "10"))
"""How often a race is run: `make security` asks for 500."""
_OF_THE_KERNEL = [Path("/proc/sys/kernel", name) for name in ("core_pattern", "hostname", "domainname")]


def _seen(directory: Path) -> dict[str, object]:
    """Everything below *directory*: kind, mode, owner and content."""
    found: dict[str, object] = {}
    for path in (directory, *directory.rglob("*")):
        status = path.lstat()
        text = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_rdev, text)
    return found


@pytest.fixture
def victim(place: Path) -> Iterator[Path]:
    """A directory of the host in which, as in the kernel's settings, nothing may have changed at the end."""
    directory = place / "victim"
    (directory / "sub").mkdir(parents=True)
    (directory / "file").write_text("the host's\n")
    before = _seen(directory), [path.read_text() for path in _OF_THE_KERNEL]
    yield directory
    assert (_seen(directory), [path.read_text() for path in _OF_THE_KERNEL]) == before
