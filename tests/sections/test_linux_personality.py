"""linux.personality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container


@pytest.mark.clause("linux.personality.domain")
@pytest.mark.differs("runc knows it since 1.2")
@pytest.mark.parametrize(("domain", "machine"), [("LINUX", "x86_64"), ("LINUX32", "i686")])
def test_personality_is_that_of_the_program(container: Container, domain: str, machine: str) -> None:
    container.bundle.linux["personality"] = {"domain": domain}
    container.up()

    assert container.exec("uname", "-m").ok().output == machine
    assert (Path(f"/proc/{container.pid}/personality").read_text().strip() == "00000008") == (domain == "LINUX32")


@pytest.mark.clause("linux.personality.domain", "linux.personality.flags")
@pytest.mark.differs("runc knows it since 1.2")
@pytest.mark.parametrize(
    ("personality", "field"),
    [
        ({"domain": "LINUX64"}, "domain"),
        ({}, "domain"),
        ({"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, "flags[0]"),
    ],
)
def test_personality_is_checked(container: Container, personality: dict[str, Any], field: str) -> None:
    container.bundle.linux["personality"] = personality

    container.create().failed(f"linux.personality.{field}")
