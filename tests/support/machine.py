"""A place for engines on the machine itself: only what is there, systemd can make units for."""

from __future__ import annotations

import fcntl
import itertools
import shutil
import subprocess
from pathlib import Path

from tests.support.container import cgroups_named, mounts_naming, processes_naming
from tests.support.engines import HOME, IMAGE, PATH, Place, Podman

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

_CONF = Path("/etc/containers/containers.conf.d/pyoci-tests.conf")
_UNITS = ("libpod*", "pyoci*")


class Machine(Place):
    """HOME as a directory of the machine's; ``with`` lets one test at a time have it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = Path("/")
        self.cgroup = "engines"
        self._numbers = itertools.count()
        self._lock = Path("/run/engine.lock").open("w")  # noqa: SIM115 (held until the end)

    def __enter__(self) -> Self:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        Path(HOME).mkdir()
        return self

    def __exit__(self, *raised: object) -> None:
        for mount in reversed([line.split()[4] for line in mounts_naming(f" {HOME}/")]):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(HOME)
        self._lock.close()

    def command(self, words: Sequence[str]) -> list[str]:
        """*words* as a command in HOME, with an environment that says nothing of the machine."""
        environment = ["env", "--ignore-environment", f"--chdir={HOME}", f"TMPDIR={HOME}", f"PATH={PATH}"]
        return ["unshare", "--fork", *environment, "HOME=/root", *words]

    def systemctl(self, *words: str) -> str:
        """What systemctl says."""
        return subprocess.check_output(["systemctl", "--no-pager", *words], text=True)

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """What systemd knows of *unit*."""
        text = self.systemctl("show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in text.splitlines())

    def inventory(self) -> set[str]:
        """The units, mounts, cgroups and processes there are of engines."""
        units = self.systemctl("list-units", "--all", "--plain", "--no-legend", *_UNITS)
        mounts = [line.split()[4] for text in ("/merged ", "/userdata/shm ") for line in mounts_naming(text)]
        return {
            *(line.split()[0] for line in units.splitlines()), *mounts, *cgroups_named("libpod-"),
            *processes_naming("conmon "),
        }  # fmt: skip


class PodmanOfMachine(Podman):
    """podman with its own storage, which has systemd make its cgroups."""

    place: Machine

    @property
    def options(self) -> list[str]:
        """The runtime and the manager of cgroups."""
        return ["--runtime", Path(self.runtime).name, "--cgroup-manager=systemd"]

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line: parents of cgroups are podman's choice."""
        return [self.name, *self.options, *words]

    def prepare(self, image: Path) -> None:
        """Put what we ship into /etc/containers, and read the *image*."""
        _CONF.parent.mkdir(parents=True, exist_ok=True)
        _CONF.write_text(self.shipped())
        self("load", "--input", str(image))

    def end(self, number: int = 0) -> None:
        """Take back what prepare did."""
        self("rmi", "--force", IMAGE)
        _CONF.unlink()

    def cgroup(self, container: str) -> Path:
        """The container's directory in cgroup v2."""
        pid = self("inspect", "--format={{.State.Pid}}", container).output
        return Path("/sys/fs/cgroup" + Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::"))

    def up(self, *options: str) -> Path:
        """Start a container that waits for SIGTERM; its cgroup."""
        return self.cgroup(self("run", "-d", "--network=none", *options, IMAGE).output)
