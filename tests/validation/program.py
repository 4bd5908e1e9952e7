"""Run one validation program, and look at what it leaves behind.

It gets a directory, a mount namespace and a ``--root`` of its own. A container it abandons is deleted by the runtime;
what is there after that, the runtime has left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.support.container import cgroups_named, end_processes, processes_naming
from tests.validation import tap

_SECONDS = 120
# What the suite itself calls its cgroups.
_CGROUPS = ("cgrouptest", "testdir")
# The suite knows the runtime by one path, without options.
_RUNTIME = """#!/bin/sh
if [ "$1" = create ]; then for id in "$@"; do :; done; echo "$id" >> {place}/ids; fi
exec {path} --root {place}/root "$@"
"""
_INSIDE = """
cat /proc/self/mountinfo > "$PLACE/before"
timeout --kill-after=5 "$1" "$2" > "$PLACE/out" 2> "$PLACE/err" < /dev/null; code=$?
for id in $(ls "$PLACE/root"); do timeout 30 "$RUNTIME" delete --force "$id"; done
cat /proc/self/mountinfo > "$PLACE/after"
exit $code
"""


def names(tree: Path) -> list[str]:
    """The programs that are built in *tree*."""
    return sorted(path.stem for path in tree.glob("validation/*/*.t"))


def run(tree: Path, name: str, runtime: str, tries: int = 1) -> tap.Report:
    """Run the program *name* against *runtime*, again after a failure if it has more *tries*."""
    report = _run_once(tree, name, runtime)
    return run(tree, name, runtime, tries - 1) if report.failures and tries > 1 else report


def _run_once(tree: Path, name: str, runtime: str) -> tap.Report:
    """What the program said, and as failures also how it ended and what is left."""
    place = Path(tempfile.mkdtemp(prefix="pyoci-validation-"))
    try:
        place.chmod(0o755)
        code = _run(tree, f"validation/{name}/{name}.t", runtime, place)
        report = tap.read((place / "out").read_text(errors="replace"))
        _add_words(report, code, (place / "err").read_text(errors="replace"))
        report.failures += _left_behind(place)
        return report
    finally:
        shutil.rmtree(place)


def _run(tree: Path, program: str, runtime: str, place: Path) -> int:
    for directory in ("root", "tmp"):
        (place / directory).mkdir()
    wrapper = place / "runtime"
    wrapper.write_text(_RUNTIME.format(place=place, path=runtime))
    wrapper.chmod(0o755)
    started = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", _INSIDE, "-", str(_SECONDS), program],
        cwd=tree, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PLACE": str(place), "RUNTIME": str(wrapper), "TMPDIR": str(place / "tmp")},
    )  # fmt: skip
    try:
        return started.wait()
    finally:
        _end_session(started.pid)


def _end_session(leader: int) -> None:
    """Kill what a program that was interrupted has started, such as the holders of namespaces."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _add_words(report: tap.Report, code: int, stderr: str) -> None:
    """Add how a program ended if not well, what it warned of, and why the runtime's exit status was what it was."""
    said = [line for line in stderr.splitlines() if line.strip()]
    last = " | ".join(said[-3:])
    report.failures = [f"{text}: {last}" if "exit status" in text else text for text in report.failures]
    report.failures += [line for line in said if line.startswith("WARNING")]
    if code:
        report.failures.append(f"status {code}: {last}")


def cgroups() -> list[str]:
    """The cgroups of the programs that are there."""
    return [path for name in _CGROUPS for path in cgroups_named(name)]


def _left_behind(place: Path) -> list[str]:
    """What is left of the containers, a text for each kind of thing; it is removed."""
    ids = set((place / "ids").read_text().split()) if (place / "ids").exists() else set()
    before, after = (set((place / name).read_text().splitlines()) for name in ("before", "after"))
    left = {
        "containers": os.listdir(place / "root"),
        "mounts": sorted(line.split()[4].replace(str(place), "") for line in after - before),
        "processes": [line for name in sorted(ids) for line in processes_naming(name)],
        "cgroups": [path for name in sorted(ids) for path in cgroups_named(name)] + cgroups(),
    }
    for name in ids:
        end_processes(name)
    for path in cgroups():
        subprocess.run(["find", path, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=False)
    return [f"left {kind}: {' '.join(found)}" for kind, found in left.items() if found]
