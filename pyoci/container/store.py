"""Where containers are remembered: one directory each below ``--root``.

``<root>/<id>/`` holds ``state.json`` (what the runtime knows; ``creating.json`` until create is done), ``config.json``
(the configuration as it was at create; later edits of the bundle have no effect, bundle.md) and, until the container
is started, ``exec.fifo``.
Whoever changes a container holds a lock on its directory; the kernel drops it with the process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from pyoci import json_text
from pyoci.container.container import COMPLETE, INCOMPLETE, Container
from pyoci.errors import ContainerError, ContainerExists, ContainerNotFound, Ignoring, InvalidId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
_ELSEWHERE = "--root names another place, or XDG_RUNTIME_DIR the one of a user's session"
_LOCK_SECONDS = 10.0
_POLL_SECONDS = 0.02
_CLAIMED = 0o011  # a container's root passes through to its fifo
_DIRECTORY: Mapping[str, object] = {"version": 0, "names": [], "mount": "", "path": "", "created": []}
_UNIT: Mapping[str, object] = {"name": "", "slice": "", "user": False}
_ATTEMPTS = 100  # against those that take a directory just made for one left behind


def check_id(container_id: str) -> None:
    """Raise InvalidId unless *container_id* may name a container (and so a directory)."""
    if not container_id or container_id in {".", ".."} or len(container_id) > 255 or set(container_id) - _LETTERS:
        raise InvalidId(container_id)


class Store:
    """The containers below one root directory."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)

    def path(self, container_id: str) -> str:
        """The directory of a container, existing or not. Raises InvalidId."""
        check_id(container_id)
        return f"{self.root}/{container_id}"

    def claim(self, container_id: str) -> Container:
        """Take the id: make its directory, locked. Raises ContainerExists."""
        container = Container(container_id, self.path(container_id))
        for _ in range(_ATTEMPTS):
            if not self._make(container):
                self._clear(container_id)
                continue
            with Ignoring(ContainerNotFound):  # somebody took it for one that a killed create left
                if _hold(container):
                    return container
        raise ContainerExists(container_id)

    def _make(self, container: Container) -> bool:
        try:
            # Sticky: what is so in $XDG_RUNTIME_DIR no clean-up removes (XDG Base Directory Specification).
            os.makedirs(self.root, mode=0o1700, exist_ok=True)  # noqa: TID251 (the host's directory)
            os.mkdir(container.path, 0o700)
        except FileExistsError:
            return False
        except OSError as error:
            path, hint = container.path, _ELSEWHERE if isinstance(error, PermissionError) else None
            raise ContainerError(f"cannot make the state directory {path}: {error.strerror}", file=path,
                                 errno=error.errno, hint=hint) from error
        return True

    def _clear(self, container_id: str) -> None:
        """Remove what a killed create left under this id. Raises ContainerExists when it is a container's."""
        with Ignoring(ContainerNotFound):
            try:
                self.load(container_id)
            except ContainerNotFound:
                unlock(self.load_locked(container_id))
                return
            except ContainerError:  # it is damaged
                pass
            raise ContainerExists(container_id)

    def load(self, container_id: str) -> Container:
        """The container of that id. Raises ContainerNotFound."""
        container = Container(container_id, self.path(container_id))
        if not _recall(container, COMPLETE):
            container.is_being_made = is_locked(container)  # first: whoever makes it may be ready before we look again
            if not _recall(container, COMPLETE, INCOMPLETE) and not container.is_being_made:
                raise ContainerNotFound(container_id, self.root)
        return container

    def load_locked(self, container_id: str) -> Container:
        """The container of that id, locked, as it is once nobody else is changing it; see ``load`` and ``lock``.

        A directory in which nothing is written, and which nobody holds, is what a killed create left: it is removed.
        """
        container = Container(container_id, self.path(container_id))
        lock(container)
        if not _recall(container, COMPLETE, INCOMPLETE):
            remove(container)
            unlock(container)
            raise ContainerNotFound(container_id, self.root)
        return container

    def ids(self) -> list[str]:
        """The ids of all containers, sorted."""
        try:
            names = os.listdir(self.root)
        except FileNotFoundError:
            return []
        return sorted(name for name in names if not set(name) - _LETTERS and os.path.isdir(f"{self.root}/{name}"))


