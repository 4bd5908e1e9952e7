"""The five capability sets of a thread, by number (capabilities(7))."""

from __future__ import annotations

import ctypes
import errno
import struct

from pyoci.syscalls import prctl
from pyoci.syscalls.libc import bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

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

_VERSION_3 = 0x2008_0522
_HEADER = struct.pack("=Ii", _VERSION_3, 0)  # struct cap_user_header: of this thread
_DATA = struct.Struct("=6I")  # effective, permitted, inheritable: the low 32 of each, then the high 32

_capget = bind("capget", ctypes.c_char_p, ctypes.c_char_p)
_capset = bind("capset", ctypes.c_char_p, ctypes.c_char_p)


def last() -> int:
    """The highest capability this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return int(file.read())


def current() -> dict[str, frozenset[int]]:
    """Our sets by name: effective, permitted, inheritable, bounding, ambient. /proc is not needed."""
    data = ctypes.create_string_buffer(_DATA.size)
    _capget(_HEADER, data)
    words = _DATA.unpack(data.raw)
    bounding = _bounding()
    ambient = [number for number in bounding if prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_IS_SET, number)]
    return {
        "effective": _numbers(words[0], words[3]),
        "permitted": _numbers(words[1], words[4]),
        "inheritable": _numbers(words[2], words[5]),
        "bounding": frozenset(number for number, present in bounding.items() if present),
        "ambient": frozenset(ambient),
    }


def set_all(effective: Iterable[int], permitted: Iterable[int], inheritable: Iterable[int]) -> None:
    """Replace these three sets by one capset(2). Raises OSError(EPERM) for what we may not raise."""
    wanted = [frozenset(numbers) for numbers in (effective, permitted, inheritable)]
    library = prctl.library
    if library is None or not wanted[0] | wanted[1] | wanted[2] <= frozenset(library.ALL_CAPS):
        words = [sum(1 << number for number in numbers) for numbers in wanted]
        _capset(_HEADER, _DATA.pack(*(word & 0xFFFF_FFFF for word in words), *(word >> 32 for word in words)))
        return
    flags = (library.CAP_EFFECTIVE, library.CAP_PERMITTED, library.CAP_INHERITABLE)
    changes = []
    for flag, numbers in zip(flags, wanted, strict=True):
        changes += [(sorted(numbers), flag, True), (sorted({*library.ALL_CAPS} - numbers), flag, False)]
    try:
        library.set_caps(*changes)
    except OSError as failure:
        failure.add_note("capset(2)")
        raise


def drop_bounding(keep: frozenset[int]) -> None:
    """Remove from the bounding set, for good, what is not in *keep*."""
    for number, present in _bounding().items():
        if present and number not in keep:
            prctl.prctl(prctl.PR_CAPBSET_DROP, number)


def set_ambient(wanted: frozenset[int]) -> None:
    """Replace the ambient set; each of *wanted* has to be permitted and inheritable, or OSError(EPERM) is raised."""
    prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_CLEAR_ALL)
    for number in sorted(wanted):
        prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_RAISE, number)


def _bounding() -> dict[int, bool]:
    """For every capability the kernel knows, whether the bounding set has it."""
    present = {}
    for number in range(64):
        try:
            present[number] = bool(prctl.prctl(prctl.PR_CAPBSET_READ, number))
        except OSError as failure:
            if failure.errno != errno.EINVAL:  # EINVAL: beyond the last one
                raise
            break
    return present


def _numbers(low: int, high: int) -> frozenset[int]:
    mask = low | high << 32
    return frozenset(number for number in range(64) if mask >> number & 1)
