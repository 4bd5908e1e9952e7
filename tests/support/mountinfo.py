"""Reading /proc/PID/mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

from typing import NamedTuple


class MountPoint(NamedTuple):
    """One line: what is mounted where, and how."""

    path: str
    root: str
    """The directory within the filesystem that is shown."""
    attributes: frozenset[str]
    """The options of this mount alone."""
    propagation: frozenset[str]
    """``shared``, ``master``, ``unbindable``; nothing when private."""
    fstype: str
    source: str
    superblock: frozenset[str]
    """The options of the filesystem."""


def parse(text: str) -> dict[str, MountPoint]:
    """The mounts in *text* by their place, in the order they were made; of several at one place the last."""
    found: dict[str, MountPoint] = {}
    for line in text.splitlines():
        mount, _, filesystem = line.partition(" - ")
        _, _, _, root, path, attributes, *tags = mount.split(" ")
        fstype, source, superblock = filesystem.split(" ")
        found.pop(path, None)
        found[path] = MountPoint(
            path,
            root,
            frozenset(attributes.split(",")),
            frozenset(tag.partition(":")[0] for tag in tags),
            fstype,
            source,
            frozenset(superblock.split(",")),
        )
    return found
