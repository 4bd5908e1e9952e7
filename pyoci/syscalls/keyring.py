"""keyctl(2): session keyrings."""

from __future__ import annotations

import os

from pyoci.syscalls.call import syscall

KEYCTL_JOIN_SESSION_KEYRING = 1
KEYCTL_SETPERM = 5
KEYCTL_DESCRIBE = 6

KEY_SPEC_SESSION_KEYRING = -3
KEY_USR_SEARCH = 0x0008_0000


def join_session_keyring(name: str) -> int:
    """Make a session keyring *name* ours, a new one unless we own one of that name; its serial number."""
    return syscall("keyctl", KEYCTL_JOIN_SESSION_KEYRING, os.fsencode(name), path=name)


def describe(key: int) -> str:
    """``type;uid;gid;permissions;name`` of *key*, the permissions in hexadecimal."""
    text = bytearray(4096)
    syscall("keyctl", KEYCTL_DESCRIBE, key, text, len(text))
    return os.fsdecode(bytes(text.partition(b"\0")[0]))


def permissions(key: int) -> int:
    """The permission bits of *key* (KEY_*)."""
    return int(describe(key).split(";", 4)[3], 16)


def setperm(key: int, mask: int) -> None:
    """Replace the permission bits of *key*."""
    syscall("keyctl", KEYCTL_SETPERM, key, mask)
