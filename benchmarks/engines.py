"""``podman run --rm``, the whole command, with each runtime."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks import measure
from benchmarks.measure import Series, in_turn
from benchmarks.runtimes import minimal
from tests.support.container import cgroups_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.runtimes import Runtime

_IMAGE = "localhost/pyoci-bench"
_PARENT = "libpod_parent"
_OPTIONS = ("--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")  # not all roots may raise limits


def measured(runtimes: Mapping[str, Runtime], place: Path, rounds: int) -> Iterator[Series]:
    """podman's whole command, where podman is installed."""
    if not shutil.which("podman"):
        return
    before = set(cgroups_named(_PARENT))
    podman = ["podman", "--root", str(place / "storage"), "--runroot", str(place / "run"), "--cgroup-manager=cgroupfs"]
    rootfs = minimal(place / "image", "true") / "rootfs"
    with subprocess.Popen(["tar", "-C", rootfs, "-c", "."], stdout=subprocess.PIPE) as archive:
        subprocess.run([*podman, "import", "-", _IMAGE], stdin=archive.stdout, check=True, capture_output=True)
    series = Series("podman run --rm")
    commands = {
        name: [*podman, "--runtime", os.path.realpath(runtime.path), "run", "--rm", *_OPTIONS, _IMAGE, "true"]
        for name, runtime in runtimes.items()
    }
    try:
        able = [name for name, command in commands.items() if measure.run(command, check=False).status == 0]
        for number in range(max(5, rounds // 2) if able else 0):
            for name in in_turn(able, number):
                series.add(name, measure.run(commands[name]).wall * 1000)
    finally:
        subprocess.run([*podman, "rmi", "--force", _IMAGE], capture_output=True, check=False)
        for parent in set(cgroups_named(_PARENT)) - before:  # podman's own, in which its containers were
            for directory, _, _ in os.walk(parent, topdown=False):
                os.rmdir(directory)
    if able:
        yield series
