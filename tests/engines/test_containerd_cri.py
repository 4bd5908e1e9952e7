"""containerd as Kubernetes' kubelet uses it, over the Container Runtime Interface: pods and their containers."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.support import engines, limits
from tests.support.engines import HOME
from tests.support.grpc_client import Client
from tests.support.pod import CONTAINER, NODE, POD, PROTO, Pod
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tests.support.engines import Containerd

pytestmark = pytest.mark.needs("grpc", "nat", "cni")

_SERVE = "trap 'exit 7' TERM; echo ready; while true; do sleep 0.05; done"


@pytest.fixture(scope="session")
def cri(containerd: Containerd) -> Iterator[Client]:
    client = Client(PROTO, "RuntimeService", containerd.place.inside(containerd.socket))
    yield client
    client.close()


@pytest.fixture
def new_pod(containerd: Containerd, cri: Client, new_id: Callable[[], str]) -> Iterator[Callable[..., Pod]]:
    """A maker of pods; afterwards they are removed, and nothing of them may be left."""
    made: list[Pod] = []

    def make(**config: Any) -> Pod:
        made.append(Pod(containerd, cri, new_id(), **config))
        return made[-1]

    yield make
    for pod in made:
        pod.remove()
        assert not pod.leftovers()


@pytest.fixture
def pod(new_pod: Callable[..., Pod]) -> Pod:
    return new_pod()


def test_a_pod_has_an_address_and_ends_as_often_as_asked(pod: Pod) -> None:
    status = pod.cri("PodSandboxStatus", pod_sandbox_id=pod.id).status

    assert status.state == pod.cri.messages.SANDBOX_READY
    assert status.network.ip.startswith("10.214.0.")
    assert status.runtime_handler == "pyoci"
    pod.cri("StopPodSandbox", pod_sandbox_id=pod.id)
    pod.cri("StopPodSandbox", pod_sandbox_id=pod.id)


def test_uses_the_runtime_under_test(pod: Pod, program: str) -> None:
    state = json.loads(
        pod.place.run([program, "--root", "/run/containerd/runc/k8s.io", "state", pod.id]).ok().stdout
    )

    assert (state["id"], state["status"]) == (pod.id, "running")


def test_a_container_is_created_then_runs_then_has_exited(pod: Pod) -> None:
    states = pod.cri.messages
    container = pod.create("sh", "-c", "echo said; exit 3")
    assert pod.status(container).state == states.CONTAINER_CREATED

    pod.cri("StartContainer", container_id=container)

    assert pod.wait_for_exit(container).exit_code == 3
    assert pod.log(container) == "said"
    pod.cri("RemoveContainer", container_id=container)


def test_stop_signals_and_waits(pod: Pod) -> None:
    container = pod.start("sh", "-c", _SERVE)
    wait_for(lambda: "ready" in pod.log(container), "the program")

    pod.cri("StopContainer", container_id=container, timeout=10)

    assert pod.status(container).exit_code == 7


def test_stop_kills_what_does_not_listen(pod: Pod) -> None:
    container = pod.start("sleep", "1000")

    pod.cri("StopContainer", container_id=container, timeout=0)

    assert pod.status(container).exit_code == 128 + signal.SIGKILL


def test_removing_a_pod_removes_its_running_containers(pod: Pod) -> None:
    pod.start("sleep", "1000")

    pod.remove()

    assert not pod.leftovers()


def test_exec_prints_and_ends_as_its_program(pod: Pod) -> None:
    container = pod.start("sleep", "1000", envs=[{"key": "GIVEN", "value": "value"}])

    said = pod.execute(container, "sh", "-c", "echo $GIVEN; echo aside >&2; exit 5")

    assert (said.stdout, said.stderr, said.exit_code) == (b"value\n", b"aside\n", 5)


def test_exec_is_ended_when_it_takes_too_long(pod: Pod) -> None:
    import grpc

    container = pod.start("sleep", "1000")

    with pytest.raises(grpc.RpcError, match="timeout 1s exceeded"):
        pod.execute(container, "sleep", "999", timeout=1)
    assert "999" not in pod.execute(container, "ps").stdout.decode()


def test_containers_of_a_pod_share_what_they_shall(pod: Pod) -> None:
    look = "hostname; for kind in net ipc uts; do readlink /proc/self/ns/$kind; done"

    first, second = pod.output(look), pod.output(look)

    assert first == second
    assert first.startswith("pod-host\n")


@pytest.mark.parametrize(("whose", "seen"), [(POD, True), (CONTAINER, False)])
def test_containers_of_a_pod_may_share_processes(pod: Pod, whose: int, seen: bool) -> None:
    security = {"namespace_options": {"pid": whose}}
    pod.start("sleep", "1001", security=security)

    assert ("sleep 1001" in pod.output("ps -o args", security=security)) == seen


def test_the_network_may_be_the_nodes(new_pod: Callable[..., Pod]) -> None:
    node = {"namespace_options": {"network": NODE}}
    pod = new_pod(hostname="", security_context=node)

    found = pod.output("readlink /proc/self/ns/net", security=node)

    assert found == os.readlink(f"/proc/{pod.place.pid}/ns/net")


def test_a_sysctl_is_the_pods(new_pod: Callable[..., Pod]) -> None:
    pod = new_pod(sysctls={"net.ipv4.ip_unprivileged_port_start": "81"})

    assert pod.output("cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "81"


_STATUS = "awk '/^({})/ {{ print $2 }}' /proc/self/status"


@pytest.mark.parametrize(
    ("config", "script", "expected"),
    [
        pytest.param({"working_dir": "/tmp"}, "pwd", "/tmp", id="working_dir"),
        pytest.param({"security": {"readonly_rootfs": True}}, "touch /new", "touch: /new: Read-only file system",
                     id="readonly_rootfs"),
        pytest.param(
            {"security": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 29}, "supplemental_groups": [7]}},
            "id -u; id -g; id -G", "1000\n29\n29 7", id="run_as_user",
        ),
        pytest.param({"security": {"no_new_privs": True}}, _STATUS.format("NoNewPrivs"), "1", id="no_new_privs"),
        pytest.param({"security": {"seccomp": {"profile_type": 0}}}, _STATUS.format("Seccomp:"), "2", id="seccomp"),
        pytest.param({"security": {"seccomp": {"profile_type": 1}}}, _STATUS.format("Seccomp:"), "0", id="unconfined"),
        pytest.param({"security": {"capabilities": {"add_capabilities": ["SYS_TIME"]}}}, _STATUS.format("CapEff"),
                     "00000000aa0425fb", id="add_capabilities"),
        pytest.param({"security": {"capabilities": {"drop_capabilities": ["ALL"]}}}, _STATUS.format("CapEff"),
                     "0000000000000000", id="drop_capabilities"),
        pytest.param({"security": {"masked_paths": ["/etc/passwd"]}}, "wc -c < /etc/passwd", "0", id="masked_paths"),
        pytest.param({"security": {"readonly_paths": ["/etc"]}}, "touch /etc/x", "touch: /etc/x: Read-only file system",
                     id="readonly_paths"),
        pytest.param({"devices": [{"container_path": "/dev/latency", "host_path": "/dev/cpu_dma_latency",
                                   "permissions": "r"}]}, "head -c 0 /dev/latency && echo opened", "opened",
                     id="devices"),
        pytest.param({"mounts": [{"container_path": "/mnt", "host_path": f"{HOME}/volume", "readonly": True}]},
                     "ls /mnt; touch /mnt/x", "inside\ntouch: /mnt/x: Read-only file system", id="mounts"),
        pytest.param({"mounts": [{"container_path": "/mnt", "host_path": f"{HOME}/shared", "propagation": 2}]},
                     "grep -c ' /mnt .* shared:' /proc/self/mountinfo", "1", id="propagation"),
    ],
)
def test_options(pod: Pod, config: dict[str, Any], script: str, expected: str) -> None:
    assert pod.output(script, **config) == expected


def test_a_privileged_container_may_mount(new_pod: Callable[..., Pod]) -> None:
    pod = new_pod(security_context={"privileged": True})

    assert pod.output("mount -t tmpfs t /tmp && echo may", security={"privileged": True}) == "may"


def test_a_container_may_have_a_terminal(pod: Pod) -> None:
    assert pod.output("tty", tty=True).strip() == "/dev/pts/0"


def test_limits_are_set_and_changed(pod: Pod) -> None:
    resources = {"memory_limit_in_bytes": 64 << 20, "cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512}
    container = pod.start("sleep", "1000", resources={**resources, "oom_score_adj": 900})
    pid = engines.host_pid(container)
    limits.assert_limits(pid, limits.files(memory=64, cpus=0.5))

    pod.cri("UpdateContainerResources", container_id=container,
            linux={"memory_limit_in_bytes": 96 << 20, "cpu_period": 100000, "cpu_quota": 25000})

    limits.assert_limits(pid, limits.files(memory=96, cpus=0.25))


def test_stats_count_what_it_uses(pod: Pod) -> None:
    container = pod.start("sh", "-c", "head -c 4m /dev/zero | tail > /dev/null; sleep 1000")

    def stats() -> Any:
        return pod.cri("ContainerStats", container_id=container).stats

    wait_for(lambda: stats().cpu.usage_core_nano_seconds.value > 0, "some use of the processor")
    assert stats().memory.working_set_bytes.value > 0


def test_status_tells_of_an_oom_kill(pod: Pod) -> None:
    container = pod.start("tail", "/dev/zero", resources={"memory_limit_in_bytes": 16 << 20})

    status = pod.wait_for_exit(container)

    assert (status.exit_code, status.reason) == (128 + signal.SIGKILL, "OOMKilled")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        pytest.param("/no/such", "no such file or directory", id="path that is not there"),
        pytest.param("nosuch", "executable file not found in \\$PATH", id="name that is not there"),
        pytest.param("/etc", "permission denied", id="a directory"),
    ],
)
def test_tells_why_a_program_cannot_run(pod: Pod, command: str, text: str) -> None:
    import grpc

    container = pod.create(command)

    with pytest.raises(grpc.RpcError, match=rf"exec: .*{command}.*: .*{text}"):
        pod.cri("StartContainer", container_id=container)
    status = pod.status(container)
    assert (status.exit_code, status.reason) == (128, "StartError")
