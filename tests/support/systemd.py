"""systemd, as its own command line shows it."""

from __future__ import annotations

import subprocess

from tests.support.waiting import wait_for


class Systemd:
    """A manager, that of the machine or of a user, whom the words in front of systemctl reach."""

    def __init__(self, *command: str) -> None:
        self._command = [*(command or ["systemctl"]), "--no-pager"]

    def __call__(self, *words: str) -> str:
        """What systemctl prints, once it succeeds: while another test has systemd execute itself anew it is refused."""

        def ask() -> list[str]:
            finished = subprocess.run([*self._command, *words], capture_output=True, text=True, check=False)
            return [finished.stdout] if finished.returncode == 0 else []

        return wait_for(ask, f"systemctl {' '.join(words)} to succeed")[0]

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """The properties *names* of *unit*."""
        text = self("show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in text.splitlines())

    def units(self, *patterns: str) -> set[str]:
        """The units with such names, those that have failed among them."""
        lines = self("list-units", "--all", "--plain", "--no-legend", *patterns).splitlines()
        return {line.split()[0] for line in lines}


systemctl = Systemd()
