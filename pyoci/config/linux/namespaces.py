"""linux.namespaces: which namespaces are new and which are given (config-linux.md#namespaces).

A type that is not listed is shared with the runtime.
"""

from __future__ import annotations

import errno
import os

from pyoci.errors import ConfigError, StepError
from pyoci.record import Record
from pyoci.syscalls import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.container.init import Init

# The specification's names and the kernel's, those of the files in /proc/PID/ns.
TYPES = {
    "user": "user",
    "mount": "mnt",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
    "pid": "pid",
    "cgroup": "cgroup",
    "time": "time",
}
_OWN_MOUNTS = "/proc/self/ns/mnt"
_USER = namespaces.FLAGS["user"]
_HINTS = {
    errno.ENOSPC: "the limit in /proc/sys/user/max_*_namespaces is reached, or namespaces are nested too deeply",
    errno.EPERM: "unprivileged user namespaces may be switched off: see /proc/sys/kernel/unprivileged_userns_clone "
    "and apparmor_restrict_unprivileged_userns",
    errno.EINVAL: "this kernel may lack one of them",
}


class Namespace(Record):
    """One namespace: new, or the one *path* is a handle of."""

    type: str
    path: str = ""

    def check(self) -> None:
        """The type is known, and a path absolute."""
        if self.type not in TYPES:
            raise ConfigError(f'namespace "{self.type}" does not exist: it is one of {", ".join(TYPES)}', "type")
        if self.path and not self.path.startswith("/"):
            raise ConfigError(f'"{self.path}" is not an absolute path', "path")


def flags_to_unshare(entries: Iterable[Namespace]) -> int:
    """The CLONE_NEW* flags of those that are new."""
    flags = 0
    for entry in entries:
        if not entry.path:
            flags |= namespaces.FLAGS[TYPES[entry.type]]
    return flags


def hold_parents(entries: Iterable[Namespace]) -> bool:
    """Whether one process can enter them all: pid and time namespaces hold only children, id maps come from outside.

    A new pid namespace alone is no obstacle, for clone3(2) makes it with the process.
    """
    return not any(entry.type in {"user", "time"} or (entry.type == "pid" and entry.path) for entry in entries)


def shares_mounts(entries: Iterable[Namespace]) -> bool:
    """Whether the container lives in the runtime's own mount namespace: none is listed, or that one is."""
    for entry in entries:
        if entry.type == "mount":
            return bool(entry.path) and os.path.exists(entry.path) and os.path.samefile(entry.path, _OWN_MOUNTS)
    return True


def open_given(entries: Iterable[Namespace]) -> dict[str, int]:
    """Descriptors of those that are given, by the kernel's names; the caller closes them.

    Raises ConfigError when a path leads to no namespace, or to one of another type.
    """
    given: dict[str, int] = {}
    try:
        for place, entry in enumerate(entries):
            if entry.path:
                given[TYPES[entry.type]] = _open(entry, f"linux.namespaces[{place}].path")
    except ConfigError:
        close(given)
        raise
    return given


def _open(entry: Namespace, field: str) -> int:
    try:
        fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ConfigError(f"cannot open {entry.type} namespace {entry.path}: {reason}", field,
                          file=entry.path, errno=error.errno) from error
    try:
        flag = namespaces.nstype(fd)
    except OSError:  # ENOTTY: no namespace
        flag = 0
    if flag != namespaces.FLAGS[TYPES[entry.type]]:
        os.close(fd)
        found = [name for name, kind in TYPES.items() if namespaces.FLAGS[kind] == flag]
        what = f"is a {found[0]} namespace" if found else "is no namespace"
        raise ConfigError(f"{entry.path} {what}, wanted is one of type {entry.type}", field, file=entry.path)
    return fd


def close(given: dict[str, int]) -> None:
    """Close the descriptors of ``open_given``."""
    while given:
        os.close(given.popitem()[1])


def prepare(init: Init) -> None:
    """Open the given namespaces in the runtime, where their paths are meant."""
    init.prepared["linux.namespaces"] = open_given(init.config.linux.namespaces)


def join(init: Init) -> None:
    """Enter the given namespaces: what our privileges on the host allow, then the user namespace, then the rest.

    Either half alone fails somewhere: a namespace of the host cannot be entered from a user namespace below, and
    one of a rootless container only from there. The memberships of pid and time begin with the next child.
    """
    given = init.prepared["linux.namespaces"]
    assert isinstance(given, dict)
    user = given.get("user", -1)
    refused = []
    for kind, fd in given.items():
        if kind != "user" and not _enter(kind, fd, may_be_refused=user >= 0):
            refused.append(kind)
    if user >= 0 and not _is_own_user(user):  # setns(2) refuses to enter it again
        _enter("user", user)
    for kind in refused:
        _enter(kind, given[kind])
    close(given)


def _enter(kind: str, fd: int, *, may_be_refused: bool = False) -> bool:
    try:
        namespaces.setns(fd, namespaces.FLAGS[kind])
    except OSError as error:
        if may_be_refused and error.errno == errno.EPERM:
            return False
        error.filename = f"{kind} namespace"
        raise
    return True


def _is_own_user(fd: int) -> bool:
    ours, theirs = os.stat("/proc/self/ns/user"), os.fstat(fd)
    return (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)


def unshare_user(init: Init) -> None:
    """Make the user namespace, alone: the others then belong to it, and its maps have to be there before them.

    An IPC namespace made by an unmapped user would have a /dev/mqueue that belongs to nobody.
    """
    _unshare(flags_to_unshare(init.config.linux.namespaces) & _USER)


def unshare(init: Init) -> None:
    """Make the other new namespaces, the cgroup's among them: init has to be in its cgroup by now."""
    _unshare(flags_to_unshare(init.config.linux.namespaces) & ~_USER & ~init.clone_flags)


def _unshare(flags: int) -> None:
    if not flags:
        return
    try:
        namespaces.unshare(flags)
    except OSError as error:
        kinds = ", ".join([name for name, kind in TYPES.items() if flags & namespaces.FLAGS[kind]])
        raise StepError(
            f"cannot make new namespaces ({kinds}): {(error.strerror or '').lower()}",
            field="linux.namespaces", call="unshare(2)", errno=error.errno, hint=_HINTS.get(error.errno or 0),
        ) from error