def _hold(container: Container) -> bool:
    """Lock a directory just made, and mark it as claimed; not if it is another's by now, made in the place of ours."""
    try:
        lock(container)
        if os.fstat(container.lock_fd).st_mode & _CLAIMED:
            unlock(container)
            return False
        os.fchmod(container.lock_fd, 0o700 | _CLAIMED)
    except OSError:
        remove(container)
        raise
    return True


def _recall(container: Container, *names: str) -> bool:
    """Fill the record of *container* from the first file of these *names* that exists; whether one does."""
    text = next((text for name in names if (text := _read(f"{container.path}/{name}")) is not None), None)
    if text is None:
        return False
    try:
        record = json_text.loads(text)
    except ValueError as error:
        raise _damaged(container, str(error)) from None
    if not isinstance(record, dict):
        raise _damaged(container, "it is no object")
    for name, initial in container.record.items():
        if not isinstance(record.get(name, initial), type(initial) if initial is not None else dict | None):
            raise _damaged(container, f"{name} is {record[name]!r}")
    for name, is_sound in (("cgroup", _is_cgroup), ("intelRdt", _is_resctrl_group)):
        if record.get(name) and not is_sound(record[name]):
            raise _damaged(container, f"{name} is not what was written")
    container.record.update(record)
    return True


def _is_cgroup(value: dict[str, object]) -> bool:
    """Whether ``cgroups.load`` can take it."""
    if value.get("disabled") is True:
        return True
    places = value.get("directories")
    has_places = "rootless" in value and isinstance(places, list) and all(map(_is_directory, places))
    return has_places and _has(value.get("unit", _UNIT), _UNIT)


def _is_directory(value: dict[str, object]) -> bool:
    if not _has(value, _DIRECTORY) or value["version"] not in {1, 2}:
        return False
    texts: object = [*value["names"], *value["created"]]  # type: ignore[misc]  # lists
    more = value.keys() - _DIRECTORY.keys() - ({"alone"} if value["version"] == 2 else set())
    return not more and all(isinstance(text, str) for text in texts)  # type: ignore[attr-defined]  # a list


def _is_resctrl_group(value: dict[str, object]) -> bool:
    return _has(value, {"path": "", "mon_path": "", "remove": False})


def _has(value: object, example: Mapping[str, object]) -> bool:
    """Whether *value* is an object with what *example* has, each of the same type."""
    return isinstance(value, dict) and all(type(value.get(name)) is type(given) for name, given in example.items())


def _read(path: str) -> bytes | None:
    """What is in the file at *path*; None when there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _damaged(container: Container, reason: str) -> ContainerError:
    return ContainerError(f"the state of {container.id} is damaged: {reason}", file=f"{container.path}/state.json")


def lock(container: Container) -> None:
    """Hold *container* until this process ends or unlocks it.

    Raises ContainerError after ten seconds, and ContainerNotFound when it was deleted meanwhile.
    """
    try:
        container.lock_fd = os.open(container.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise ContainerNotFound(container.id, os.path.dirname(container.path)) from None
    deadline = time.monotonic() + _LOCK_SECONDS
    while not _try_lock(container.lock_fd):
        if time.monotonic() > deadline:
            raise ContainerError(f"another operation on {container.id} has not ended within {_LOCK_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
    if not _is_there(container):
        unlock(container)
        raise ContainerNotFound(container.id, os.path.dirname(container.path))


def _is_there(container: Container) -> bool:
    """Whether the directory that is locked is still the container's."""
    try:
        return os.path.samestat(os.stat(container.path), os.fstat(container.lock_fd))
    except FileNotFoundError:
        return False


def unlock(container: Container) -> None:
    """Let others change *container*."""
    if container.lock_fd >= 0:
        with Ignoring(OSError):  # close(2) frees the descriptor even when it fails, and nothing was written
            os.close(container.lock_fd)
        container.lock_fd = -1


def is_locked(container: Container) -> bool:
    """Whether somebody else is changing *container* right now."""
    try:
        fd = os.open(container.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EWOULDBLOCK:
            raise
        return False
    return True


def remove(container: Container) -> None:
    """Forget *container*: its directory and all in it. What is gone already is no error.

    What says most about it goes last: who is killed meanwhile leaves a container that can be described, and deleted.
    """
    for directory, _, files in os.walk(container.path, topdown=False):
        for name in sorted(files, key=lambda name: (name in {INCOMPLETE, COMPLETE}, name)):
            with Ignoring(FileNotFoundError):
                os.unlink(f"{directory}/{name}")
        with Ignoring(FileNotFoundError):
            os.rmdir(directory)
