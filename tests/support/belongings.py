"""What a test makes with docker, docker's swarm or podman, and does not leave behind."""

from __future__ import annotations

import contextlib
import itertools

from tests.support.container import cgroups_named
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.engines import Engine

_numbers = itertools.count()


class Belongings:
    """Containers, networks, volumes and services of one *engine*; removed in reverse order."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._stack = contextlib.ExitStack()

    def container(self, *words: str) -> str:
        """Start a container; its id. Nobody waits when it does not listen to SIGTERM."""
        made = self.engine("run", "--detach", "--stop-timeout=0", *words).output
        self._stack.callback(self._remove_container, made)
        return made

    def _remove_container(self, made: str) -> None:
        self.engine("rm", "--force", made)
        wait_for(lambda: not cgroups_named(made), f"the end of {made}'s cgroups")

    def network(self, *words: str) -> str:
        """Make a network; its name."""
        return self._named("network", *words)

    def volume(self) -> str:
        """Make a volume; its name."""
        return self._named("volume")

    def _named(self, kind: str, *words: str) -> str:
        name = f"{kind}{next(_numbers)}"
        self.engine(kind, "create", *words, name)
        self._stack.callback(self._until_removed, kind, name)
        return name

    def _until_removed(self, kind: str, name: str) -> None:
        """Remove it when nobody uses it any longer: tasks of a swarm end some time after their service."""
        wait_for(lambda: self.engine.attempt(kind, "rm", name).status == 0, f"the end of {name}", 30)

    def service(self, *words: str) -> str:
        """Start a service of the swarm; its name."""
        name = f"service{next(_numbers)}"
        self.engine("service", "create", "--detach", "--quiet", f"--name={name}", "--stop-grace-period=0s", *words)
        self._stack.callback(self._remove_service, name)
        return name

    def _remove_service(self, name: str) -> None:
        self.engine("service", "rm", name)
        wait_for(lambda: not self.tasks(name, "--all"), f"the end of {name}'s tasks", 30)

    def tasks(self, service: str, *options: str) -> set[str]:
        """The containers of a *service* that run; with ``--all`` also the others."""
        label = f"--filter=label=com.docker.swarm.service.name={service}"
        return set(self.engine("ps", "--quiet", "--no-trunc", label, *options).output.split())

    def remove(self) -> None:
        """Remove all of it."""
        self._stack.close()

    def inspect(self, container: str, template: str) -> str:
        """What the engine says of a *container*."""
        return self.engine("inspect", "--format", template, container).output

    def execute(self, container: str, *words: str) -> str:
        """What *words* print in a *container*. Raises AssertionError when they fail."""
        return self.engine("exec", container, *words).output

    def address(self, container: str) -> str:
        """The address of a *container* that is in one network."""
        return self.inspect(container, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")

    def reaches(self, container: str, address: str) -> bool:
        """Whether a program in the *container* can connect to port 80 of *address*."""
        return self.engine.attempt("exec", container, "sh", "-c", f"echo | nc -w 1 {address} 80").status == 0

    def fetch(self, url: str) -> str:
        """What is served at *url*, seen from beside the containers."""
        return self.engine.place.run(["curl", "--silent", "--max-time", "10", url]).output

    def published(self, container: str, port: int) -> str:
        """Where *port* of a *container* is reached from beside it."""
        return "http://" + self.engine("port", container, f"{port}/tcp").output
