"""A place for engines on the machine itself: only what is there, systemd can make units for."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.support.container import cgroups_named, mounts_naming, processes_naming
from tests.support.engines import HOME, IMAGE, PATH, Containerd, Docker, Place, Podman
from tests.support.systemd import Systemd, systemctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

_CONF = Path("/etc/containers/containers.conf.d/pyoci-tests.conf")
_UNITS = ("*libpod*", "pyoci*", "docker-*", "cri-containerd-*", "kubepods*")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One test at a time has the machine's engines, and its user `tester`."""
    with Path("/run/engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def lingering(name: str) -> Iterator[Path]:
    """The runtime directory of the user *name*, whose systemd runs meanwhile though nobody is logged in."""
    uid = pwd.getpwnam(name).pw_uid
    subprocess.run(["loginctl", "enable-linger", name], check=True)
    systemctl("start", f"user@{uid}.service")  # until it listens
    yield Path(f"/run/user/{uid}")
    subprocess.run(["loginctl", "disable-linger", name], check=True)
    systemctl("stop", f"user@{uid}.service")


class Machine(Place):
    """HOME as a directory of the machine's, and root in it."""

    user = "root"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = Path("/")
        self.pid = os.getpid()
        self.cgroup = "engines"
        self.environment = {"HOME": "/root", "TMPDIR": HOME, "PATH": PATH}
        self._numbers = itertools.count()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(alone())
        Path(HOME).mkdir()
        self._stack.callback(self._remove)
        return self

    def _remove(self) -> None:
        for mount in reversed([line.split()[4] for line in mounts_naming(f" {HOME}/")]):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(HOME)

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def command(self, words: Sequence[str]) -> list[str]:
        """*words* as a command in HOME, with an environment that says nothing of the machine."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        clean = ["env", "--ignore-environment", f"--chdir={HOME}", *variables]
        return ["unshare", "--fork", *self.become(), *clean, *words]

    def become(self) -> list[str]:
        """The words in front of a command of the user's."""
        return []

    @property
    def systemctl(self) -> Systemd:
        """Whoever makes the cgroups."""
        return systemctl

    def inventory(self) -> set[str]:
        """The units, mounts, cgroups and processes there are of engines."""
        mounts = [line.split()[4] for text in ("/merged ", "/shm ", "/rootfs ") for line in mounts_naming(text)]
        groups = [name for word in ("libpod-", "docker-", "cri-containerd-") for name in cgroups_named(word)]
        processes = [line for word in ("conmon ", "containerd-shim") for line in processes_naming(word)]
        return {*self.systemctl.units(*_UNITS), *mounts, *groups, *processes}


class Session(Machine):
    """The same for a user who has a session."""

    user = "tester"

    def __enter__(self) -> Self:
        super().__enter__()
        home = Path(f"~{self.user}").expanduser()
        runtime_directory = self._stack.enter_context(lingering(self.user))
        self.environment |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime_directory)}
        Path(HOME).chmod(0o777)
        return self

    def become(self) -> list[str]:
        """In a unit of his systemd's, where he may make cgroups."""
        ids = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        scope = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--property=Delegate=yes"]
        return [*ids, "env", "--ignore-environment", *variables, *scope]

    @property
    def systemctl(self) -> Systemd:
        """The user's own."""
        return Systemd(*self.command(["systemctl", "--user"]))


class PodmanOfMachine(Podman):
    """podman with its own storage, which has systemd make its cgroups, or makes them itself."""

    place: Machine

    def __init__(self, place: Machine, runtime: str, manager: str) -> None:
        super().__init__(place, runtime)
        self.manager = manager

    @property
    def options(self) -> list[str]:
        """The runtime and the manager of cgroups."""
        return ["--runtime", Path(self.runtime).name, f"--cgroup-manager={self.manager}"]

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line: parents of cgroups are podman's choice."""
        return [self.name, *self.options, *words]

    def prepare(self, image: Path) -> None:
        """Put what we ship into /etc/containers, and read the *image*."""
        _CONF.parent.mkdir(parents=True, exist_ok=True)
        _CONF.write_text(self.shipped())
        shutil.copyfile(image, f"{HOME}/image.tar")
        self("load", "--input", f"{HOME}/image.tar")

    def end(self, number: int = 0) -> None:
        """Take back what prepare did."""
        self("rmi", "--force", IMAGE)
        _CONF.unlink()

    def pid(self, container: str) -> int:
        """The container's first process."""
        return int(self("inspect", "--format={{.State.Pid}}", container).output)


class DockerOfMachine(Docker):
    """docker, which has systemd make its cgroups."""

    place: Machine

    def network(self) -> dict[str, object]:
        """None: the machine keeps its interfaces and its firewall."""
        return {"bridge": "none", "iptables": False}

    def start(self, **settings: object) -> None:
        """Start the daemon."""
        super().start(**{"exec-opts": ["native.cgroupdriver=systemd"], "cgroup-parent": "", **settings})


class ContainerdOfMachine(Containerd):
    """containerd, whose CRI plug-in has systemd make its cgroups."""

    place: Machine

    def shipped(self) -> str:
        """What we ship, and the line in it for systemd."""
        return super().shipped().replace("# SystemdCgroup = true", "SystemdCgroup = true")
