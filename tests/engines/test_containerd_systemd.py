"""containerd's CRI plug-in where the kubelet leaves cgroups to systemd: pods are slices, containers scopes."""

from __future__ import annotations

import pytest

from tests.support import abilities, engines, limits
from tests.support.grpc_client import Client
from tests.support.machine import ContainerdOfMachine, Machine
from tests.support.pod import NODE, PROTO, Pod
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEEDS = ("root", "systemd", "overlayfs", "containerd", "grpc")
pytestmark = pytest.mark.needs(*_NEEDS)

_NETWORK = {"namespace_options": {"network": NODE}}
_SLICE = "kubepods-tests.slice"


@pytest.fixture(scope="module")
def containerd(image: Path, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerdOfMachine]:
    """containerd of root, which has systemd make its cgroups."""
    if reason := abilities.reason_to_skip(*_NEEDS):
        pytest.skip(reason)
    with Machine(tmp_path_factory.mktemp("containerd")) as place:
        containerd = ContainerdOfMachine(place, program)
        containerd.prepare(image)
        yield containerd
        containerd.end()


@pytest.fixture(scope="module")
def cri(containerd: ContainerdOfMachine) -> Iterator[Client]:
    client = Client(PROTO, "RuntimeService", containerd.place.inside(containerd.socket))
    yield client
    client.close()


@pytest.fixture
def pod(containerd: ContainerdOfMachine, cri: Client) -> Iterator[Pod]:
    """A pod below a slice of the kubelet's; afterwards no unit, mount, cgroup or process of it is left."""
    with containerd.leaving_nothing():
        pod = Pod(containerd, cri, "pod", hostname="", cgroup_parent=_SLICE, security_context=_NETWORK)
        yield pod
        pod.remove()
        containerd.place.systemctl("stop", _SLICE, "kubepods.slice")  # as the kubelet does


def test_a_pod_and_its_container_are_units(pod: Pod, containerd: ContainerdOfMachine) -> None:
    resources = {"memory_limit_in_bytes": 64 << 20, "cpu_period": 100000, "cpu_quota": 50000}
    container = pod.start("sleep", "1000", security=_NETWORK, resources=resources)
    unit = f"cri-containerd-{container}.scope"
    pid = engines.host_pid(container)

    assert limits.group(pid).endswith(f"/kubepods.slice/{_SLICE}/{unit}")
    limits.assert_limits(pid, limits.files(memory=64, cpus=0.5))
    assert pod.execute(container, "echo", "said").stdout == b"said\n"
    pod.cri("UpdateContainerResources", container_id=container,
            linux={"memory_limit_in_bytes": 96 << 20, "cpu_period": 100000, "cpu_quota": 25000})  # fmt: skip
    containerd.place.systemctl("daemon-reload")
    limits.assert_limits(pid, limits.files(memory=96, cpus=0.25))
    assert containerd.place.systemctl.show(unit, "CPUQuotaPerSecUSec", "Delegate") == {
        "CPUQuotaPerSecUSec": "250ms", "Delegate": "yes",
    }  # fmt: skip
    wait_for(
        lambda: pod.cri("ContainerStats", container_id=container).stats.memory.working_set_bytes.value, "memory in use"
    )
    pod.cri("StopContainer", container_id=container, timeout=0)
    pod.cri("RemoveContainer", container_id=container)


def test_ctr_has_a_unit_as_well(containerd: ContainerdOfMachine) -> None:
    with containerd.leaving_nothing():
        containerd("run", "--detach", "--runc-systemd-cgroup", "--cgroup=system.slice:cri-containerd:ctr",
                   engines.IMAGE, "ctr", "sleep", "1000")  # fmt: skip
        unit = containerd.place.systemctl.show("cri-containerd-ctr.scope", "ActiveState", "ControlGroup")
        containerd("task", "rm", "--force", "ctr")
        containerd("container", "rm", "ctr")

    assert unit == {"ActiveState": "active", "ControlGroup": "/system.slice/cri-containerd-ctr.scope"}
