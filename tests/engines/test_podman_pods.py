"""What several containers of podman share: namespaces, pods, networks; and podman kube play."""

from __future__ import annotations

import pytest

from tests.support.container import cgroups_named
from tests.support.engines import HOME, IMAGE, Podman
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("nothing_left")

_NO_NETWORK = "--network=none"
_KUBE = f"""\
apiVersion: v1
kind: Pod
metadata:
  name: kubed
spec:
  hostname: kubehost
  containers:
  - name: one
    image: {IMAGE}
    imagePullPolicy: Never
    command: [sh, -c, "echo $WORD > /shared/word; exec sleep 1000"]
    env: [{{name: WORD, value: fine}}]
    securityContext: {{readOnlyRootFilesystem: true, capabilities: {{drop: [ALL], add: [CHOWN]}}, runAsUser: 0}}
    resources: {{limits: {{memory: 64Mi}}}}
    volumeMounts: [{{name: shared, mountPath: /shared}}]
  - name: two
    image: {IMAGE}
    imagePullPolicy: Never
    volumeMounts: [{{name: shared, mountPath: /shared, readOnly: true}}]
  volumes:
  - name: shared
    hostPath: {{path: {HOME}/kubed, type: Directory}}
"""


@pytest.mark.parametrize(
    ("option", "namespace"),
    [("--pid", "pid"), ("--ipc", "ipc"), ("--network", "net"), ("--uts", "uts"), ("--cgroupns", "cgroup")],
)
def test_a_namespace_is_shared_with_a_container(podman: Podman, name: str, option: str, namespace: str) -> None:
    podman("run", "-d", "--name", name, _NO_NETWORK, "--ipc=shareable", "--cgroupns=private", IMAGE)
    own = podman("exec", name, "readlink", f"/proc/self/ns/{namespace}").output
    network = [] if option == "--network" else [_NO_NETWORK]

    said = podman(
        "run", "--rm", *network, f"{option}=container:{name}", IMAGE, "readlink", f"/proc/self/ns/{namespace}"
    )

    assert said.output == own


def test_a_user_namespace_is_shared_with_a_container(podman: Podman, name: str) -> None:
    podman("run", "-d", "--name", name, _NO_NETWORK, "--uidmap=0:100000:1000", "--gidmap=0:100000:1000", IMAGE)

    script = "tr -s ' ' < /proc/self/uid_map; readlink /proc/self/ns/user"
    said = podman("run", "--rm", _NO_NETWORK, f"--userns=container:{name}", IMAGE, "sh", "-c", script)

    other = podman("exec", name, "readlink", "/proc/self/ns/user").output
    assert said.output.splitlines() == ["0 100000 1000", other]


@pytest.mark.parametrize("option", ["--pid", "--ipc", "--network", "--uts", "--userns", "--cgroupns"])
def test_a_namespace_of_the_machine(podman: Podman, option: str) -> None:
    namespace = {"--network": "net", "--userns": "user", "--cgroupns": "cgroup"}.get(option, option[2:])
    network = [] if option == "--network" else [_NO_NETWORK]
    outside = podman.place.run(["readlink", f"/proc/self/ns/{namespace}"]).output

    said = podman("run", "--rm", *network, f"{option}=host", IMAGE, "readlink", f"/proc/self/ns/{namespace}")

    assert said.output == outside


def test_a_network_namespace_with_a_path(podman: Podman) -> None:
    podman.place.run(["ip", "netns", "add", "given"]).ok()
    podman.place.run(["ip", "-n", "given", "link", "set", "lo", "alias", "marked"]).ok()

    said = podman("run", "--rm", "--network=ns:/run/netns/given", IMAGE, "cat", "/sys/class/net/lo/ifalias")

    podman.place.run(["ip", "netns", "delete", "given"]).ok()
    assert said.output == "marked"


@pytest.fixture
def pod(podman: Podman, nothing_left: None) -> Iterator[str]:
    """A pod whose containers share all they can, with podman's own program in the first one."""
    podman("pod", "create", "--name=pod", _NO_NETWORK, "--hostname=podded", "--share=ipc,net,uts,pid",
           "--sysctl=net.ipv4.ip_forward=1")  # fmt: skip
    yield "pod"
    podman("pod", "rm", "--force", "--time=0", "pod")


def test_containers_of_a_pod_see_each_other(podman: Podman, pod: str) -> None:
    podman("run", "-d", f"--pod={pod}", IMAGE, "sh", "-c", "echo word | nc -l -p 99; sleep 1000")
    script = "hostname; cat /proc/1/comm /proc/sys/net/ipv4/ip_forward; until nc 127.0.0.1 99; do sleep 0.05; done"

    said = podman("run", "--rm", f"--pod={pod}", IMAGE, "sh", "-c", f"({script}) 2>/dev/null")

    assert said.output.splitlines() == ["podded", "catatonit", "1", "word"]


