"""netdevice(7): a network interface by ioctl."""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import struct

SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_IFNAMSIZ = 16
_LAYOUT = struct.Struct("=16sH22x")  # struct ifreq with ifr_flags


def bring_up(name: str) -> None:
    """Switch on the interface *name* of our network namespace. Raises OSError(ENODEV) when there is none."""
    if len(os.fsencode(name)) >= _IFNAMSIZ or "\0" in name:  # would be cut short
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), name)
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)  # any family will do
    try:
        answer = fcntl.ioctl(channel.fileno(), SIOCGIFFLAGS, _LAYOUT.pack(os.fsencode(name), 0))
        flags = _LAYOUT.unpack(answer)[1]
        fcntl.ioctl(channel.fileno(), SIOCSIFFLAGS, _LAYOUT.pack(os.fsencode(name), flags | IFF_UP))
    except OSError as failure:
        failure.filename = name
        failure.add_note("ioctl(2)")
        raise
    finally:
        channel.close()
