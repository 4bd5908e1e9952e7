"""Cgroup: a container's place in every hierarchy, as one object."""

from __future__ import annotations

import errno
import os
import time

from pyoci import log
from pyoci.cgroups.directory import again
from pyoci.errors import ContainerError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pyoci.cgroups.directory import Undo
    from pyoci.cgroups.legacy import LegacyDirectory
    from pyoci.cgroups.unified import UnifiedDirectory

_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)
_SIGKILL = 9
_DELEGATION = "a user has limits where a cgroup of v2 is delegated to him; systemd does that: --systemd-cgroup"
_KILL_ROUNDS = 100  # against processes that fork faster than they are listed


class Cgroup:
    """A directory in each v1 hierarchy, or one in the v2 hierarchy, or both (hybrid)."""

    def __init__(
        self, legacy: Sequence[LegacyDirectory], unified: UnifiedDirectory | None = None, *,
        rootless: bool = False, asked: bool = False,
    ) -> None:
        self.legacy = list(legacy)
        self.unified = unified
        self.rootless = rootless
        """Whether hierarchies we may not write to are left out."""
        self.asked = asked
        """Whether config.json names the place: then it must be possible."""
        self.refused: dict[str, OSError] = {}
        """The controllers left out, and why ("" for the v2 hierarchy)."""
        self._left_out: list[LegacyDirectory] = []

    @property
    def awaits_process(self) -> bool:
        """Whether it can only be made around a process: ``adopt`` does so (systemd's scopes)."""
        return False

    @property
    def is_unit(self) -> bool:
        """Whether it is systemd's, which can ``attach`` a process that we may not move."""
        return False

    @property
    def directories(self) -> list[LegacyDirectory | UnifiedDirectory]:
        """All of them, v1 first."""
        return [*self.legacy, *([self.unified] if self.unified else [])]

    def state(self) -> dict[str, object]:
        """What to keep as JSON: ``cgroups.load`` makes the same object of it again."""
        return {"rootless": self.rootless, "directories": [directory.state() for directory in self.directories]}

    def planned(self) -> dict[str, object]:
        """As ``state``, of what ``create`` is going to make: until it has looked, the rest may be somebody else's."""
        plans = [(directory, directory.missing()) for directory in self.directories]
        return {**self.state(), "directories": [{**place.state(), "created": made} for place, made in plans if made]}

    def paths(self) -> dict[str, str]:
        """The directory of each controller, as in runc's ``cgroup_paths``; that of v2 has the empty name."""
        found = {name: directory.path for directory in self.legacy for name in directory.names}
        return {**found, "": self.unified.path} if self.unified else found

    def mounts(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """What a mount of type ``cgroup`` shows: name, directory and further names of each hierarchy.

        The only one has no name on a v2 host. Of a v1 hierarchy that is left out only the place is shown (no
        directory): podman mounts the one of systemd there.
        """
        found = [
            (os.path.basename(directory.mount), directory.path if directory in self.legacy else "",
             directory.names if len(directory.names) > 1 else ())
            for directory in (*self.legacy, *self._left_out)
        ]  # fmt: skip
        if self.unified:
            found.append((os.path.basename(self.unified.mount) if found else "", self.unified.path, ()))
        return found

    def version(self, controller: str) -> int:
        """1 or 2: where the files of *controller* are; 0 when the host lacks it.

        "cgroup" are the files every v2 cgroup has; device rules exist on v2 without a controller.
        """
        if controller in self.refused or any(controller in directory.names for directory in self.legacy):
            return 1
        if "" in self.refused:
            return 2
        if not self.unified:
            return 0
        return 2 if controller in {"cgroup", "devices"} or controller in self.unified.controllers() else 0

    def create(self) -> None:
        """Make what is missing in every hierarchy; on failure nothing of it stays.

        Raises ContainerError when the cgroup is in use, OSError for everything else.
        """
        try:
            self._make_missing()
            self._refuse_unfit()
        except BaseException:
            for directory in self.directories:
                directory.remove_parents()
            raise
        if self.refused and not self.directories:
            cause = next(iter(self.refused.values()))
            log.warning(f"the container has no cgroup, so nothing is limited or counted: {_worded(cause)}")

    def _make_missing(self) -> None:
        for directory in self.directories:
            self._create(directory)

    def _create(self, directory: LegacyDirectory | UnifiedDirectory) -> None:
        try:
            directory.create()
        except OSError as error:
            if not self.rootless or self.asked or error.errno not in _NOT_PERMITTED:
                raise
            directory.remove_parents()
            self._leave_out(directory, error)

    def _leave_out(self, directory: LegacyDirectory | UnifiedDirectory, error: OSError) -> None:
        """Go on without a hierarchy; whether that was right shows when limits are written."""
        for name in directory.names or [""]:
            self.refused[name] = error
        if directory is self.unified:
            self.unified = None
        else:
            self._left_out += [other for other in self.legacy if other is directory]
            self.legacy = [other for other in self.legacy if other is not directory]

    def _refuse_unfit(self) -> None:
        """Refuse a cgroup that others use, and one in which nothing runs (config-linux.md#cgroups-path)."""
        for directory in self.directories:
            if directory.path not in directory.created and (pids := directory.pids()):
                raise ContainerError(
                    f"container's cgroup is not empty: {len(pids)} process(es) found", file=directory.path
                )
        if self.is_frozen():
            raise ContainerError("container's cgroup unexpectedly frozen")

    def write(self, settings: Iterable[tuple[str, str]], undo: Undo | None = None) -> None:
        """Write settings: names of files with their values. *undo* is told how to put each of them back.

        ``a|b`` is whichever of two files exists, with the value or with that of ``x|y`` on the same side; a name
        ending in ``?`` need not exist. What the kernel calls invalid (EINVAL) is tried again behind the others: a
        quota and its period, its burst, or two limits of memory are checked against each other, and which of
        them has to go first depends on what was there before.
        """
        waiting = list(settings)
        while waiting:
            refused: list[tuple[tuple[str, str], OSError]] = []
            for setting in waiting:
                try:
                    self._put(*setting, undo)
                except OSError as error:
                    if error.errno != errno.EINVAL:
                        raise
                    refused.append((setting, error))
            if len(refused) == len(waiting):
                raise refused[0][1]
            waiting = [setting for setting, _ in refused]

    def _put(self, name: str, value: str, undo: Undo | None) -> None:
        # Rootless, the kernel lets nobody change device rules, and nobody make devices either.
        forgive = self.rootless and name.startswith("devices.")
        if forgive and "devices" in self.refused:
            return
        try:
            self._home(name).put(name, value, undo)
        except OSError as error:
            if not forgive or error.errno not in _NOT_PERMITTED:
                raise

    def _home(self, name: str) -> LegacyDirectory | UnifiedDirectory:
        """The directory that has the file *name*."""
        controller = name.partition(".")[0]
        for directory in self.legacy:
            if controller in directory.names:
                return directory
        cause = self.refused.get(controller) or self.refused.get("")
        if self.unified and controller not in self.refused:
            return self.unified
        reason = f": {_worded(cause)}" if cause else ""
        text = f"cannot set {controller} limit: container could not join or create cgroup{reason}"
        raise Unsupported(text, file=name, hint=_DELEGATION if self.rootless else None) from cause

    def device_rules(self, rules: Sequence[tuple[bool, str, int, int, str]]) -> None:
        """On v2, apply the rules about devices; on v1 they are settings like others."""
        if not self.unified or self.version("devices") != 2:
            return
        try:
            self.unified.device_rules(rules)
        except OSError as error:
            if not self.rootless or error.errno not in _NOT_PERMITTED:
                raise

    def own(self, uid: int) -> None:
        """Delegate the cgroup to the user *uid*, on v2; v1 has no safe delegation."""
        if self.unified and not self.legacy:
            self.unified.own(uid)

    def add(self, pid: int) -> None:
        """Move a process in. The first such move in a while costs 10 to 20 ms; see ``tasks`` for one that does not."""
        for directory in self.directories:
            directory.add(pid)

    def enter(self, pid: int) -> None:
        """Move in the first process, and make again what is gone: systemd removes empty v1 cgroups below its own."""
        for directory in self.directories:
            directory.enter(pid)

    def adopt(self, pid: int) -> None:
        """Make a cgroup that ``awaits_process``, with *pid* in it."""

    def attach(self, pid: int, sub: Mapping[str, str] | None = None) -> None:
        """Have systemd move *pid* in, where it ``is_unit``."""

    def tasks(self, sub: Mapping[str, str] | None = None, init_pid: int = 0) -> list[int]:
        """Descriptors of the v1 ``tasks`` files, with which a process moves itself by ``cgroups.walk_in``.

        *sub* names cgroups below, by controller; "" is for every other. Where the cgroup is gone, the one that
        *init_pid* is in now. The caller owns the descriptors.
        """
        for name in sub or {}:
            if name and not any(name in directory.names for directory in self.legacy):
                raise ContainerError(f"unknown controller {name} in SubCgroupPaths")
        opened: list[int] = []
        try:
            for directory in self.legacy:
                opened.append(directory.tasks(self._below(directory, sub or {}), init_pid))  # noqa: PERF401 (closed below)
        except BaseException:
            for fd in opened:
                os.close(fd)
            raise
        return opened

    def first_tasks(self) -> list[int]:
        """As ``tasks`` of a cgroup that was just made: what is gone is made again, as by ``enter``."""
        return again(self.tasks, self._make_missing)

    def directory_fd(self, sub: Mapping[str, str] | None = None) -> int:
        """A descriptor of the v2 directory for CLONE_INTO_CGROUP, owned by the caller; -1 when there is none."""
        return self.unified.directory_fd(self._below(self.unified, sub or {})) if self.unified else -1

    def directory_fd_of(self, init_pid: int) -> int:
        """As ``directory_fd``, for where *init_pid* is now: a container may have divided its v2 cgroup further."""
        return self.unified.directory_fd_of(init_pid) if self.unified else -1

    def _below(self, directory: LegacyDirectory | UnifiedDirectory, sub: Mapping[str, str]) -> str:
        """The path below *directory* that *sub* asks for, empty or with a slash in front."""
        path = next((sub[name] for name in (*directory.names, "") if name in sub), "")
        clean = os.path.normpath(f"{directory.path}/{path}")
        if clean != directory.path and not clean.startswith(directory.path + "/"):
            raise ContainerError(f"bad sub cgroup path: {path}")
        return clean[len(directory.path) :]

    def pids(self, *, recursive: bool = True) -> list[int]:
        """The processes in any of the hierarchies, and in cgroups below unless told otherwise."""
        found: set[int] = set()
        for directory in self.directories:
            found.update(directory.pids(recursive=recursive))
        return sorted(found)

    def _freezer(self) -> LegacyDirectory | UnifiedDirectory | None:
        return next((directory for directory in self.legacy if "freezer" in directory.names), self.unified)

    def is_frozen(self) -> bool:
        """Whether the processes are stopped, by a freeze of this cgroup or of one above."""
        freezer = self._freezer()
        return freezer is not None and freezer.is_frozen()

    def freeze(self) -> None:
        """Stop every process. Raises OSError(EBUSY) when that does not succeed in a few seconds."""
        self._need_freezer().freeze()

    def thaw(self) -> None:
        """Let the processes go on."""
        self._need_freezer().thaw()

    def _need_freezer(self) -> LegacyDirectory | UnifiedDirectory:
        freezer = self._freezer()
        if freezer is None:
            raise Unsupported("cannot toggle freezer: cgroups not configured for container")
        return freezer

    def kill(self, signal: int = _SIGKILL) -> None:
        """Send *signal* to every process. SIGKILL ends a pause as well, for nothing frozen on v1 can die."""
        paused = self.is_frozen()
        if signal == _SIGKILL:
            if self.unified:
                self.unified.kill()
            self._kill_all()
            if paused:
                self.thaw()
            return
        self._standing_still(lambda: _send(self.pids(), signal))  # so that none escapes by a fork

    def _kill_all(self) -> None:
        """Kill processes until no new ones appear."""
        seen: set[int] = set()
        for _ in range(_KILL_ROUNDS):
            fresh = set(self.pids()) - seen
            if not fresh:
                return
            _send(fresh, _SIGKILL)
            seen |= fresh

    def _standing_still(self, action: Callable[[], object]) -> None:
        """Do *action* while no process runs, if that can be had."""
        paused = self.is_frozen()
        frozen = paused or self._try_to_freeze()
        try:
            action()
        finally:
            if frozen and not paused:
                self.thaw()

    def _try_to_freeze(self) -> bool:
        try:
            self.freeze()
        except (OSError, Unsupported):
            return False
        return True

    def delete(self, timeout: float = 2.0) -> None:
        """Remove all that ``create`` made, and cgroups made below it since.

        Tries again for *timeout* seconds: dying processes take a while to leave. Raises OSError(EBUSY) that names
        those still there.
        """
        deadline = time.monotonic() + timeout
        pause = 0.0005
        left = [directory for directory in self.directories if not directory.remove()]
        while left and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
            left = [directory for directory in left if not directory.remove()]
        if left:
            pids = ", ".join([str(pid) for pid in self.pids()]) or "none visible"
            raise OSError(errno.EBUSY, f"cgroup still has processes: {pids}", left[0].path)
        for directory in self.directories:
            directory.remove_parents()

    def _memory(self) -> LegacyDirectory | UnifiedDirectory | None:
        return next((directory for directory in self.legacy if "memory" in directory.names), self.unified)

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        memory = self._memory()
        return memory.oom_kills() if memory else 0

    def memory_limit(self) -> int | None:
        """The limit of memory in bytes; None without one."""
        memory = self._memory()
        return memory.memory_limit() if memory else None

    def memory_usage(self) -> int:
        """The memory in use, in bytes."""
        memory = self._memory()
        return memory.memory_usage() if memory else 0


def _worded(error: OSError) -> str:
    return f'"{error.filename}": {(error.strerror or "").lower()}'


def _send(pids: Iterable[int], signal: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue
