"""What a caller may ask of create, run and exec besides the bundle: runc's options, by name."""

from __future__ import annotations

import os

from pyoci.container import notify_socket
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Given:
    """What was given by name, over the defaults that the class has."""

    def __init__(self, **given: object) -> None:
        for name, value in given.items():
            if name.startswith("_") or not hasattr(type(self), name):
                raise UsageError(f"there is no option {name}")
            setattr(self, name, value)


class Options(Given):
    """The options of create, run and exec, with their defaults."""

    console_socket: str = ""
    """Path of the AF_UNIX socket that is sent the terminal's master."""
    pidfd_socket: str = ""
    """Path of the AF_UNIX socket that is sent a pidfd of the process."""
    pid_file: str = ""
    """Path of a file the process id is written to."""
    preserve_fds: int = 0
    """How many descriptors from 3 on the program inherits."""
    no_pivot: bool = False
    no_new_keyring: bool = False
    cgroup_manager: str = "cgroupfs"
    rootless: bool | None = None
    """Whether cgroups may be out of reach; None: find out."""
    config_file: str = "config.json"
    detach: bool = False
    keep: bool = False
    no_subreaper: bool = False
    cgroup: tuple[str, ...] = ()
    """For exec: sub-cgroups to enter, ``PATH`` or ``CONTROLLER:PATH``."""
    ignore_paused: bool = False
    listen_fds: int = 0
    on_terminal: Callable[[int], None] = staticmethod(os.close)
    """What is done with the master of the pty; for the modules here, not for callers."""
    meanwhile: Callable[[], object] = bool
    """What is done while the process sets itself up; likewise."""

    def check_terminal(self, terminal: bool) -> None:
        """Refuse a console socket nobody will use, and a terminal nobody will hold."""
        if terminal and self.detach and not self.console_socket:
            raise UsageError("cannot allocate tty if runc will detach without setting console socket")
        if self.console_socket and not (terminal and self.detach):
            raise UsageError("cannot use console socket if runc will not detach or allocate tty")

    def check_fds(self) -> None:
        """Count those of socket activation (sd_listen_fds(3)) in, and make sure that all to be preserved are there."""
        self.listen_fds = int(os.environ.get("LISTEN_FDS") or 0)
        self.preserve_fds += self.listen_fds
        for fd in range(3, 3 + self.preserve_fds):
            try:
                os.fstat(fd)
            except OSError:
                place = f"preserved-fd {fd - 3} (of {self.preserve_fds})"
                raise UsageError(f"please check that {place} is present") from None

    def environment(self) -> dict[str, str]:
        """What the program's environment has besides its own entries."""
        found = {"LISTEN_FDS": str(self.listen_fds), "LISTEN_PID": "1"} if self.listen_fds else {}
        return {**found, **({"NOTIFY_SOCKET": notify_socket.INSIDE} if notify_socket.manager() else {})}

    def is_rootless(self) -> bool:
        """Whether the runtime must do without root's privileges over cgroups."""
        return self.rootless if self.rootless is not None else os.geteuid() != 0 or in_user_namespace()


def in_user_namespace() -> bool:
    """Whether root here is not the host's root (user_namespaces(7))."""
    try:
        with open("/proc/self/uid_map", "rb", buffering=0) as file:
            return file.readall().split() != [b"0", b"0", b"4294967295"]
    except FileNotFoundError:  # a kernel without user namespaces
        return False
