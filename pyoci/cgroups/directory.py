"""A container's directory in one hierarchy: what v1 and v2 have in common."""

from __future__ import annotations

import errno
import os

from pyoci.cgroups.hierarchy import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")
    Undo = Callable[..., object]  # is told a function and its arguments, to be called if all fails

_ATTEMPTS = 10  # times others may remove what we have just made, or want to make something in
GONE = (errno.ENOENT, errno.ENODEV)  # ENODEV: the cgroup went away between open and read


class Directory:
    """One cgroup, by its path. ``legacy`` and ``unified`` know the rest."""

    version = 0

    def __init__(self, names: Sequence[str], mount: str, path: str, created: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        """The v1 controllers of the hierarchy."""
        self.mount = mount
        self.path = path
        self.created = list(created)
        """The directories that did not exist before, from the top down: all that ``remove`` may remove."""

    def state(self) -> dict[str, object]:
        """What to keep as JSON, to make the same object again."""
        return {
            "version": self.version, "names": list(self.names), "mount": self.mount, "path": self.path,
            "created": self.created,
        }

    def missing(self) -> list[str]:
        """The directories ``create`` is going to make, from the top down."""
        found: list[str] = []
        path = self.path
        while len(path) > len(self.mount) and not os.path.exists(path):
            found.insert(0, path)
            path = os.path.dirname(path)
        return found

    def create(self) -> None:
        """Make the directory and those above it, where they are missing."""
        self._make(self.path)

    def _make(self, path: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                os.mkdir(path, 0o755)
            except FileExistsError:
                return
            except FileNotFoundError:
                parent = os.path.dirname(path)
                if len(parent) <= len(self.mount):
                    raise
                self._make(parent)
            else:
                if path not in self.created:  # as it is where others have removed it since
                    self.created.append(path)
                return

    def remove(self) -> bool:
        """Remove the directory and those made below it since; whether that is done. Not ours to remove is done."""
        if self.path not in self.created:
            return True
        done = _remove_tree(self.path)
        if done:
            self.created.remove(self.path)
        return done

    def remove_parents(self) -> None:
        """Remove the directories ``create`` made above it, unless others have come to use them."""
        for path in reversed(self.created):
            try:
                os.rmdir(path)
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.EBUSY, errno.ENOTEMPTY}:
                    raise
        self.created.clear()

    def put(self, name: str, value: str, undo: Undo | None = None) -> None:
        """Write one setting; see ``Cgroup.write`` for the form of *name* and *value*, and for *undo*."""
        names, values = name.removesuffix("?").split("|"), value.split("|") if "|" in name else [value]
        for position, candidate in enumerate(names):
            try:
                self._exchange(candidate, values[min(position, len(values) - 1)], undo)
            except FileNotFoundError:
                if position == len(names) - 1 and not name.endswith("?"):
                    raise
            else:
                return

    def _exchange(self, name: str, value: str, undo: Undo | None) -> None:
        """Write one file, and tell *undo* how to put it back."""
        before = self._inverse(name, value) if undo else None
        self.write(name, value)
        if undo and before is not None:
            undo(self.write, name, before)

    def _inverse(self, name: str, value: str) -> str | None:
        """What has to be written to make the file as it is now; None when it cannot be read."""
        from pyoci.cgroups import inverse

        try:
            return inverse.of(read(f"{self.path}/{name}"), name, value)
        except OSError:
            return None

    def write(self, name: str, value: str) -> None:
        """Write one file. The OSError raised names it and the value."""
        write(f"{self.path}/{name}", value)

    def add(self, pid: int, below: str = "") -> None:
        """Move a process here, or into the directory *below*."""
        write(f"{self.path}{below}/cgroup.procs", str(pid))

    def enter(self, pid: int) -> None:
        """Move a process here, which keeps others from removing the directory; make it again where they were faster."""
        again(lambda: self.add(pid), self.create)

    def pids(self, *, recursive: bool = True) -> list[int]:
        """The processes here and, unless told otherwise, further down."""
        return _pids(self.path, recursive=recursive)

    def number(self, name: str) -> int | None:
        """What the file *name* says; None for ``max``, or when there is no such file."""
        try:
            text = read(f"{self.path}/{name}").strip()
        except OSError as error:
            if error.errno not in GONE:
                raise
            return None
        return int(text) if text.isdecimal() else None

    def lines(self, name: str) -> list[str]:
        """The lines of the file *name*; none when it is not there, or of something the kernel has switched off."""
        try:
            return read(f"{self.path}/{name}").splitlines()
        except OSError as error:
            if error.errno not in {*GONE, errno.EOPNOTSUPP}:
                raise
            return []

    def files(self) -> list[str]:
        """The names of its files; none when it is gone."""
        try:
            return os.listdir(self.path)
        except OSError as error:
            if error.errno not in GONE:
                raise
            return []

    def keyed(self, name: str, key: str) -> str:
        """The value of *key* in a file of lines such as ``oom_kill 3``; empty when it is not there."""
        return next((line[len(key) + 1 :] for line in self.lines(name) if line.startswith(key + " ")), "")

    def counters(self, name: str) -> dict[str, int]:
        """All of a file of lines such as ``oom_kill 3``."""
        pairs = [line.split() for line in self.lines(name)]
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def again(action: Callable[[], T], make: Callable[[], object]) -> T:
    """What *action* gives, once what it needs is there: *make* makes it again when others have removed it."""
    for _ in range(_ATTEMPTS):
        try:
            return action()
        except OSError as error:
            if error.errno not in GONE:
                raise
            make()
    return action()


def write(path: str, value: str) -> None:
    """Write *value* to a file of the kernel. The OSError raised says so."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode(errors="surrogateescape") + b"\n")
        finally:
            os.close(fd)
    except OSError as error:
        raise OSError(error.errno, f'cannot write "{value}": {error.strerror}', path) from None


def _pids(path: str, *, recursive: bool) -> list[int]:
    try:
        found = _listed(path)
        below = _below(path) if recursive else []
    except OSError as error:
        if error.errno in GONE:
            return []
        raise
    for child in below:
        found += _pids(child, recursive=True)
    return found


def _listed(path: str) -> list[int]:
    """The processes of one directory; 0 stands for one that our pid namespace cannot name."""
    try:
        text = read(f"{path}/cgroup.procs")
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        text = read(f"{path}/cgroup.threads")  # a threaded cgroup (v2) only lists threads
    return [int(pid) for pid in text.split() if pid != "0"]


def _below(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _remove_tree(path: str) -> bool:
    """Remove a cgroup and those below it; whether that is done. Nothing holds them but processes."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in {errno.EBUSY, errno.ENOTEMPTY}:
            raise
    else:
        return True
    try:
        below = _below(path)
        left = [child for child in below if not _remove_tree(child)]
        if left or not below:
            return False
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in {errno.EBUSY, errno.ENOTEMPTY}:
            raise
        return False
    return True
