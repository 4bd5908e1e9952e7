"""``podman run --rm``, the whole command, with each runtime."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks import measure
from benchmarks.measure import Series, in_turn
from benchmarks.runtimes import minimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.runtimes import Runtime

_IMAGE = "localhost/pyoci-bench"


def measured(runtimes: Mapping[str, Runtime], place: Path, rounds: int) -> Iterator[Series]:
    """podman's whole command, where podman is installed."""
    if not shutil.which("podman"):
        return
    podman = ["podman", "--root", str(place / "storage"), "--runroot", str(place / "run"), "--cgroup-manager=cgroupfs"]
    rootfs = minimal(place / "image", "true") / "rootfs"
    with subprocess.Popen(["tar", "-C", rootfs, "-c", "."], stdout=subprocess.PIPE) as archive:
        subprocess.run([*podman, "import", "-", _IMAGE], stdin=archive.stdout, check=True, capture_output=True)
    series = Series("podman run --rm")
    try:
        for number in range(-1, max(5, rounds // 2)):
            for name in in_turn(list(runtimes), number):
                options = ["--runtime", os.path.realpath(runtimes[name].path), "run", "--rm", "--network=none"]
                cost = measure.run([*podman, *options, _IMAGE, "true"])
                if number >= 0:
                    series.add(name, cost.wall * 1000)
    finally:
        subprocess.run([*podman, "rmi", "--force", _IMAGE], capture_output=True, check=False)
    yield series
