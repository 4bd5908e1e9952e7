"""linux.sysctl."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container

_SETTINGS = {
    "net.core.somaxconn": "123",
    "net.ipv4.conf.lo.forwarding": "1",
    "kernel.shmmax": "12345678",
    "kernel.msgmax": "4321",
    "kernel.sem": "32000\t1024000000\t500\t31999",
    "fs.mqueue.msg_max": "11",
    "kernel.domainname": "nis.example",
}


def _path(key: str) -> str:
    return "/proc/sys/" + key.replace(".", "/")


@pytest.mark.clause("linux.sysctl.written")
def test_are_written_in_the_container_alone(container: Container) -> None:
    container.bundle.linux["sysctl"] = _SETTINGS
    somaxconn = Path("/proc/sys/net/core/somaxconn").read_text()

    seen = container.output("cat " + " ".join(map(_path, _SETTINGS)))

    assert seen.splitlines() == list(_SETTINGS.values())
    assert Path("/proc/sys/net/core/somaxconn").read_text() == somaxconn


@pytest.mark.clause("linux.sysctl.separators")
@pytest.mark.needs("netns")
@pytest.mark.differs("runc knows one separator, and no netDevices")
@pytest.mark.parametrize("key", ["net.ipv4.conf.e/0.forwarding", "net/ipv4/conf/e.0/forwarding"])
def test_a_dot_may_be_part_of_a_name(container: Container, key: str) -> None:
    container.bundle.linux.update(sysctl={key: "1"}, netDevices={"veth0": {"name": "e.0"}})
    container.bundle.args("cat", "/proc/sys/net/ipv4/conf/e.0/forwarding")
    prefix = ["unshare", "-n", "sh", "-c", 'ip link add veth0 type veth peer name veth1; exec "$@"', "-"]

    assert container.run(prefix=prefix).ok().output == "1"


@pytest.mark.clause("linux.sysctl.namespace", "linux.sysctl.hostname")
@pytest.mark.parametrize(
    ("key", "without", "text"),
    [
        (
            "net.ipv4.ip_forward",
            "network",
            'sysctl "net.ipv4.ip_forward" is not allowed in the hosts network namespace',
        ),
        ("kernel.shmmax", "ipc", 'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace'),
        ("fs.mqueue.msg_max", "ipc", 'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace'),
        (
            "kernel.hostname",
            "",
            'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
        ),
        ("kernel.core_pattern", "", 'sysctl "kernel.core_pattern" is not in a separate kernel namespace'),
        ("vm.swappiness", "", 'sysctl "vm.swappiness" is not in a separate kernel namespace'),
        ("user.max_user_namespaces", "", "is not in a separate kernel namespace"),
    ],
)
@pytest.mark.differs("runc words it so since 1.2")
def test_of_the_host_are_refused(container: Container, key: str, without: str, text: str) -> None:
    container.bundle.without_namespace(without).linux["sysctl"] = {key: "1"}
    if without == "network":
        container.bundle.config["mounts"] = [e for e in container.bundle.config["mounts"] if e["type"] != "sysfs"]

    container.create().failed(text)


@pytest.mark.clause("linux.sysctl.namespace")
@pytest.mark.parametrize(
    "key",
    ["net.../kernel/core_pattern", "net.ipv4.//..//..//kernel//panic", "net/../kernel/core_pattern", "net.",
     ".net.core", "net..core", "", "/", "..", "net/./core/somaxconn", "net.core.somaxconn\0", "/net/core/somaxconn"],
)  # fmt: skip
@pytest.mark.differs("runc checks less")
def test_no_key_leads_elsewhere(container: Container, key: str) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    container.bundle.linux["sysctl"] = {key: "0"}

    container.create().failed()

    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


@pytest.mark.clause("linux.sysctl.refused")
@pytest.mark.parametrize(("key", "value"), [("net.core.somaxconn", "x"), ("net.no.such", "1"), ("net.core", "1")])
def test_refused_by_the_kernel_is_an_error_that_names_it(container: Container, key: str, value: str) -> None:
    container.bundle.linux["sysctl"] = {key: value}

    result = container.create().failed()

    assert key in result.stderr or _path(key) in result.stderr


@pytest.mark.clause("linux.sysctl.procfs")
@pytest.mark.differs("runc writes to whatever is at /proc/sys before CVE-2025-52881")
def test_are_never_written_to_something_else(container: Container) -> None:
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = [entry for entry in mounts if entry["destination"] != "/proc"]
    container.bundle.linux.update(sysctl={"net.core.somaxconn": "77"}, maskedPaths=[], readonlyPaths=[])
    fake = container.bundle.rootfs / "proc/sys/net/core/somaxconn"
    fake.parent.mkdir(parents=True)
    fake.write_text("fake")
    container.bundle.script("mkdir /p && mount -t proc proc /p && cat /p/sys/net/core/somaxconn")
    for kind in ("bounding", "permitted", "effective"):
        container.bundle.process["capabilities"][kind] += ["CAP_SYS_ADMIN"]

    assert container.run().ok().output == "77"
    assert fake.read_text() == "fake"


@pytest.mark.clause("linux.sysctl.written")
@pytest.mark.needs("userns")
def test_are_written_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace().linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "0"}

    assert container.output("cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "0"
