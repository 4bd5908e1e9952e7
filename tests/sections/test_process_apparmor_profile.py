"""process.apparmorProfile."""

from __future__ import annotations

import pytest

from tests.support import abilities
from tests.support.container import Container


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
@pytest.mark.needs("apparmor")
def test_an_unknown_profile_is_an_error(container: Container) -> None:
    container.bundle.process["apparmorProfile"] = "no-such-profile"

    container.create().failed("apparmor failed to apply profile")
