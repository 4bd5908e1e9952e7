"""Time what engines call most, beside the other runtimes of this machine: ``make bench``, ``make bench ARGS=50``.

The runtimes take turns, so that a slow moment of the machine meets all of them; medians and the ratio to runc are
printed. Differences mean more than the milliseconds do.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_TOP))

from tests.support.bundle import Bundle  # noqa: E402 (tools are not installed)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Times = dict[tuple[str, str], list[float]]

_ROUNDS = 20
_MEASURES = ("run", "create", "start", "state", "exec", "kill", "delete")


def call(times: Times, runtime: str, root: Path, measure: str, *args: str) -> None:
    """Run one command and note how long it took, in milliseconds."""
    command = [runtime, "--root", str(root), measure, *args]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    times.setdefault((measure, runtime), []).append((time.perf_counter() - begin) * 1000)


def life(times: Times, runtime: str, place: Path, bundles: tuple[Bundle, Bundle]) -> None:
    """One container's life, and one that only runs `true`."""
    short, long = bundles
    root, name = place / os.path.basename(runtime), f"pyoci-bench-{os.getpid()}"
    call(times, runtime, root, "run", "--bundle", str(short.path), name)
    call(times, runtime, root, "create", "--bundle", str(long.path), name)
    call(times, runtime, root, "start", name)
    call(times, runtime, root, "state", name)
    call(times, runtime, root, "exec", name, "true")
    call(times, runtime, root, "kill", name, "KILL")
    wait_until_dead(runtime, root, name)
    call(times, runtime, root, "delete", name)


def wait_until_dead(runtime: str, root: Path, name: str) -> None:
    """Wait until the container is stopped, so that delete need not."""
    state: Callable[[], bytes] = lambda: subprocess.check_output([runtime, "--root", str(root), "state", name])  # noqa: E731
    while b'"stopped"' not in state():
        time.sleep(0.005)


def table(times: Times, runtimes: list[str]) -> None:
    """Print the medians."""
    print(f"{'ms, median':12}" + "".join(f"{os.path.basename(runtime):>18}" for runtime in runtimes))
    for measure in _MEASURES:
        medians = [statistics.median(times[measure, runtime]) for runtime in runtimes]
        base = medians[[os.path.basename(runtime) for runtime in runtimes].index("runc")] if len(runtimes) > 1 else 0
        cells = [f"{median:9.1f}" + (f" ({median / base:4.2f} ×)" if base else "") for median in medians]
        print(f"{measure:12}" + "".join(f"{cell:>18}" for cell in cells))


def main(pyoci: str, rounds: int) -> None:
    """Measure *rounds* lives of each runtime."""
    others = [path for path in (shutil.which("runc"), shutil.which("crun")) if path]
    runtimes = [pyoci, *others]
    with tempfile.TemporaryDirectory(prefix="pyoci-bench-") as directory:
        place = Path(directory)
        bundles = Bundle(place / "short").args("/bin/true"), Bundle(place / "long").args("/bin/sleep", "1000")
        for bundle in bundles:
            bundle.write()
        times: Times = {}
        for runtime in tuple(runtimes):  # warms up, too
            try:
                life({}, runtime, place, bundles)
            except subprocess.CalledProcessError as error:
                print(f"{runtime} cannot do it here: {error}")
                runtimes.remove(runtime)
        for number in range(rounds):
            for runtime in runtimes[number % len(runtimes) :] + runtimes[: number % len(runtimes)]:
                life(times, runtime, place, bundles)
        table(times, runtimes)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else _ROUNDS)
