"""unshare(2), setns(2) and the files of /proc/PID/ns (namespaces(7))."""

from __future__ import annotations

import fcntl
import os

from pyoci.syscalls.call import syscall

CLONE_NEWTIME = 0x0000_0080
CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

# By the names of the files in /proc/PID/ns.
FLAGS = {
    "mnt": CLONE_NEWNS,
    "pid": CLONE_NEWPID,
    "net": CLONE_NEWNET,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "user": CLONE_NEWUSER,
    "cgroup": CLONE_NEWCGROUP,
    "time": CLONE_NEWTIME,
}

NS_GET_NSTYPE = 0xB703


def unshare(flags: int) -> None:
    """Leave the namespaces *flags* names (CLONE_NEW*, CLONE_FS, CLONE_FILES …) for new ones."""
    syscall("unshare", flags)


def setns(fd: int, flags: int = 0) -> None:
    """Enter the namespace *fd* is open on, or those of the pidfd *fd* that *flags* names."""
    syscall("setns", fd, flags)


def nstype(fd: int) -> int:
    """The CLONE_NEW* flag of the namespace *fd* is open on. Raises OSError(ENOTTY) when it is no namespace."""
    return fcntl.ioctl(fd, NS_GET_NSTYPE)


def same(kind: str, pid: int | str) -> bool:
    """Whether process *pid* is in our own namespace of *kind*, a key of FLAGS.

    Raises OSError(EACCES) when we may not ptrace(2) it, as from within a user namespace it is not in.
    """
    ours, theirs = os.stat(f"/proc/self/ns/{kind}"), os.stat(f"/proc/{pid}/ns/{kind}")
    return (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)
