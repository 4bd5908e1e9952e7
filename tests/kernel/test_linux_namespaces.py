"""namespaces, their id mappings, clocks, names, parameters and network devices, looked at from inside."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time

import pytest

from pyoci.config import domainname, hostname
from pyoci.config.linux import id_mappings, loopback, net_devices, sysctl, time_offsets
from pyoci.config.linux import namespaces as section
from pyoci.config.linux.id_mappings import IdMapping
from pyoci.config.linux.net_devices import NetDevice
from pyoci.errors import StepError
from pyoci.syscalls import namespaces, prctl, process, procfs
from tests.support.fake_init import fake_init

ROOT_AS_100000 = [IdMapping(container_id=0, host_id=100000, size=65536)]


def _inode(kind: str, pid: str = "self") -> int:
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _new(kind: str) -> int:
    """A descriptor of a new namespace; ours stays what it was."""
    own = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    namespaces.unshare(namespaces.FLAGS[kind])
    other = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    namespaces.setns(own, namespaces.FLAGS[kind])
    os.close(own)
    return other


def test_unshare_makes_the_listed_ones(in_child):
    def look():
        before = {kind: _inode(kind) for kind in namespaces.FLAGS}
        listed = [{"type": "network"}, {"type": "uts"}, {"type": "ipc", "path": "/proc/self/ns/ipc"}]
        init = fake_init({"namespaces": listed})
        section.unshare_user(init)
        section.unshare(init)
        return sorted(kind for kind in namespaces.FLAGS if before[kind] != _inode(kind))

    assert in_child(look) == ["net", "uts"]


def test_unshare_user_leaves_the_others_for_later(in_child):
    def look():
        before = {kind: _inode(kind) for kind in namespaces.FLAGS}
        section.unshare_user(fake_init({"namespaces": [{"type": "user"}, {"type": "uts"}]}))
        return [kind for kind in namespaces.FLAGS if before[kind] != _inode(kind)]

    assert in_child(look, 0) == ["user"]


def test_unshare_says_which_and_why_when_the_limit_is_reached(in_child):
    def look():
        namespaces.unshare(namespaces.CLONE_NEWUSER)
        with open("/proc/sys/user/max_uts_namespaces", "w") as file:
            file.write("0")
        section.unshare(fake_init({"namespaces": [{"type": "uts"}]}))

    with pytest.raises(StepError, match=r"cannot make new namespaces \(uts\): no space left .*max_\*_namespaces"):
        in_child(look)


def test_join_enters_the_given_ones(in_child):
    def look():
        given = {kind: _new(kind) for kind in ("net", "uts", "ipc")}
        wanted = {kind: os.fstat(fd).st_ino for kind, fd in given.items()}
        section.join(fake_init(prepared={"linux.namespaces": given}))
        return wanted == {kind: _inode(kind) for kind in wanted}

    assert in_child(look)


def test_join_enters_namespaces_of_the_host_together_with_a_user_namespace(in_child):
    def look():
        given = {"user": id_mappings.open_namespace(ROOT_AS_100000, ROOT_AS_100000), "net": _new("net")}
        wanted = {kind: os.fstat(fd).st_ino for kind, fd in given.items()}
        section.join(fake_init(prepared={"linux.namespaces": given}))
        return wanted == {kind: _inode(kind) for kind in wanted}

    assert in_child(look)


def test_join_enters_namespaces_of_a_user_namespace_without_privileges(in_child):
    def look():
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        prctl.dumpable(True)
        reader, writer = os.pipe()
        if (pid := process.clone(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNET)) == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        given = {kind: os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("net", "user")}
        wanted = {kind: os.fstat(fd).st_ino for kind, fd in given.items()}
        section.join(fake_init(prepared={"linux.namespaces": given}))
        same = wanted == {kind: _inode(kind) for kind in wanted}
        os.close(writer)
        os.waitpid(pid, 0)
        return same

    assert in_child(look)


def test_join_stays_in_its_own_user_namespace(in_child):
    def look():
        section.join(fake_init(prepared={"linux.namespaces": {"user": os.open("/proc/self/ns/user", os.O_RDONLY)}}))

    in_child(look)


def test_join_names_the_namespace_it_cannot_enter(in_child):
    def look():
        given = {"net": os.open("/proc/self/ns/uts", os.O_RDONLY)}
        section.join(fake_init(prepared={"linux.namespaces": given}))

    with pytest.raises(OSError, match="'net namespace'") as caught:
        in_child(look)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param(ROOT_AS_100000, ((0, 0, 0), (0, 0, 0), 0), id="root is mapped"),
        pytest.param([IdMapping(container_id=5, host_id=0, size=1)], ((5, 5, 5), (5, 5, 5), 0), id="root is unmapped"),
    ],
)
def test_become_root_when_there_is_one(ids, expected, in_child):
    def look():
        namespaces.setns(id_mappings.open_namespace(ids, ids), namespaces.CLONE_NEWUSER)
        id_mappings.become_root(fake_init(private=frozenset({"user"})))
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)  # ours again
        return os.getresuid(), os.getresgid(), os.write(fd, b"0") - 1

    assert in_child(look) == expected


def test_become_root_does_nothing_in_the_runtimes_namespace(in_child):
    def look():
        os.setresuid(1000, 1000, 1000)
        id_mappings.become_root(fake_init(private=frozenset({"mnt"})))
        return os.getresuid()

    assert in_child(look) == (1000, 1000, 1000)


def test_write_maps_ones_own_id_without_privileges(in_child):
    def look():
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        prctl.dumpable(True)
        own = [IdMapping(container_id=0, host_id=1000, size=1)]
        namespaces.setns(id_mappings.open_namespace(own, own), namespaces.CLONE_NEWUSER)
        return [_text(f"/proc/self/{name}").split() for name in ("uid_map", "gid_map", "setgroups")]

    assert in_child(look) == [["0", "1000", "1"], ["0", "1000", "1"], ["deny"]]


def test_write_explains_what_the_kernel_refuses(in_child):
    def look():
        id_mappings.open_namespace(ROOT_AS_100000 * 2, ROOT_AS_100000)

    with pytest.raises(StepError, match=r"cannot write 0 100000 65536, .* to /proc/\d+/uid_map: invalid arg") as caught:
        in_child(look)
    assert caught.value.details["field"] == "linux.uidMappings"


def test_offsets_move_the_clocks_of_the_next_child(in_child):
    def look():
        offsets = {"boottime": {"secs": 10**6, "nanosecs": 5}, "monotonic": {"secs": 2 * 10**6}}
        time_offsets.write(fake_init({"timeOffsets": offsets}))
        before = [int(time.clock_gettime(clock)) for clock in (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)]
        if (pid := os.fork()) == 0:
            after = [time.clock_gettime(clock) for clock in (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)]
            moved = [round((late - early) / 10**6) for early, late in zip(before, after, strict=True)]
            os._exit(0 if moved == [1, 2] else 1)
        return os.waitpid(pid, 0)[1]

    assert in_child(look, namespaces.CLONE_NEWTIME) == 0


def test_offsets_say_so_when_a_clock_would_be_negative(in_child):
    def look():
        time_offsets.write(fake_init({"timeOffsets": {"monotonic": {"secs": -(10**9)}}}))

    with pytest.raises(StepError, match="may neither be negative") as caught:
        in_child(look, namespaces.CLONE_NEWTIME)
    assert caught.value.details["errno"] == errno.ERANGE


def test_names_are_set_in_a_namespace_of_their_own_only(in_child):
    def look(private):
        init = fake_init(hostname="box", domainname="example", private=frozenset(private))
        hostname.set_name(init)
        domainname.set_name(init)
        return os.uname().nodename, _text("/proc/sys/kernel/domainname").strip()

    assert in_child(lambda: look({"uts"}), namespaces.CLONE_NEWUTS) == ("box", "example")
    assert in_child(lambda: look({"mnt"}), namespaces.CLONE_NEWUTS) != ("box", "example")


@pytest.mark.parametrize("module", [hostname, domainname])
def test_a_name_too_long_is_refused(module, in_child):
    def look():
        module.set_name(fake_init(hostname="x" * 65, domainname="x" * 65, private=frozenset({"uts"})))

    with pytest.raises(OSError, match="x" * 65):
        in_child(look, namespaces.CLONE_NEWUTS)


def test_sysctls_are_written_in_the_namespaces(in_child):
    def look():
        wanted = {"net.ipv4.conf.default.forwarding": "1", "net/core/somaxconn": "77", "kernel.shmmni": "12"}
        proc = procfs.open_private()
        sysctl.write(fake_init({"sysctl": wanted}, proc=proc))
        return [procfs.read(proc, f"sys/{sysctl.path(key)}").strip() for key in wanted]

    assert in_child(look, namespaces.CLONE_NEWNET | namespaces.CLONE_NEWIPC) == ["1", "77", "12"]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        pytest.param("net.core.somaxconn", "many", r'somaxconn: cannot set it to "many": invalid argument', id="value"),
        pytest.param("net.core.none", "1", r"no such file or directory \(this kernel has no such", id="missing"),
        pytest.param("net.core", "1", r"net.core: cannot set it", id="a directory"),
    ],
)
def test_sysctls_name_key_and_value(key, value, text, in_child):
    def look():
        sysctl.write(fake_init({"sysctl": {key: value}}, proc=procfs.open_private()))

    with pytest.raises(StepError, match=text):
        in_child(look, namespaces.CLONE_NEWNET)


@pytest.mark.parametrize(
    ("path", "expected"), [pytest.param("", True, id="new"), pytest.param("/proc/self/ns/net", False, id="given")]
)
def test_loopback_is_up_in_a_new_namespace(path, expected, in_child):
    def look():
        loopback.bring_up(fake_init({"namespaces": [{"type": "network", "path": path}]}))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("127.0.0.1", 9))
            except OSError:
                return False
        return True

    assert in_child(look, namespaces.CLONE_NEWNET) is expected


_IFLA_ADDRESS, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_INFO_KIND = 1, 4, 18, 1
_NEW = net_devices._NLM_F_CREATE | net_devices._NLM_F_EXCL


def _make_dummy(name: str) -> int:
    """The number of a new interface that leads nowhere."""
    for kind in (b"dummy", b"ifb"):
        attributes = {
            net_devices._IFLA_IFNAME: name.encode() + b"\0",
            _IFLA_ADDRESS: b"\x02\0\0\0\0\x07",
            _IFLA_MTU: struct.pack("=I", 1400),
            _IFLA_LINKINFO: net_devices._attribute(_IFLA_INFO_KIND, kind),
        }
        try:
            _ask(net_devices._RTM_NEWLINK, net_devices._LINK.pack(0, 0, 0, 1, 1), attributes, _NEW)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
        else:
            return socket.if_nametoindex(name)
    raise LookupError


def _ask(kind: int, header: bytes, attributes: dict[int, bytes], flags: int) -> list[bytes]:
    ours = net_devices._connect()
    try:
        return net_devices._request(ours, kind, header, attributes, flags)
    finally:
        ours.close()


@pytest.fixture
def interfaces(in_child):
    """Skip where the kernel has no interfaces that can be made up."""
    try:
        in_child(lambda: _make_dummy("probe"), namespaces.CLONE_NEWNET)
    except LookupError:
        pytest.skip("needs interfaces of kind dummy or ifb")


def _add_address(index: int, text: str, prefix: int, scope: int = 0, lifetime: int = 2**32 - 1) -> None:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    data = socket.inet_pton(family, text)
    attributes = {1: data, 2: data, 6: struct.pack("=IIII", lifetime, lifetime, 0, 0), 8: struct.pack("=I", 0x02)}
    header = net_devices._ADDRESS.pack(family, prefix, 0, scope, index)
    _ask(net_devices._RTM_NEWADDR, header, attributes, _NEW)


def _addresses(index: int) -> list[str]:
    found = net_devices._permanent_addresses(net_devices._connect(), index)
    return sorted(f"{socket.inet_ntop(family, attributes[1])}/{prefix}" for family, prefix, attributes in found)


def test_move_takes_an_interface_with_its_addresses(in_child, interfaces):
    def look():
        target = _new("net")
        index = _make_dummy("host0")
        for text, prefix, scope, lifetime in (
            ("10.1.2.3", 24, 0, 2**32 - 1),
            ("fd00::7", 64, 0, 2**32 - 1),
            ("10.9.9.9", 32, 0, 60),
            ("10.8.8.8", 32, 253, 2**32 - 1),
        ):
            _add_address(index, text, prefix, scope, lifetime)
        net_devices.move({"host0": NetDevice(name="data0")}, target)
        gone = [name for _, name in socket.if_nameindex()] == ["lo"]
        namespaces.setns(target, namespaces.CLONE_NEWNET)
        moved = socket.if_nametoindex("data0")
        (body,) = _ask(net_devices._RTM_GETLINK, net_devices._LINK.pack(0, 0, moved, 0, 0), {}, 0)
        attributes = net_devices._attributes(body[16:])
        up = net_devices._LINK.unpack_from(body)[3] & 1
        return gone, up, attributes[_IFLA_ADDRESS], struct.unpack("=I", attributes[_IFLA_MTU])[0], _addresses(moved)

    expected = (True, 1, b"\x02\0\0\0\0\x07", 1400, ["10.1.2.3/24", "fd00::7/64"])
    assert in_child(look, namespaces.CLONE_NEWNET) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("", ["eth0", "eth1", "host0", "lo"], id="its own name"),
        pytest.param("eth%d", ["eth0", "eth1", "eth2", "lo"], id="a template"),
        pytest.param("eth5", ["eth0", "eth1", "eth5", "lo"], id="another name"),
    ],
)
def test_move_gives_it_the_name_wanted(wanted, expected, in_child, interfaces):
    def look():
        own, target = os.open("/proc/self/ns/net", os.O_RDONLY), _new("net")
        namespaces.setns(target, namespaces.CLONE_NEWNET)
        for name in ("eth0", "eth1"):  # their numbers collide with host0's
            _make_dummy(name)
        namespaces.setns(own, namespaces.CLONE_NEWNET)
        _make_dummy("host0")
        net_devices.move({"host0": NetDevice(name=wanted)}, target)
        namespaces.setns(target, namespaces.CLONE_NEWNET)
        return sorted(name for _, name in socket.if_nameindex())

    assert in_child(look, namespaces.CLONE_NEWNET) == expected


def test_move_takes_a_device_whose_own_name_is_taken(in_child, interfaces):
    def look():
        own, target = os.open("/proc/self/ns/net", os.O_RDONLY), _new("net")
        namespaces.setns(target, namespaces.CLONE_NEWNET)
        _make_dummy("eth0")
        namespaces.setns(own, namespaces.CLONE_NEWNET)
        _make_dummy("eth0")
        net_devices.move({"eth0": NetDevice(name="eth%d")}, target)
        namespaces.setns(target, namespaces.CLONE_NEWNET)
        return sorted(name for _, name in socket.if_nameindex())

    assert in_child(look, namespaces.CLONE_NEWNET) == ["eth0", "eth1", "lo"]


@pytest.mark.parametrize(
    ("name", "wanted", "text"),
    [
        pytest.param("none", "", "cannot move network device none: no such device", id="missing"),
        pytest.param("host0", "lo", "cannot move network device host0: the container has a device lo", id="taken"),
        pytest.param("lo", "lo1", "cannot move network device lo: ", id="loopback"),
    ],
)
def test_move_names_the_interface_it_cannot_move(name, wanted, text, in_child, interfaces):
    def look():
        target = _new("net")
        _make_dummy("host0")
        before = _inode("net")
        try:
            net_devices.move({name: NetDevice(name=wanted)}, target)
        except StepError as error:
            return error.message, error.details["field"], before == _inode("net"), len(socket.if_nameindex())

    message, *rest = in_child(look, namespaces.CLONE_NEWNET)
    assert message.startswith(text)
    assert rest == [f"linux.netDevices.{name}", True, 2]
