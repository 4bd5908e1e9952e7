"""The five capability sets of a thread, by number (capabilities(7))."""

from __future__ import annotations

import struct

from pyoci.syscalls import prctl
from pyoci.syscalls.call import syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Sets = dict[str, frozenset[int]]

# include/uapi/linux/capability.h: the index is the number.
NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip

# The lines of /proc/PID/status (proc_pid_status(5)).
_LINES = {
    "effective": "CapEff", "permitted": "CapPrm", "inheritable": "CapInh", "bounding": "CapBnd", "ambient": "CapAmb",
}  # fmt: skip
_VERSION_3 = 0x2008_0522
_HEADER = struct.pack("=Ii", _VERSION_3, 0)  # struct cap_user_header: of this thread
_DATA = struct.Struct("=6I")  # effective, permitted, inheritable: the low 32 of each, then the high 32


def last() -> int:
    """The highest capability this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return int(file.read())


def current() -> Sets:
    """Our sets by name: effective, permitted, inheritable, bounding, ambient."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return sets(file.read())


def sets(status: str) -> Sets:
    """The same for the process *status* tells of: the text of a /proc/PID/status."""
    lines = dict(line.partition(":")[::2] for line in status.splitlines() if line.startswith("Cap"))
    return {name: _numbers(int(lines[line], 16)) for name, line in _LINES.items()}


def set_all(effective: Iterable[int], permitted: Iterable[int], inheritable: Iterable[int]) -> None:
    """Replace these three sets by one capset(2). Raises OSError(EPERM) for what we may not raise.

    Not through python-prctl: it would leave capabilities newer than its headers as they are.
    """
    words = [sum(1 << number for number in numbers) for numbers in (effective, permitted, inheritable)]
    data = _DATA.pack(*(word & 0xFFFF_FFFF for word in words), *(word >> 32 for word in words))
    syscall("capset", bytearray(_HEADER), data)  # the kernel may answer in the header


def drop_bounding(numbers: frozenset[int]) -> None:
    """Remove *numbers* from the bounding set, for good."""
    for number in numbers:
        prctl.prctl(prctl.PR_CAPBSET_DROP, number)


def set_ambient(wanted: frozenset[int]) -> None:
    """Replace the ambient set; each of *wanted* has to be permitted and inheritable, or OSError(EPERM) is raised."""
    prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_CLEAR_ALL)
    for number in sorted(wanted):
        prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_RAISE, number)


def _numbers(mask: int) -> frozenset[int]:
    return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)
