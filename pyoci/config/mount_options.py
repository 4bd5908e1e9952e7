"""mounts[].options: what each option means (config.md#linux-mount-options, mount(8)).

One table; an option that is not in it is given to the filesystem as its own.
"""

from __future__ import annotations

from pyoci.syscalls.mount import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)

# Attributes of one mount: name → (set, clear). A mode of atime replaces the one before, so it clears the field.
ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
    "relatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "norelatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
}
# The same for a mount and all below it: mount_setattr(2) with AT_RECURSIVE.
RECURSIVE = {f"r{name}": change for name, change in ATTRIBUTES.items()}

# Properties of the filesystem itself: name → (flag to give, flag it takes back).
SUPERBLOCK = {
    "ro": ("ro", "rw"),
    "rw": ("rw", "ro"),
    "sync": ("sync", "async"),
    "async": ("async", "sync"),
    "dirsync": ("dirsync", ""),
    "lazytime": ("lazytime", "nolazytime"),
    "nolazytime": ("nolazytime", "lazytime"),
    "mand": ("mand", "nomand"),
    "nomand": ("nomand", "mand"),
    "iversion": ("iversion", "noiversion"),
    "noiversion": ("noiversion", "iversion"),
}

PROPAGATION = {
    "private": MS_PRIVATE,
    "rprivate": MS_PRIVATE,
    "slave": MS_SLAVE,
    "rslave": MS_SLAVE,
    "shared": MS_SHARED,
    "rshared": MS_SHARED,
    "unbindable": MS_UNBINDABLE,
    "runbindable": MS_UNBINDABLE,
}

IGNORED = frozenset(("defaults", "silent", "loud"))
# What old kernels did for these is gone (mand: 5.15) or never was a parameter of fsconfig(2) (iversion: 6.6).
POWERLESS = frozenset(("mand", "nomand", "iversion", "noiversion"))
OWN = frozenset(("bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup"))

NAMES = sorted({*ATTRIBUTES, *RECURSIVE, *SUPERBLOCK, *PROPAGATION, *IGNORED, *OWN})
"""Every option pyoci itself knows, for the features document."""


class Options:
    """The options of one mount, taken in order: a later one wins over an earlier opposite."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.attr_set = self.attr_clr = 0
        self.recursive_set = self.recursive_clr = 0
        self.superblock: dict[str, None] = {}
        """Flags of the filesystem, in order."""
        self.propagation: list[tuple[int, bool]] = []
        """(kind, recursive?), in order."""
        self.own: set[str] = set()
        """Those of ``OWN`` that were given."""
        self.data: list[str] = []
        """What only the filesystem understands."""
        for name in names:
            self._take(name)

    @property
    def is_bind(self) -> bool:
        """Whether it is a bind mount: ``bind`` or ``rbind`` is among them, whatever the type says."""
        return not self.own.isdisjoint(("bind", "rbind"))

    @property
    def is_recursive(self) -> bool:
        """Whether what is mounted below the source comes along."""
        return "rbind" in self.own

    def take_readonly(self) -> bool:
        """Forget that the mount is read-only; whether it was."""
        was = bool(self.attr_set & MOUNT_ATTR_RDONLY)
        self.attr_set &= ~MOUNT_ATTR_RDONLY
        self.superblock.pop("ro", None)
        return was

    def _take(self, name: str) -> None:
        if name in SUPERBLOCK:
            given, taken_back = SUPERBLOCK[name]
            self.superblock.pop(taken_back, None)
            if name not in POWERLESS:
                self.superblock[given] = None
        if name in ATTRIBUTES:
            self.attr_set, self.attr_clr = _changed(self.attr_set, self.attr_clr, ATTRIBUTES[name])
        elif name in RECURSIVE:
            self.recursive_set, self.recursive_clr = _changed(self.recursive_set, self.recursive_clr, RECURSIVE[name])
        elif name in PROPAGATION:
            self.propagation.append((PROPAGATION[name], name[0] == "r"))
        elif name in OWN:
            self.own.add(name)
        elif name not in SUPERBLOCK and name not in IGNORED:
            self.data += filter(None, name.split(","))  # podman's last option of a tmpfs may be empty


def _changed(attr_set: int, attr_clr: int, change: tuple[int, int]) -> tuple[int, int]:
    """*attr_set* and *attr_clr* after one more *change*."""
    adds, removes = change
    return attr_set & ~removes | adds, attr_clr & ~adds | removes
