"""The operations faults are tried on: what is before, the command, and what must hold whatever happened."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import NamedTuple

from tests.support.container import Container, cgroups_named, leftovers, processes_naming
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.bundle import Bundle
    from tests.support.runtime import Result, Runtime

_STATUSES = {"created", "running", "stopped", "creating"}


def nothing(container: Container) -> None:
    """There is no container."""


def created(container: Container) -> None:
    """It is created."""
    container.create().ok()


def running(container: Container) -> None:
    """It runs."""
    container.create().ok()
    container.start().ok()


def stopped(container: Container) -> None:
    """Its program has ended."""
    running(container)
    os.kill(container.pid, signal.SIGKILL)
    container.wait_for_status("stopped")


class Operation(NamedTuple):
    """A command, and the state in which it is given."""

    before: Callable[[Container], None]
    words: tuple[str, ...]
    args: tuple[str, ...] = ("sleep", "1000")
    detached: bool = False


OPERATIONS = {
    "create": Operation(nothing, ("create", "--bundle", "{bundle}", "--pid-file", "{place}/pid", "{id}")),
    "run": Operation(nothing, ("run", "--bundle", "{bundle}", "{id}"), ("true",)),
    "run-detached": Operation(nothing, ("run", "--detach", "--bundle", "{bundle}", "{id}")),
    "start": Operation(created, ("start", "{id}")),
    "exec": Operation(running, ("exec", "{id}", "true")),
    "exec-detached": Operation(running, ("exec", "--detach", "--pid-file", "{place}/pid", "{id}", "sleep", "1000")),
    "delete": Operation(stopped, ("delete", "{id}")),
    "delete-force": Operation(running, ("delete", "--force", "{id}")),
    "kill": Operation(running, ("kill", "{id}", "KILL")),
}


def enrich(bundle: Bundle, place: Path) -> None:
    """Ask for what has a conversation of its own: a user namespace, hooks on both sides, a filter, no new processes."""
    bundle.user_namespace()
    bundle.rootfs.chmod(0o755)
    kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    bundle.config["hooks"] = {kind: [{"path": "/bin/true"}] for kind in kinds}
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["type"] != "mqueue"]
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["kexec_load"], "action": "SCMP_ACT_ERRNO"}],
    }  # fmt: skip
    bundle.linux["cgroupsPath"] = f"/pyoci-faults-{os.getpid()}/{place.name}/leaf"


class Trial:
    """One operation on one container, into which a fault is put."""

    def __init__(self, runtime: Runtime, bundle: Bundle, container_id: str, operation: Operation) -> None:
        self.runtime = runtime
        self.operation = operation
        self.container = Container(runtime, bundle, container_id)
        self._place = runtime.directory
        bundle.args(*operation.args).write()
        words = {"bundle": str(bundle.path), "place": str(self._place), "id": container_id}
        self.words = [word.format(**words) for word in operation.words]

    def attempt(self, prefix: list[str]) -> Result:
        """Bring the container into its state, and give the command with *prefix* in front of it."""
        self.operation.before(self.container)
        (self._place / "pid").unlink(missing_ok=True)
        return self.runtime(*self.words, prefix=prefix, timeout=60)

    def is_described_truly(self) -> str:
        """What is wrong with what ``state`` says, once all that still goes on by itself has ended."""
        wrong = ""

        def right() -> bool:
            nonlocal wrong
            wrong = self._untruth()
            return not wrong

        try:
            wait_for(right, seconds=5)
        except AssertionError:
            return wrong
        return ""

    def _untruth(self) -> str:
        result = self.runtime("state", self.container.id)
        if result.status != 0:
            return "" if "does not exist" in result.stderr else f"state fails: {result.stderr}"
        state = json.loads(result.stdout)
        status, pid = state["status"], state["pid"]
        if status not in _STATUSES:
            return f"status {status}"
        if status in ("stopped", "creating"):
            left = processes_naming(self.container.id)
            return f"{status}, and there are {left}" if left else ""
        program = _program(pid)
        is_started = program.endswith("/bin/busybox")
        return "" if program and is_started == (status == "running") else f"{status}, and {pid} executes {program!r}"

    def remove(self) -> str:
        """Delete it by force; what is wrong with that, or left."""
        result = self.runtime("delete", "--force", self.container.id)
        if result.status or result.stderr:
            return str(result)
        return self.leftovers()

    def leftovers(self) -> str:
        """What is left of the container, once what is dying is dead."""
        try:
            wait_for(lambda: not self._left(), seconds=5)
        except AssertionError:
            return f"left: {self._left()}"
        return ""

    def _left(self) -> list[str]:
        found = [str(names) for names in leftovers(self.runtime, self.container.id).values()]
        keys = [line for line in Path("/proc/keys").read_text().splitlines() if f"_ses.{self.container.id}:" in line]
        files = [name for name in os.listdir(self._place) if ".new" in name]
        return [*found, *keys, *files, *self._groups()]

    def _groups(self) -> list[str]:
        path = self.container.bundle.linux.get("cgroupsPath")
        if not path:
            return []
        top = path.split("/")[1]
        return cgroups_named(top)


def _program(pid: int) -> str:
    """What *pid* executes; empty when it does not exist."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return ""
