"""Names and places of units."""

from __future__ import annotations

import pytest

from pyoci.cgroups import systemd
from pyoci.errors import ConfigError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("machine.slice:libpod:abc", ("machine.slice", "libpod-abc.scope")),
        ("system.slice:docker:abc", ("system.slice", "docker-abc.scope")),
        (":crio:abc", ("system.slice", "crio-abc.scope")),
        ("user.slice::abc", ("user.slice", "abc.scope")),
        ("a.slice:x:mine.slice", ("a.slice", "mine.slice")),
        ("", ("system.slice", "pyoci-id.scope")),
        (None, ("system.slice", "pyoci-id.scope")),
    ],
)
def test_a_path_names_slice_and_unit(path: str | None, expected: tuple[str, str]) -> None:
    assert systemd.unit_name(path, "id", user=False) == expected


def test_a_user_has_another_slice() -> None:
    assert systemd.unit_name(None, "id", user=True)[0] == "user.slice"


@pytest.mark.parametrize("path", ["/a/b", "abc", "a:b", "a:b:", "a:b:c:d", "a.slice:p:../x"])
def test_a_path_of_another_form_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="slice:prefix:name"):
        systemd.unit_name(path, "id", user=False)


@pytest.mark.parametrize(
    ("name", "path"),
    [("-.slice", ""), ("system.slice", "/system.slice"), ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice")],
)
def test_a_dash_in_a_slice_leads_down(name: str, path: str) -> None:
    assert systemd.slice_path(name) == path
    assert systemd.unit_path(name, "x.scope") == f"{path}/x.scope"


@pytest.mark.parametrize("name", ["system", "-a.slice", "a-.slice", "a--b.slice", "a/b.slice", ".slice"])
def test_a_slice_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="invalid slice name"):
        systemd.slice_path(name)
