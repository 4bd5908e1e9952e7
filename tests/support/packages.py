"""Debian packages to be installed in containers, fetched once per machine by apt-get.

The machine's own apt is not touched: neither lists, archives and locks, nor do the commands of its configuration run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support import debian

_SECONDS = 300
_CONFIGURATION = """\
Dir::Etc::Parts "/dev/null";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "{tree}/etc/apt/sources.list";
Dir::Etc::Trusted "{tree}/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "{tree}/etc/apt/trusted.gpg.d";
Dir::State "{work}/state";
Dir::State::Status "{tree}/var/lib/dpkg/status";
Dir::Cache "{work}/cache";
Dir::Log "{work}/log";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
"""


def are_available() -> bool:
    """Whether some are here, or all can be fetched."""
    return debian.is_available() and (_directory().is_dir() or shutil.which("apt-get") is not None)


def _directory() -> Path:
    return debian.directory() / "packages"


def archives(name: str) -> Path:
    """A directory with the package *name* and what it needs beyond debian.tree(); the first who asks fetches it."""
    tree, found = debian.tree(), _directory() / name
    found.parent.mkdir(exist_ok=True)
    with (found.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.is_dir():
            with tempfile.TemporaryDirectory(dir=found.parent) as work:
                _fetch(name, tree, Path(work)).rename(found)
    return found


def _fetch(name: str, tree: Path, work: Path) -> Path:
    fetched = work / "cache/archives"
    for directory in (work / "state/lists/partial", fetched / "partial"):
        directory.mkdir(parents=True)
    configuration = work / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(tree=tree, work=work))
    for words in (["update"], ["install", "--yes", "--download-only", name]):
        finished = subprocess.run(
            ["apt-get", *words], env={**os.environ, "APT_CONFIG": str(configuration)}, capture_output=True, text=True,
            check=False, timeout=_SECONDS,
        )  # fmt: skip
        assert finished.returncode == 0, f"apt-get {words}\n{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
    shutil.rmtree(fetched / "partial")
    (fetched / "lock").unlink()
    fetched.chmod(0o755)
    return fetched
