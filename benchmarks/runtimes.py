"""The runtimes that are compared, and the bundles they run."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time

from benchmarks import measure
from tests.support import recorded
from tests.support.bundle import Bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

_UNIFIED = "/sys/fs/cgroup/unified"
_HIDDEN = "PYOCI_BENCH_HIDDEN"
_numbers = itertools.count()


class Runtime:
    """One runtime, with a root directory of its own below *place*."""

    def __init__(self, path: str, place: Path) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self._root = place / self.name

    def words(self, *words: str | Path) -> list[str]:
        """The command line of a command."""
        return [self.path, "--root", str(self._root), *map(str, words)]

    def __call__(self, *words: str | Path, check: bool = True) -> measure.Cost:
        """Run a command."""
        return measure.run(self.words(*words), check=check)

    def state(self, name: str) -> dict[str, Any]:
        """The state document of the container *name*."""
        found: dict[str, Any] = json.loads(subprocess.check_output(self.words("state", name)))
        return found

    def wait_until_stopped(self, name: str) -> None:
        """Wait until the container *name* is stopped."""
        while self.state(name)["status"] != "stopped":
            time.sleep(0.002)

    def remove(self, name: str) -> None:
        """Delete the container *name*, whatever it does."""
        self("delete", "--force", name, check=False)


def found(pyoci: str, place: Path) -> list[Runtime]:
    """pyoci and its peers that are installed, and can run a container here."""
    paths = [pyoci, *filter(None, (shutil.which("runc"), shutil.which("crun")))]
    bundle = minimal(place / "probe", "/bin/true")
    able = []
    for runtime in [Runtime(path, place) for path in paths]:
        if runtime("run", "--bundle", bundle, new_name(), check=False).status == 0:
            able.append(runtime)
        else:
            print(f"{runtime.path} cannot run a container here", file=sys.stderr)
    return able


def hide_unified() -> None:
    """Start anew where the v2 hierarchy of a hybrid host is not seen, for crun refuses such hosts."""
    if shutil.which("crun") and os.path.ismount(_UNIFIED) and _HIDDEN not in os.environ:
        script = f'umount {_UNIFIED} && exec "$@"'
        words = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-m", "benchmarks", *sys.argv[1:]]
        os.execvpe(words[0], words, {**os.environ, _HIDDEN: "1"})  # noqa: S606 (sh is asked to)


def new_name() -> str:
    """The name of a container that no other has."""
    return f"pyoci-bench-{os.getpid()}-{next(_numbers)}"


def minimal(path: Path, *args: str) -> Path:
    """A bundle with what ``spec`` writes, that runs *args*."""
    bundle = Bundle(path).args(*args)
    bundle.linux["resources"].pop("memory", None)
    return bundle.write()


def podmans(path: Path, *args: str, seccomp: bool = True) -> Path:
    """A bundle with what podman writes, its seccomp profile and 15 mounts, that runs *args*."""
    case = recorded.Case(recorded.DATA / "podman/plain")
    bundle = Bundle(path)
    (path / "engine").mkdir()
    words = {"@BUNDLE@": str(path), "@ROOTFS@": str(bundle.rootfs), "@ENGINE@": str(path / "engine"), "@ID@": "bench"}
    bundle.config = recorded.filled(case.config, words)
    bundle.config.pop("hooks", None)
    bundle.linux.pop("cgroupsPath", None)
    for entry in bundle.config["mounts"]:
        if entry["type"] == "bind":
            entry["source"] = str(path / "engine")
            entry["destination"] = f"/run/of-engine{entry['destination'].replace('/', '-')}"
    while len(bundle.config["mounts"]) < 15:
        bundle.mount(f"/mnt/{len(bundle.config['mounts'])}", "bind", str(path / "engine"), "rbind", "ro")
    for names in bundle.process["capabilities"].values():
        names[:] = [name for name in names if name != "CAP_SYS_RESOURCE"]
    bundle.process.update(args=list(args), terminal=False, rlimits=[])
    if not seccomp:
        bundle.linux.pop("seccomp")
    return bundle.write()
