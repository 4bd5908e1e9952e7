from __future__ import annotations

import pytest

from pyoci.errors import ContainerError, ContainerNotFound, UsageError, WrongStatus
from pyoci.runtime import matching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name in ("web-1", "web-2", "db"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        pytest.param("web", ["web-1", "web-2"], id="anywhere"),
        pytest.param("^b", [], id="at the beginning"),
        pytest.param("b$", ["db"], id="at the end"),
        pytest.param(".", ["db", "web-1", "web-2"], id="any"),
    ],
)
def test_finds_the_pattern_in_ids(root: str, pattern: str, ids: list[str]) -> None:
    assert matching.matching(root, pattern) == ids


@pytest.mark.parametrize("pattern", ["", "(", "*", "[z-a]"])
def test_refuses_a_pattern_that_is_none(root: str, pattern: str) -> None:
    with pytest.raises(UsageError, match="regular expression"):
        matching.matching(root, pattern)


def test_goes_on_when_one_fails_and_tells_all_that_did(root: str) -> None:
    done = []

    def action(container_id: str) -> None:
        done.append(container_id)
        failures = {"db": WrongStatus("not now"), "web-1": OSError("no"), "web-2": ContainerNotFound("web-2")}
        raise failures[container_id]

    with pytest.raises(ContainerError) as caught:
        matching.each(root, ".", action)
    assert caught.value.message == "db: not now; web-1: no"
    assert done == ["db", "web-1", "web-2"]
