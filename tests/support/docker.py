"""One container of docker, as the tests see it."""

from __future__ import annotations

import json

from tests.support.container import cgroups_named
from tests.support.engines import HOME, IMAGE
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.support.engines import Docker
    from tests.support.runtime import Result

SERVE = "trap 'exit 7' TERM; trap 'echo heard USR1' USR1; echo ready; while true; do sleep 0.05; done"


class DockerContainer:
    """A container by its name; without a network unless its options ask for one, as that is faster."""

    def __init__(self, docker: Docker, name: str) -> None:
        self.docker = docker
        self.name = name
        self._ids: list[str] = []

    def run(self, *words: str, options: tuple[str, ...] = (), image: str = IMAGE, stdin: str = "") -> Result:
        """Run *words* to their end, and remove the container."""
        return self.docker.attempt("run", "--rm", *self._common(options), image, *words, stdin=stdin)

    def _common(self, options: tuple[str, ...]) -> tuple[str, ...]:
        has_network = any(option.startswith(("--net", "-p", "--publish")) for option in options)
        return ("--name", self.name, *(() if has_network else ("--network=none",)), *options)

    def up(self, *options: str, script: str = SERVE, image: str = IMAGE) -> DockerContainer:
        """Start *script* and wait until it says that it is ready."""
        said = self.docker("run", "-d", *self._common(options), image, "sh", "-c", script)
        self._ids.append(said.output.splitlines()[-1])
        return self.wait_for("ready")

    def __call__(self, verb: str, *words: str, **kwargs: Any) -> Result:
        """Do something to the container: ``box("kill", "--signal=USR1")``."""
        return self.docker(verb, *words, self.name, **kwargs)

    def execute(self, *words: str, options: tuple[str, ...] = ()) -> Result:
        """Run *words* in the container."""
        return self.docker.attempt("exec", *options, self.name, *words)

    @property
    def id(self) -> str:
        """Its id, which is what the runtime calls it."""
        return str(self.inspect()["Id"])

    def inspect(self) -> dict[str, Any]:
        """All that docker knows about it."""
        (found,) = json.loads(self("inspect").stdout)
        return dict(found)

    @property
    def state(self) -> dict[str, Any]:
        """What it does, or how it ended."""
        return dict(self.inspect()["State"])

    def wait_for(self, text: str) -> DockerContainer:
        """Wait until the program has printed *text*."""
        wait_for(lambda: text in self("logs").stdout, f"{text!r} of {self.name}")
        return self

    def wait_for_state(self, name: str, value: object) -> None:
        """Wait until the state says so."""
        wait_for(lambda: self.state[name] == value, f"{name} of {self.name} is {value}", 20)

    def remove(self) -> None:
        """Remove it, whatever it does."""
        self.docker.attempt("rm", "--force", "--volumes", self.name)

    def leftovers(self) -> list[str]:
        """What there is of it in the runtime's directory and in cgroups."""
        states = self.docker.place.inside(f"{HOME}/docker/exec")
        found = [str(path) for name in self._ids for path in states.glob(f"runtime-*/moby/{name}")]
        return [group for name in self._ids for group in cgroups_named(name)] + found
