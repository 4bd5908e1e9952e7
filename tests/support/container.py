"""One container of the runtime under test, and looking for what it left behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.support.bundle import Bundle
    from tests.support.runtime import Result, Runtime


class Container:
    """A container by its id; the bundle is written when it is created or run."""

    def __init__(self, runtime: Runtime, bundle: Bundle, container_id: str) -> None:
        self.runtime = runtime
        self.bundle = bundle
        self.id = container_id

    def create(self, *options: str | Path, **kwargs: Any) -> Result:
        """``create``: whether it succeeded is for the test to see."""
        return self.runtime("create", "--bundle", self.bundle.write(), *options, self.id, **kwargs)

    def run(self, *options: str | Path, **kwargs: Any) -> Result:
        """``run`` to the end, in the foreground unless told otherwise."""
        return self.runtime("run", "--bundle", self.bundle.write(), *options, self.id, **kwargs)

    def output(self, script: str) -> str:
        """What the shell *script* prints inside. Raises AssertionError when it does not end with 0."""
        self.bundle.script(script)
        return self.run().ok().output

    def up(self, *options: str | Path, **kwargs: Any) -> Container:
        """The same container, running ``sleep`` detached (or its own program, if the test gave it one)."""
        if self.bundle.process["args"] == ["true"]:
            self.bundle.args("sleep", "1000")
        self.run("--detach", *options, **kwargs).ok()
        return self

    def start(self, **kwargs: Any) -> Result:
        """``start``."""
        return self.runtime("start", self.id, **kwargs)

    def exec(self, *args: str | Path, **kwargs: Any) -> Result:
        """``exec`` *args*: the command's words, or options of their own behind the keyword ``flags``."""
        flags = kwargs.pop("flags", ())
        return self.runtime("exec", *flags, self.id, *args, **kwargs)

    def kill(self, *args: str, **kwargs: Any) -> Result:
        """``kill``."""
        return self.runtime("kill", self.id, *args, **kwargs)

    def delete(self, *options: str, **kwargs: Any) -> Result:
        """``delete``."""
        return self.runtime("delete", *options, self.id, **kwargs)

    def state(self) -> dict[str, Any]:
        """The state document. Raises AssertionError when there is none."""
        document: dict[str, Any] = json.loads(self.runtime("state", self.id).ok().stdout)
        return document

    @property
    def status(self) -> str:
        """What the state document calls the status."""
        return str(self.state()["status"])

    @property
    def pid(self) -> int:
        """The process id of the container's init on the host, 0 when it is stopped."""
        return int(self.state()["pid"])

    def wait_for_status(self, status: str) -> None:
        """Wait until the container is *status*."""
        wait_for(lambda: self.status == status, f"{self.id} is {status}")

    def wait_for_file(self, path: str) -> str:
        """Wait until *path* exists in the root filesystem and is not empty, and return its text."""
        file = self.bundle.rootfs / path.lstrip("/")
        wait_for(lambda: file.exists() and file.stat().st_size, f"{path} in the container")
        return file.read_text()

    def remove(self) -> None:
        """Delete the container whatever it does, silently if it is gone already."""
        self.runtime("delete", "--force", self.id)


def cgroups_named(container_id: str) -> list[str]:
    """The cgroup directories with *container_id* in their name, in whichever hierarchy."""
    return [
        os.path.join(parent, name)
        for parent, names, _ in os.walk("/sys/fs/cgroup", onerror=lambda _: None)
        for name in names
        if container_id in name
    ]


def mounts_naming(text: str) -> list[str]:
    """The host's mounts whose line in mountinfo has *text*."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if text in line]


def processes_naming(text: str) -> list[str]:
    """The processes with *text* in their command line or in the name of their cgroup."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            groups = Path(f"/proc/{pid}/cgroup").read_text(errors="replace")
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        # A zombie is not the runtime's: its parent, or process 1, has yet to wait for it. Nor is the process by which a
        # v1 kernel tells systemd that a cgroup is empty.
        ours = status != "Z" and int(pid) != os.getpid() and "systemd-cgroups-agent" not in words
        if ours and (text in words or text in groups):
            found.append(f"{pid} {words}")
    return found


def leftovers(runtime: Runtime, container_id: str) -> dict[str, list[str]]:
    """What is still there of the container *container_id*: nothing, if all is well."""
    state = runtime.root / container_id
    found = {
        "state": [str(state)] if state.exists() else [],
        "mounts": mounts_naming(container_id),
        "cgroups": cgroups_named(container_id),
        "processes": processes_naming(container_id),
    }
    return {kind: names for kind, names in found.items() if names}


def end_processes(container_id: str) -> None:
    """Kill what *container_id* left running, so that one broken test does not disturb the next ones."""
    for line in processes_naming(container_id):
        try:
            os.kill(int(line.split()[0]), signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: not processes_naming(container_id), f"the end of what {container_id} left")
    for group in sorted(cgroups_named(container_id), reverse=True):
        try:
            os.rmdir(group)
        except OSError as error:
            print(f"{group} stays: {error}")
