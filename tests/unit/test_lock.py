"""requirements.lock has what setup.cfg asks for, in versions that it takes, each file with its hash."""

from __future__ import annotations

import configparser
from pathlib import Path

from packaging.requirements import Requirement

TOP = Path(__file__).parents[2]


def locked() -> dict[str, str]:
    """The version of each library."""
    text = (TOP / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all("--hash=sha256:" in line for line in lines)
    return dict(line.split()[0].split("==") for line in lines)


def test_what_was_read_is_what_is_locked() -> None:
    """SECURITY.md says what each library does as root: a new version has to be read again."""
    text = (TOP / "SECURITY.md").read_text()

    assert [one for one in locked().items() if " ".join(one) not in text] == []


def test_lock_has_what_the_wheel_asks_for() -> None:
    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg")
    wanted = [Requirement(line) for line in config["options"]["install_requires"].split()]

    assert [str(one) for one in wanted if not one.specifier.contains(locked().get(one.name, "0"))] == []
