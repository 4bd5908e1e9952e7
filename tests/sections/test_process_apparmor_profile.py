"""process.apparmorProfile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import abilities
from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ALLOWED = "capability, dbus, file, mount, network, pivot_root, ptrace, signal, umount, unix,"


@pytest.fixture
def profile(new_id: Callable[[], str]) -> Iterator[str]:
    """The name of a profile of the kernel's that denies nothing but to read /secret."""
    name = new_id()
    text = f"profile {name} flags=(attach_disconnected) {{ {_ALLOWED} deny /secret rw, }}"
    subprocess.run(["apparmor_parser", "--add"], input=text, text=True, check=True)
    yield name
    subprocess.run(["apparmor_parser", "--remove"], input=text, text=True, check=True)


@pytest.mark.clause("process.apparmor.absent")
@pytest.mark.skipif(abilities.has("apparmor"), reason="AppArmor is there")
def test_a_profile_without_apparmor_is_an_error(container: Container) -> None:
    container.bundle.process["apparmorProfile"] = "no-such-profile"

    container.create().failed("apparmor")


@pytest.mark.clause("process.apparmor.applied")
@pytest.mark.needs("apparmor")
def test_a_profile_applies_to_the_program(container: Container) -> None:
    container.bundle.process["apparmorProfile"] = "unconfined"

    assert container.output("cat /proc/self/attr/current") == "unconfined"


@pytest.mark.clause("process.apparmor.applied")
@pytest.mark.needs("apparmor", "apparmor-parser")
def test_a_profile_confines_the_program_and_what_is_executed_beside_it(container: Container, profile: str) -> None:
    for name in ("secret", "known"):
        (container.bundle.rootfs / name).write_text(f"{name}\n")
    container.bundle.process["apparmorProfile"] = profile
    container.up()
    label = "/proc/self/attr/current"

    confined = container.exec("cat", label, "/known").ok().output.splitlines()
    free = container.exec("cat", label, "/secret", flags=("--apparmor", "unconfined")).ok().output.splitlines()

    assert Path(f"/proc/{container.pid}/attr/current").read_text() == f"{profile} (enforce)\n"
    assert confined == [f"{profile} (enforce)", "known"]
    container.exec("cat", "/secret").failed("Permission denied")
    assert free == ["unconfined", "secret"]


@pytest.mark.clause("process.apparmor.applied")
@pytest.mark.needs("apparmor")
def test_an_unknown_profile_is_an_error(container: Container) -> None:
    container.bundle.process["apparmorProfile"] = "no-such-profile"

    container.create().failed("apparmor failed to apply profile")
