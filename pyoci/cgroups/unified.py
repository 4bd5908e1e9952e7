"""cgroup v2: one directory for all controllers (Documentation/admin-guide/cgroup-v2.rst)."""

from __future__ import annotations

import errno
import os
import select
import time

from pyoci.cgroups.directory import GONE, Directory, write
from pyoci.cgroups.hierarchy import memberships, read
from pyoci.errors import Ignoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DELEGATE = "/sys/kernel/cgroup/delegate"
_DELEGATED = "cgroup.procs cgroup.subtree_control cgroup.threads"  # where that file is missing (before Linux 4.15)
_SETS = ("cpuset.cpus", "cpuset.mems")
_FREEZE_SECONDS = 2.0
_LEAF = "pyoci.callers"
_ROUNDS = 100  # against processes that fork while they are moved


class UnifiedDirectory(Directory):
    """A container's directory in the v2 hierarchy."""

    version = 2

    def __init__(
        self, names: Sequence[str], mount: str, path: str, created: Sequence[str] = (), *, alone: bool = True
    ) -> None:
        super().__init__(names, mount, path, created)
        self.alone = alone
        """Whether there is no v1 beside it: then every controller is switched on, otherwise those limits need."""
        self.refused: dict[str, OSError] = {}
        """Controllers that could not be switched on, and why."""

    def state(self) -> dict[str, object]:
        """What to keep as JSON, to make the same object again."""
        return {**super().state(), "alone": self.alone}

    def controllers(self) -> list[str]:
        """What the whole hierarchy has to offer."""
        return read(f"{self.mount}/cgroup.controllers").split()

    def create(self) -> None:
        """Make the directory, and switch the controllers on from the top down to it."""
        super().create()
        if self.alone:
            self.enable(self.controllers())
        for path in self.created:
            # Below a threaded cgroup; only controllers that know threads work there, the others have no files.
            if read(f"{path}/cgroup.type").strip() == "domain invalid":
                write(f"{path}/cgroup.type", "threaded")

    def enable(self, controllers: Iterable[str], *, making_room: bool = False) -> None:
        """Switch *controllers* on as far as possible; what is refused shows when a limit is written.

        Where processes are, the kernel refuses it ("no internal processes"), or makes the cgroups below threaded. So
        our own is left alone; or, *making_room*, those in it move down with us, into a leaf.
        """
        path = self.mount
        for part in self.path[len(self.mount) + 1 :].split("/"):
            enabled = read(f"{path}/cgroup.subtree_control").split()
            missing = [name for name in controllers if name not in enabled]
            if missing and _is_our_own(path) and not (making_room and _make_room(path)):
                self._refuse(missing, OSError(errno.EBUSY, os.strerror(errno.EBUSY), f"{path}/cgroup.subtree_control"))
            elif missing:
                self._switch_on(path, missing)
            path = f"{path}/{part}"

    def _switch_on(self, path: str, names: Sequence[str]) -> None:
        """Switch *names* on below *path*: all at once or else each by itself."""
        try:
            write(f"{path}/cgroup.subtree_control", " ".join([f"+{name}" for name in names]))
        except OSError as error:
            if len(names) == 1:
                self._refuse(names, error)
                return
            for name in names:
                self._switch_on(path, [name])

    def _refuse(self, names: Iterable[str], error: OSError) -> None:
        for name in names:
            self.refused.setdefault(name, error)

    def write(self, name: str, value: str) -> None:
        """Write one file, switching its controller on where that was not done before."""
        controller = name.partition(".")[0]
        try:
            super().write(name, value)
        except FileNotFoundError:
            if controller not in self.controllers() or self._is_enabled(controller):
                raise
        else:
            return
        self.enable([controller], making_room=True)
        if not self._is_enabled(controller):
            cause = self.refused.get(controller)
            reason = f"controller {controller} cannot be enabled" + (f": {cause}" if cause else "")
            raise OSError(errno.ENOENT, f'cannot write "{value}": {reason}', f"{self.path}/{name}") from cause
        super().write(name, value)

    def _inverse(self, name: str, value: str) -> str | None:
        """As in Directory. Where something runs the kernel takes no empty set again; what it meant does as well."""
        before = super()._inverse(name, value)
        return read(f"{self.path}/{name}.effective").strip() if before == "" and name in _SETS else before

    def _is_enabled(self, controller: str) -> bool:
        return controller in read(f"{self.path}/cgroup.controllers").split()

    def device_rules(self, rules: Sequence[tuple[bool, str, int, int, str]]) -> None:
        """Let the kernel ask a program of these rules about each device; it takes the place of an earlier one."""
        from pyoci.cgroups import device_program

        directory = self.directory_fd(flags=os.O_RDONLY)
        try:
            device_program.attach(device_program.assemble(rules), directory)
        finally:
            os.close(directory)

    def own(self, uid: int) -> None:
        """Delegate to *uid*: the directory and the files the kernel names (config-linux.md#cgroup-ownership)."""
        try:
            names = read(DELEGATE)
        except FileNotFoundError:
            names = _DELEGATED
        os.chown(self.path, uid, -1)
        for name in names.split():
            try:
                os.chown(f"{self.path}/{name}", uid, -1)
            except FileNotFoundError:
                continue  # of a controller that is off

    def directory_fd(self, below: str = "", flags: int = os.O_PATH) -> int:
        """A descriptor of the directory, for CLONE_INTO_CGROUP."""
        return os.open(f"{self.path}{below}", flags | os.O_DIRECTORY | os.O_CLOEXEC)

    def directory_fd_of(self, pid: int) -> int:
        """A descriptor of the directory in which *pid* is now, here or further down."""
        own = self.mount + dict(memberships(f"/proc/{pid}"))[()]
        path = own if own.startswith(f"{self.path}/") else self.path
        return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def is_frozen(self) -> bool:
        """Whether it is, or is about to be, because of itself or of a directory above."""
        return self.number("cgroup.freeze") == 1 or self.keyed("cgroup.events", "frozen") == "1"

    def freeze(self) -> None:
        """Stop every process. Raises OSError(EBUSY) when some cannot be, and leaves the others running."""
        self.write("cgroup.freeze", "1")
        if not self._becomes_frozen():
            self.thaw()
            raise OSError(errno.EBUSY, "unable to freeze", self.path)

    def _becomes_frozen(self) -> bool:
        deadline = time.monotonic() + _FREEZE_SECONDS
        events = os.open(f"{self.path}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        try:
            change = select.poll()
            change.register(events, select.POLLPRI)
            while b"frozen 1" not in os.pread(events, 4096, 0):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                change.poll(remaining * 1000)
        finally:
            os.close(events)
        return True

    def thaw(self) -> None:
        """Let the processes go on."""
        self.write("cgroup.freeze", "0")

    def kill(self) -> None:
        """Kill every process at once, where the kernel can: since Linux 5.14, and in no threaded cgroup.

        Where the cgroup is gone, which systemd may have removed meanwhile, nobody is left to be killed.
        """
        try:
            self.write("cgroup.kill", "1")
        except OSError as error:
            if error.errno not in {*GONE, errno.EOPNOTSUPP}:
                raise

    def oom_kills(self) -> int:
        """How many processes the kernel killed for want of memory, here and below."""
        return int(self.keyed("memory.events", "oom_kill") or 0)

    def memory_limit(self) -> int | None:
        """The limit in bytes; None without one."""
        return self.number("memory.max")

    def memory_usage(self) -> int:
        """The bytes in use."""
        return self.number("memory.current") or 0


def _is_our_own(path: str) -> bool:
    """Whether we are in the cgroup *path*, and it is not the root of all, where processes and controllers get on."""
    return os.path.exists(f"{path}/cgroup.type") and os.getpid() in Directory((), path, path).pids(recursive=False)


def _make_room(path: str) -> bool:
    """Move the processes of our own cgroup into a leaf of it; whether they are gone."""
    here, leaf = Directory((), path, path), Directory((), path, f"{path}/{_LEAF}")
    leaf.create()
    for _ in range(_ROUNDS):
        left = here.pids(recursive=False)
        for pid in left:
            with Ignoring(ProcessLookupError):
                leaf.add(pid)
        if not left:
            return True
    return False
