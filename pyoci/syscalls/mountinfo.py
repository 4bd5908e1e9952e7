"""The mounts of a process: /proc/PID/mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Entry:
    """One mount."""

    __slots__ = ("device", "fstype", "options", "point", "root")

    def __init__(self, line: str) -> None:
        place, _, filesystem = line.partition(" - ")
        self.device, root, point = place.split(" ")[2:5]
        """``major:minor`` of the filesystem."""
        self.root = _unescape(root)
        """The part of the filesystem that is shown."""
        self.point = _unescape(point)
        """Where it is mounted, seen from the root of the process."""
        self.fstype, _, options = filesystem.split(" ", 2)
        self.options = set(options.split(","))
        """Those of the filesystem, not of the mount."""


def entries(text: str) -> Iterator[Entry]:
    """The mounts that the lines of *text* describe; what else ``splitlines`` takes for the end of one is in a name."""
    return map(Entry, filter(None, text.split("\n")))


def _unescape(path: str) -> str:
    """Undo the octal escapes of space, tab, newline and backslash."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path
