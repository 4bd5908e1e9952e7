"""linux.maskedPaths, and what linux.readonlyPaths has in common with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container

_MASKED = [f"/proc/{name}" for name in ("keys", "timer_list")] + ["/sys/firmware", "/secret", "/hidden", "/none/x"]


@pytest.mark.clause("linux.masked-paths.hidden", "linux.masked-paths.missing")
@pytest.mark.parametrize("user", [False, pytest.param(True, marks=pytest.mark.needs("userns"))], ids=["host", "user"])
def test_masked_ones_show_nothing(container: Container, user: bool) -> None:
    (container.bundle.rootfs / "secret").write_text("secret")
    (container.bundle.rootfs / "secret").chmod(0o666)
    (container.bundle.rootfs / "hidden").mkdir()
    (container.bundle.rootfs / "hidden/file").write_text("secret")
    (container.bundle.rootfs / "link").symlink_to("/secret")
    container.bundle.linux["maskedPaths"] = [*_MASKED, "/link"]
    if user:
        container.bundle.user_namespace()
    script = (
        "cat /secret /proc/keys /proc/timer_list; ls -A /hidden /sys/firmware | grep -v :; echo shown;"
        "echo evil >/secret; touch /hidden/new 2>/dev/null; mkdir /hidden/new 2>/dev/null; ls -A /hidden"
    )
    container.bundle.script(script + "; true")

    assert container.run().ok().output == "shown"
    assert (container.bundle.rootfs / "secret").read_text() == "secret"
    assert [path.name for path in (container.bundle.rootfs / "hidden").iterdir()] == ["file"]


@pytest.mark.clause("linux.masked-paths.missing", "linux.readonly-paths.missing")
def test_missing_ones_are_passed_over(container: Container) -> None:
    missing = ["/no", "/no/such/path", "/proc/no"]
    container.bundle.linux.update(maskedPaths=missing, readonlyPaths=missing)

    container.run().ok()

    assert not (container.bundle.rootfs / "no").exists()


@pytest.mark.clause("linux.masked-paths.absolute", "linux.readonly-paths.absolute")
@pytest.mark.differs("runc takes them from the root")
@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("path", ["proc/keys", "", "./proc"])
def test_are_absolute(container: Container, name: str, path: str) -> None:
    container.bundle.linux[name] = ["/proc/keys", path]

    container.create().failed(f"linux.{name}[1]")


@pytest.mark.clause("linux.masked-paths.hidden", "linux.readonly-paths.readonly")
def test_never_lead_outside(container: Container) -> None:
    outside = container.bundle.path / "outside"
    outside.write_text("outside")
    (container.bundle.rootfs / "link").symlink_to(f"../../../../../../..{outside}")
    container.bundle.linux.update(maskedPaths=["/link", "/../../.." + str(outside)], readonlyPaths=["/link"])

    container.up()

    assert outside.read_text() == "outside"
    assert str(outside) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.differs("runc believes the image before CVE-2025-31133")
def test_are_not_made_of_a_null_that_is_none(container: Container, place: Path) -> None:
    """Nothing is made in a /dev that config.json binds from elsewhere, so nobody else has looked at it."""
    (place / "dev").mkdir()
    (place / "dev/null").write_text("no null\n")
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if not entry["destination"].startswith("/dev")]
    container.bundle.mount("/dev", "none", str(place / "dev"), "bind")
    container.bundle.linux["maskedPaths"] = ["/etc/passwd"]
    container.bundle.script("cat /etc/passwd")

    assert container.run().stdout == ""
