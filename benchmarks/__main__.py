"""Compare pyoci with runc and crun in one run: ``python -m benchmarks PYOCI [OPTION...]``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import crowds, engines, inside, lives, memory, report, runtimes

# In this order: crowds changes the mounts of this process.
PARTS = {"lives": lives, "memory": memory, "engines": engines, "inside": inside, "crowds": crowds}


def main() -> None:
    """Measure what is asked for."""
    given = _arguments()
    runtimes.hide_unified()
    measured = []
    with tempfile.TemporaryDirectory(prefix="pyoci-bench-") as directory:
        place = Path(directory)
        compared = {runtime.name: runtime for runtime in runtimes.found(given.pyoci, place)}
        for name in given.only or PARTS:
            for series in PARTS[name].measured(compared, place, given.rounds):
                print(report.line(series, list(compared)), flush=True)
                measured.append(series)
    if given.json:
        report.write_json(given.json, measured)
    if given.plot:
        report.write_plot(given.plot, measured, list(compared))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Compare pyoci with the runtimes installed here.")
    parser.add_argument("pyoci", help="the installed command")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how often each is measured (20)")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="a part of it; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the medians there, as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
