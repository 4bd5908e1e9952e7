"""linux.netDevices: in a network namespace of the test's own, which plays the host's."""

from __future__ import annotations

import pytest

from tests.support.container import Container

pytestmark = [pytest.mark.needs("netns"), pytest.mark.differs("runc knows it since 1.4")]

_VETH = "ip link add veth0 type veth peer name veth1"
_LOOK = "ip -o link show | cut -d: -f2 | cut -d@ -f1 | tr -d ' ' | tr '\\n' ' '"


def _host(script: str, then: str = "") -> list[str]:
    """A prefix that runs *script* in the runtime's network namespace first, and *then* afterwards."""
    return ["unshare", "-n", "sh", "-c", f'{script}; "$@"; status=$?; {then or ":"}; exit $status', "-"]


def _names(container: Container, devices: dict[str, dict[str, str]], script: str = _VETH) -> list[str]:
    """The interfaces in the container."""
    container.bundle.linux["netDevices"] = devices
    container.bundle.script(_LOOK)
    return container.run(prefix=_host(script)).ok().output.split()


@pytest.mark.clause("linux.net-devices.moved")
@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({}, "veth0"),
        ({"name": ""}, "veth0"),
        ({"name": "eth0"}, "eth0"),
        ({"name": "eth%d"}, "eth0"),
        ({"name": "x" * 15}, "x" * 15),
    ],
)
def test_move_to_the_container(container: Container, entry: dict[str, str], name: str) -> None:
    assert _names(container, {"veth0": entry}) == ["lo", name]


@pytest.mark.clause("linux.net-devices.moved", "linux.net-devices.exists")
def test_templates_find_free_names(container: Container) -> None:
    devices = {"veth0": {"name": "eth0"}, "veth1": {"name": "eth%d"}}

    assert sorted(_names(container, devices)) == ["eth0", "eth1", "lo"]


@pytest.mark.clause("linux.net-devices.addresses", "linux.net-devices.up")
def test_keep_addresses_and_attributes_and_are_up(container: Container) -> None:
    script = (
        f"{_VETH}; ip link set veth0 mtu 1434 address 02:00:00:00:00:42 alias 'the alias';"
        "ip addr add 10.9.8.7/24 brd + dev veth0; ip addr add 10.9.8.8/32 dev veth0 scope link;"
        "ip addr add fd00::1234/64 dev veth0 nodad; ip addr add 10.9.9.9/24 dev veth0 valid_lft 1000 preferred_lft 500;"
        "ip link set veth0 up; ip link set veth1 up"
    )
    container.bundle.linux["netDevices"] = {"veth0": {"name": "eth0"}}
    container.bundle.script("ip addr show eth0")

    seen = container.run(prefix=_host(script)).ok().stdout

    assert "mtu 1434" in seen
    assert "02:00:00:00:00:42" in seen
    assert "UP" in seen.split(">")[0]
    assert "10.9.8.7/24 brd 10.9.8.255 scope global" in seen
    assert "fd00::1234/64 scope global" in seen
    assert "10.9.8.8" not in seen
    assert "10.9.9.9" not in seen


@pytest.mark.clause("linux.net-devices.left-alone")
def test_never_come_back(container: Container) -> None:
    container.bundle.linux["netDevices"] = {"veth0": {"name": "eth0"}}
    container.bundle.args("true")

    result = container.run(prefix=_host(_VETH, "ip -o link show >&2")).ok()

    assert "veth0" not in result.stderr
    assert "eth0" not in result.stderr


@pytest.mark.clause("linux.net-devices.missing")
def test_missing_is_an_error(container: Container) -> None:
    container.bundle.linux["netDevices"] = {"veth7": {}}

    container.create(prefix=_host(_VETH)).failed("cannot move network device veth7: no such device")


@pytest.mark.clause("linux.net-devices.missing")
def test_that_cannot_be_moved_is_an_error(container: Container) -> None:
    container.bundle.linux["netDevices"] = {"lo": {"name": "eth0"}}

    container.create(prefix=_host(_VETH)).failed("cannot move network device lo")


@pytest.mark.clause("linux.net-devices.exists")
@pytest.mark.parametrize(
    "devices", [{"veth0": {"name": "lo"}}, {"veth0": {"name": "e"}, "veth1": {"name": "e"}}], ids=str
)
def test_a_name_in_use_is_an_error(container: Container, devices: dict[str, dict[str, str]]) -> None:
    container.bundle.linux["netDevices"] = devices

    container.create(prefix=_host(_VETH)).failed("veth")


@pytest.mark.clause("linux.net-devices.name")
@pytest.mark.parametrize("name", ["x" * 16, "a/b", "a b", ".", "..", "a:b", "a\tb", "ü" * 8, "a\nb"])
def test_names_are_those_the_kernel_takes(container: Container, name: str) -> None:
    container.bundle.linux["netDevices"] = {"veth0": {"name": name}}

    container.create(prefix=_host(_VETH)).failed("linux.netDevices.veth0.name")


@pytest.mark.clause("linux.net-devices.namespace")
def test_need_a_network_namespace(container: Container) -> None:
    container.bundle.without_namespace("network").linux["netDevices"] = {"veth0": {}}

    container.create(prefix=_host(_VETH)).failed("unable to move network devices without a private NET namespace")


@pytest.mark.clause("linux.net-devices.moved")
@pytest.mark.needs("userns")
def test_move_into_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace()

    assert _names(container, {"veth0": {"name": "eth0"}}) == ["lo", "eth0"]


@pytest.mark.clause("linux.net-devices.missing")
def test_a_failure_leaves_those_moved_before_to_the_kernel(container: Container) -> None:
    """The first one went with the namespace it had been moved to; the host's other ones are untouched."""
    container.bundle.linux["netDevices"] = {"veth0": {}, "nope": {}}

    result = container.create(prefix=_host(f"{_VETH}; ip link add veth2 type veth peer name veth3", "ip -o link show"))

    result.failed("nope")
    assert "veth2" in result.stdout
