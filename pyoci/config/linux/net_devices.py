"""linux.netDevices: interfaces of the host that move into the container (config-linux.md#network-devices).

The runtime moves them, by rtnetlink(7). A netlink socket stays in the network namespace in which it was made, so one
socket here and one made in the container's namespace see both ends of the move.
"""

from __future__ import annotations

import _socket  # socket itself builds enums for 6 ms
import errno
import os
import struct

from pyoci.errors import ConfigError, StepError
from pyoci.record import Record
from pyoci.syscalls import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Attributes = dict[int, bytes]

# linux/netlink.h
_NETLINK_ROUTE = 0
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_NLM_F_EXCL, _NLM_F_CREATE = 0x200, 0x400
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
# linux/rtnetlink.h
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_GETADDR = 16, 18, 20, 22
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBi")  # ifaddrmsg: family, prefixlen, flags, scope, index
_RT_SCOPE_UNIVERSE = 0
_IFF_UP = 1
# linux/if_link.h
_IFLA_IFNAME, _IFLA_NET_NS_FD, _IFLA_NEW_IFINDEX = 3, 28, 49
# linux/if_addr.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_FLAGS, _IFA_RT_PRIORITY = 1, 2, 4, 8, 9
_IFA_F_PERMANENT = 0x80
_CHOSEN_FLAGS = 0x02 | 0x10 | 0x200 | 0x400  # NODAD, HOMEADDRESS, NOPREFIXROUTE, MCAUTOJOIN; the others are states

_LONGEST_NAME = 15  # IFNAMSIZ less its NUL


class NetDevice(Record):
    """One interface, moved under its own name or another; ``%d`` in it stands for the first number that is free."""

    name: str = ""

    def check(self) -> None:
        """The name is one the kernel takes."""
        if self.name:
            _check_name(self.name, "name")


def check(net_devices: dict[str, NetDevice]) -> None:
    """Raise ConfigError for interfaces whose names the kernel would not take, or two that get the same."""
    taken: dict[str, str] = {}
    for host_name, device in net_devices.items():
        _check_name(host_name, host_name)
        name = device.name or host_name
        if "%d" not in name and taken.setdefault(name, host_name) != host_name:
            raise ConfigError(f'"{name}" is also the name of {taken[name]}', f"{host_name}.name")


def _check_name(name: str, field: str) -> None:
    """As dev_valid_name() of the kernel."""
    fits = 0 < len(os.fsencode(name)) <= _LONGEST_NAME
    if not fits or name in {".", ".."} or any(letter in "/:\0" or letter.isspace() for letter in name):
        raise ConfigError(f'invalid network device name "{name}": 1 to 15 bytes without "/", ":" and spaces', field)


def move(net_devices: dict[str, NetDevice], netns: int) -> None:
    """Move the interfaces from our network namespace to the one *netns* is a descriptor of, and bring them up.

    Hardware address, MTU and the like move along; permanent global addresses are set again, since an interface
    loses them. Raises StepError that names the interface.
    """
    here, there = _connect(), _connect_in(netns)
    try:
        for host_name, device in net_devices.items():
            try:
                _move(here, there, netns, host_name, device.name or host_name)
            except OSError as error:
                raise StepError(
                    f"cannot move network device {host_name}: {(error.strerror or '').lower()}",
                    step="linux.net_devices.move", field=f"linux.netDevices.{host_name}", errno=error.errno,
                    call="rtnetlink(7)",
                ) from error
    finally:
        here.close()
        there.close()


def _move(here: _socket.socket, there: _socket.socket, netns: int, host_name: str, wanted: str) -> None:
    index = next((number for number, name in _links(here).items() if name == host_name), 0)
    if not index:
        raise OSError(errno.ENODEV, "no such device")
    taken = _links(there)
    name = _free_name(wanted, set(taken.values()))
    new_index = index if index not in taken else max(taken) + 1
    addresses = list(_permanent_addresses(here, index))
    _request(here, _RTM_NEWLINK, _LINK.pack(0, 0, index, 0, 0), {
        _IFLA_IFNAME: os.fsencode(name) + b"\0",
        _IFLA_NET_NS_FD: struct.pack("=i", netns),
        _IFLA_NEW_IFINDEX: struct.pack("=i", new_index),
    })  # fmt: skip
    for family, prefix, attributes in addresses:
        header = _ADDRESS.pack(family, prefix, 0, _RT_SCOPE_UNIVERSE, new_index)
        _request(there, _RTM_NEWADDR, header, attributes, _NLM_F_CREATE | _NLM_F_EXCL)
    _request(there, _RTM_NEWLINK, _LINK.pack(0, 0, new_index, _IFF_UP, _IFF_UP), {})


