from __future__ import annotations

import os

import pytest

from pyoci.errors import UsageError
from pyoci.runtime import root


@pytest.mark.parametrize(
    ("euid", "environment", "expected"),
    [
        pytest.param(0, {}, "/run/pyoci", id="root"),
        pytest.param(0, {"XDG_RUNTIME_DIR": "/run/user/0"}, "/run/pyoci", id="root with a session"),
        pytest.param(1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/pyoci", id="a user"),
        pytest.param(1000, {"XDG_RUNTIME_DIR": ""}, "/run/pyoci", id="a user without a session"),
        pytest.param(1000, {}, "/run/pyoci", id="a user with nothing"),
    ],
)
def test_default(monkeypatch: pytest.MonkeyPatch, euid: int, environment: dict[str, str], expected: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    monkeypatch.setattr(os, "environ", environment)
    assert root.directory("") == expected


@pytest.mark.parametrize(
    ("ids", "user", "expected"),
    [
        pytest.param("         0          0 4294967295\n", None, "/run/pyoci", id="the host"),
        pytest.param("         0       1000          1\n", None, "/x/pyoci", id="rootless docker"),
        pytest.param("         0       1000          1\n", "alice", "/x/pyoci", id="podman unshare"),
        pytest.param("         0     100000      65536\n", "root", "/run/pyoci", id="a whole system in a container"),
    ],
)
def test_default_in_a_user_namespace(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    ids: str,
    user: str | None,
    expected: str,
) -> None:
    path = tmp_path_factory.mktemp("proc") / "uid_map"
    path.write_text(ids)
    monkeypatch.setattr(root, "_UID_MAP", str(path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "environ", {"XDG_RUNTIME_DIR": "/x", **({"USER": user} if user else {})})
    assert root.directory("") == expected


@pytest.mark.parametrize(("chosen", "expected"), [("/a", "/a"), ("/a/../b/", "/b"), ("//a", "//a")])
def test_chosen(chosen: str, expected: str) -> None:
    assert root.directory(chosen) == expected


@pytest.mark.parametrize("chosen", ["/", "//", "///", "/.", "/a/.."])
def test_the_whole_host_is_refused(chosen: str) -> None:
    with pytest.raises(UsageError, match="--root: / is refused"):
        root.directory(chosen)
