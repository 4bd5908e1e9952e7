"""A pod of containerd's CRI plug-in, as the kubelet asks for one."""

from __future__ import annotations

import itertools

from tests.support.container import cgroups_named
from tests.support.engines import HOME, IMAGE
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.support.engines import Containerd
    from tests.support.grpc_client import Client

PROTO = "tests/support/cri.proto"
POD, CONTAINER, NODE = range(3)
"""Whose namespace."""


class Pod:
    """A pod of the kubelet's, and the containers in it."""

    def __init__(
        self, containerd: Containerd, cri: Client, name: str, hostname: str = "pod-host", **linux: Any
    ) -> None:
        self.cri = cri
        self.place = containerd.place
        self.logs = f"{HOME}/logs/{name}"
        self.place.inside(self.logs).mkdir(parents=True)
        self.config = {
            "metadata": {"name": name, "uid": name, "namespace": "tests"},
            "hostname": hostname,
            "log_directory": self.logs,
            "linux": {"cgroup_parent": f"/{self.place.cgroup}/{name}", **linux},
        }
        self.containers: list[str] = []
        self.is_there = True
        self.id = cri("RunPodSandbox", config=self.config, runtime_handler="pyoci").pod_sandbox_id

    def create(self, *command: str, security: dict[str, Any] | None = None, resources: dict[str, Any] | None = None,
               **config: Any) -> str:
        """Create a container, not yet started; its id."""
        number = len(self.containers)
        whole = {
            "metadata": {"name": f"c{number}"}, "image": {"image": IMAGE}, "command": command,
            "log_path": f"{number}.log", "linux": {"security_context": security, "resources": resources}, **config,
        }  # fmt: skip
        made = self.cri("CreateContainer", pod_sandbox_id=self.id, config=whole, sandbox_config=self.config)
        self.containers.append(made.container_id)
        return str(made.container_id)

    def start(self, *command: str, **config: Any) -> str:
        """Create a container and start it; its id."""
        container = self.create(*command, **config)
        self.cri("StartContainer", container_id=container)
        return container

    def output(self, script: str, **config: Any) -> str:
        """What a container with *script* prints."""
        container = self.start("sh", "-c", f"exec 2>&1; {script}", **config)
        self.wait_for_exit(container)
        return self.log(container)

    def log(self, container: str) -> str:
        """What it has printed: the log has the time, the stream and a tag in front of each line."""
        text = self.place.inside(f"{self.logs}/{self.containers.index(container)}.log").read_text()
        return "\n".join(line.split(" ", 3)[3] for line in text.splitlines())

    def status(self, container: str) -> Any:
        """Its status."""
        return self.cri("ContainerStatus", container_id=container).status

    def wait_for_exit(self, container: str) -> Any:
        """Its status, once it has ended."""
        exited = self.cri.messages.CONTAINER_EXITED
        wait_for(lambda: self.status(container).state == exited, f"the end of {container}")
        return self.status(container)

    def execute(self, container: str, *command: str, timeout: int = 10) -> Any:
        """Run *command* in it, to its end."""
        return self.cri("ExecSync", container_id=container, cmd=command, timeout=timeout)

    def remove(self) -> None:
        """Stop and remove it, unless that has been done."""
        if self.is_there:
            self.cri("StopPodSandbox", pod_sandbox_id=self.id)
            self.cri("RemovePodSandbox", pod_sandbox_id=self.id)
        self.is_there = False

    def leftovers(self) -> list[str]:
        """What there is of it in the runtime's directory and in cgroups."""
        identities = (self.id, *self.containers)
        states = [self.place.inside(f"/run/containerd/runc/k8s.io/{name}") for name in identities]
        groups = itertools.chain.from_iterable(cgroups_named(name) for name in identities)
        return [*groups, *(str(state) for state in states if state.exists())]