def _free_name(wanted: str, taken: set[str]) -> str:
    """*wanted*, its ``%d`` replaced by the first number that is free. Raises FileExistsError when it is taken."""
    if "%d" in wanted:
        number = 0
        while (name := wanted.replace("%d", str(number), 1)) in taken:
            number += 1
        return name
    if wanted in taken:
        raise FileExistsError(errno.EEXIST, f"the container has a device {wanted} already")
    return wanted


def _links(socket: _socket.socket) -> dict[int, str]:
    """The interfaces of a namespace: number → name."""
    found = {}
    for body in _request(socket, _RTM_GETLINK, _LINK.pack(0, 0, 0, 0, 0), {}, _NLM_F_DUMP):
        name = _attributes(body[_LINK.size :])[_IFLA_IFNAME]
        found[_LINK.unpack_from(body)[2]] = os.fsdecode(name.rstrip(b"\0"))
    return found


def _permanent_addresses(socket: _socket.socket, index: int) -> Iterator[tuple[int, int, Attributes]]:
    """The addresses of an interface that are to be kept: family, length of the prefix, attributes."""
    kept = (_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_RT_PRIORITY)
    for body in _request(socket, _RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, 0), {}, _NLM_F_DUMP):
        family, prefix, flags, scope, owner = _ADDRESS.unpack_from(body)
        found = _attributes(body[_ADDRESS.size :])
        if _IFA_FLAGS in found:  # the byte in the header has no room for all of them
            (flags,) = struct.unpack("=I", found[_IFA_FLAGS])
        if owner == index and scope == _RT_SCOPE_UNIVERSE and flags & _IFA_F_PERMANENT:
            chosen = {_IFA_FLAGS: struct.pack("=I", flags & _CHOSEN_FLAGS)}
            yield family, prefix, {key: found[key] for key in kept if key in found} | chosen


def _connect() -> _socket.socket:
    socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
    socket.bind((0, 0))
    return socket


def _connect_in(netns: int) -> _socket.socket:
    """A socket in another namespace, to which this process, which has one thread, goes and comes back."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespaces.setns(netns, namespaces.CLONE_NEWNET)
        try:
            return _connect()
        finally:
            namespaces.setns(own, namespaces.CLONE_NEWNET)
    finally:
        os.close(own)


def _request(
    socket: _socket.socket, kind: int, header: bytes, attributes: Attributes, flags: int = 0
) -> list[bytes]:
    """Ask the kernel, and wait for its answer: the bodies of a dump, otherwise nothing. Raises OSError."""
    body = header + b"".join([_attribute(key, value) for key, value in attributes.items()])
    if flags != _NLM_F_DUMP:
        flags |= _NLM_F_ACK
    socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags | _NLM_F_REQUEST, 1, 0) + body)
    bodies: list[bytes] = []
    while True:
        for answer, body in _messages(socket.recv(1 << 16)):
            if answer in {_NLMSG_ERROR, _NLMSG_DONE}:
                (number,) = struct.unpack_from("=i", body.ljust(4, b"\0"))
                if number < 0:
                    raise OSError(-number, os.strerror(-number))
                return bodies
            bodies.append(body)


def _messages(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of one packet: type and body."""
    while packet:
        length, kind, *_ = _HEADER.unpack_from(packet)
        yield kind, packet[_HEADER.size : length]
        packet = packet[_aligned(length) :]


def _attribute(key: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, key) + value.ljust(_aligned(length) - 4, b"\0")


def _attributes(data: bytes) -> Attributes:
    """The attributes of a body: type → payload. Nested ones are left as they are."""
    found = {}
    while len(data) >= 4:
        length, key = struct.unpack_from("=HH", data)
        found[key & 0x3FFF] = data[4:length]
        data = data[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3
