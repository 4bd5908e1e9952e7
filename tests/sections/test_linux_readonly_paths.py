"""linux.readonlyPaths; see test_linux_masked_paths.py for what both have in common."""

from __future__ import annotations

import pytest

from tests.support.container import Container


@pytest.mark.clause("linux.readonly-paths.readonly")
@pytest.mark.parametrize("user", [False, pytest.param(True, marks=pytest.mark.needs("userns"))], ids=["host", "user"])
def test_readonly_ones_cannot_be_written(container: Container, user: bool) -> None:
    (container.bundle.rootfs / "folder").mkdir()
    (container.bundle.rootfs / "flagged").mkdir()
    (container.bundle.rootfs / "folder").chmod(0o777)
    (container.bundle.rootfs / "file").write_text("before\n")
    (container.bundle.rootfs / "file").chmod(0o666)
    container.bundle.mount("/flagged", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec")
    container.bundle.linux["readonlyPaths"] += ["/folder", "/file", "/flagged"]
    if user:
        container.bundle.user_namespace()
    container.bundle.script(
        "for path in /folder/new /file /flagged/new; do (echo x >$path) 2>&1; done; cat /file;"
        "grep ' /flagged ' /proc/self/mountinfo | tail -n1 | cut -d' ' -f6"
    )

    lines = container.run().ok().stdout.splitlines()

    assert [line.rpartition(": ")[2] for line in lines[:3]] == ["Read-only file system"] * 3
    assert lines[3] == "before"
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(lines[4].split(","))
