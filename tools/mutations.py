"""Take each guard of tests/security/guards.toml away, and see its tests, which pass with it, fail.

The tests run against an installation of the script bin/pyoci, whose modules are files that can be changed; a guard of
the launcher is taken from the launcher. Tests of parts run in a copy of the tree. Nothing of this tree is touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from tests.support import installed  # noqa: E402 (the same)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GUARDS = HOME / "tests/security/guards.toml"
_COPIED = ("bin", "launcher", "pyoci", "spec", "tests", "tools", "typings")
_FAILED = 1  # what pytest says: tests ran, and some failed


def main() -> int:
    """Go through the table; the number of guards whose tests do not tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-k", dest="text", default="", help="only guards with this in their name, file or incidents")
    text = parser.parse_args().text
    guards = [guard for guard in tomllib.loads(GUARDS.read_text())["guard"] if text in str(guard)]
    wrong = 0
    for guard in guards:
        begin = time.monotonic()
        found = [f"fails with the guard too: {test}" for test in survey(guard, mutated=False) ^ {*guard["red"]}]
        found += [f"passes without the guard: {test}" for test in survey(guard, mutated=True)]
        wrong += bool(found)
        seconds = time.monotonic() - begin
        print(f"{'WRONG' if found else 'red  '} {seconds:4.0f} s  {guard['name']}", *found, sep="\n      ", flush=True)
    print(f"{len(guards) - wrong} of {len(guards)} guards cannot go without their tests failing")
    return wrong


def survey(guard: dict[str, Any], *, mutated: bool) -> set[str]:
    """The tests of *guard* that pass, with it or without."""
    with tempfile.TemporaryDirectory(prefix="pyoci-mutation-") as directory:
        os.chmod(directory, 0o755)  # noqa: S103 (users without privileges start what is in it)
        tree = Path(directory, "tree")
        for name in _COPIED:
            shutil.copytree(HOME / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "setup.cfg", "Makefile"):
            shutil.copy2(HOME / name, tree)
        if mutated:
            mutate(tree / guard["file"], guard["old"], guard["new"])
        command = str(install(tree, Path(directory, "prefix"), guard["file"]))
        return {test for test in guard["red"] if passes(tree, command, test)}


def mutate(path: Path, old: str, new: str) -> None:
    """Replace *old* in the file at *path*. Raises ValueError unless it is there once."""
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{path} has {text.count(old)} times {old!r}")
    path.write_text(text.replace(old, new))


def install(tree: Path, prefix: Path, changed: str) -> Path:
    """Install *tree*, as a script unless the launcher is *changed*; the command."""
    command = installed.with_script(prefix, tree)
    if changed.startswith("launcher/"):
        subprocess.run([sys.executable, "-m", "launcher.link", command], cwd=tree, check=True)
    return command


def passes(tree: Path, command: str, test: str) -> bool:
    """Whether *test* passes with the installed *command*."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "--no-header", test],
        cwd=tree, env={"PYOCI_STARTS": "40", **os.environ, "PYOCI": command}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode not in {0, _FAILED}:
        raise RuntimeError(f"{test} cannot be run:\n{done.stdout}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
