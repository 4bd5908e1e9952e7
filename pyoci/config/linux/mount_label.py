"""linux.mountLabel: the SELinux context of filesystems the runtime makes (config-linux.md#mount-label)."""

from __future__ import annotations

import os

# Their files are labelled one by one by the policy, and the kernel refuses a context for the whole.
_LABELLED_BY_POLICY = frozenset(("bind", "cgroup", "cgroup2", "mqueue", "proc", "sysfs"))


def option(label: str, fstype: str, selinux: str = "/sys/fs/selinux") -> tuple[str, str] | None:
    """The parameter of a new filesystem of type *fstype*, None where it takes none.

    A kernel without SELinux would refuse the parameter: there the label says nothing and is left out.
    Ask on the host's side of the pivot, where *selinux* is the host's.
    """
    if not label or fstype in _LABELLED_BY_POLICY or not os.path.exists(f"{selinux}/enforce"):
        return None
    return ("context", label)


def add(data: str, label: str, fstype: str = "tmpfs", selinux: str = "/sys/fs/selinux") -> str:
    """*data*, the options text of mount(2), with the label; in quotes, since categories have commas."""
    if option(label, fstype, selinux) is None:
        return data
    return f'{data},context="{label}"' if data else f'context="{label}"'
