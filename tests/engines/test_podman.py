"""podman run and what follows it, with the runtime under test."""

from __future__ import annotations

from tests.support import engines
from tests.support.engines import Engine


def test_run_prints_what_the_program_prints(podman: Engine) -> None:
    said = podman("run", "--rm", "--network=none", engines.IMAGE, "echo", "hello")

    assert said.output == "hello"
