from __future__ import annotations

import os

import pytest

from pyoci.config import copy_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["pipe", "link", "directory"])
def test_file_is_refused_when_it_has_become_something_else(tmp_path: Path, kind: str) -> None:
    """Between the look at it and its opening; to open a pipe may take for ever, a device more than that."""
    place = tmp_path / "name"
    held = -1
    match kind:
        case "pipe":
            os.mkfifo(place)
            held = os.open(place, os.O_RDWR)
        case "link":
            place.symlink_to("/etc/passwd")
        case "directory":
            place.mkdir()
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)

    with pytest.raises(FileExistsError, match="no file any more"):
        copy_up._file(directory, directory, "name")

    assert os.listdir(tmp_path) == ["name"]
    os.close(directory)
    if held >= 0:
        os.close(held)