def test_containers_of_a_pod_are_in_its_cgroup(podman: Podman, pod: str) -> None:
    identity = podman("pod", "inspect", "--format={{.ID}}", pod).output

    said = podman("run", "--rm", f"--pod={pod}", "--cgroupns=host", IMAGE, "cat", "/proc/self/cgroup")

    assert all(f"/{podman.place.cgroup}/{identity}/libpod-" in line for line in said.output.splitlines())


def test_a_pod_is_paused_restarted_and_stopped_as_one(podman: Podman, pod: str) -> None:
    podman("run", "-d", f"--pod={pod}", IMAGE)

    def states() -> list[str]:
        return podman("ps", "--all", f"--filter=pod={pod}", "--format={{.Status}}").output.split("\n")

    podman("pod", "pause", pod)
    assert states() == ["Paused", "Paused"]
    podman("pod", "unpause", pod)
    podman("pod", "restart", pod)
    assert [state.split()[0] for state in states()] == ["Up", "Up"]
    assert len(podman("pod", "top", pod, "pid").output.splitlines()) >= 3
    podman("pod", "stop", "--time=1", pod)
    assert [state.split()[0] for state in states()] == ["Exited", "Exited"]


@pytest.mark.parametrize("words", [["sleep", "1000"], ["/bin/observe"]])
def test_the_first_container_of_a_pod_is_from_an_image_of_ours(podman: Podman, words: list[str]) -> None:
    podman("pod", "create", "--name=own", _NO_NETWORK, f"--infra-image={IMAGE}",
           f"--infra-command={' '.join(words)}")  # fmt: skip
    podman("pod", "start", "own")

    said = podman("pod", "ps", "--format={{.Name}} {{.Status}}").output

    podman("pod", "rm", "--force", "--time=0", "own")
    assert said == "own Running"


def test_kube_play_and_down(podman: Podman) -> None:
    podman.place.write("kubed/word", "")
    document = podman.place.write("pod.yaml", _KUBE)
    containers = podman("kube", "play", _NO_NETWORK, document).stdout.split()[3:]

    found = [
        podman("exec", "kubed-two", "sh", "-c", "until grep . /shared/word; do sleep 0.05; done").output,
        podman("exec", "kubed-one", "hostname").output,
        podman("exec", "kubed-one", "awk", "/CapEff/ {print $2}", "/proc/self/status").output,
    ]
    refused = podman.attempt("exec", "kubed-one", "touch", "/new")
    podman.attempt("exec", "kubed-two", "touch", "/shared/word").failed("Read-only file system")
    podman("kube", "down", document)

    assert found == ["fine", "kubehost", "0000000000000001"]
    refused.failed("Read-only file system")
    assert len(containers) == 2
    assert not any(cgroups_named(container) for container in containers)


@pytest.mark.needs("nat")
def test_a_network_has_names_and_addresses(podman: Podman, name: str) -> None:
    podman("network", "create", "net")
    podman("run", "-d", "--name", name, "--network=net", IMAGE, "sh", "-c", "echo word | nc -l -p 99; sleep 1000")
    script = f"until nc {name} 99; do sleep 0.05; done 2>/dev/null"

    said = podman("run", "--rm", "--network=net", IMAGE, "sh", "-c", script)

    podman("rm", "--force", "--time=0", name)
    podman("network", "rm", "net")
    assert said.output == "word"


@pytest.mark.needs("nat")
def test_a_port_is_published(podman: Podman, name: str) -> None:
    podman("run", "-d", "--name", name, "--network=podman", "--publish=127.0.0.1:8099:99", IMAGE,
           "sh", "-c", "while true; do echo word | nc -l -p 99; done")  # fmt: skip
    words = ["sh", "-c", "exec 3<>/dev/tcp/127.0.0.1/8099; cat <&3"]

    wait_for(lambda: podman.place.run(["bash", *words[1:]]).output == "word", "the port answers")


@pytest.mark.needs("nat")
def test_an_address_and_a_route_are_there_when_the_program_starts(podman: Podman) -> None:
    said = podman("run", "--rm", "--network=podman:ip=10.88.0.77,mac=02:00:00:00:00:01", IMAGE,
                  "sh", "-c", "ip -o -4 addr show eth0; ip route; cat /sys/class/net/eth0/address")  # fmt: skip

    assert "inet 10.88.0.77/16 " in said.output
    assert "default via 10.88.0.1 dev eth0" in said.output
    assert said.output.endswith("\n02:00:00:00:00:01")
