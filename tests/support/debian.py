"""A Debian root filesystem, made once per machine by debootstrap and never written to by a test."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

_MIRROR = "http://deb.debian.org/debian"
_SUITE = "bookworm"
_SECONDS = 600


def directory() -> Path:
    """Where trees are kept between runs, outside of the checkout."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return Path(cache) / "pyoci-tests" if cache else Path("/var/cache/pyoci-tests")


def _tree() -> Path:
    return directory() / f"debian-{_SUITE}-{platform.machine()}"


def is_available() -> bool:
    """Whether the tree is there or can be made: root, debootstrap, Debian's keys, and a mirror that answers."""
    if os.geteuid() != 0:
        return False
    if _tree().is_dir():
        return True
    if not shutil.which("debootstrap") or not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        return False
    try:
        with urllib.request.urlopen(f"{_MIRROR}/dists/{_SUITE}/InRelease", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def tree() -> Path:
    """The root filesystem; made by the first who asks, while the others wait."""
    made = _tree()
    made.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (made.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _make(made)
    return made


def _make(path: Path) -> None:
    """Let debootstrap work beside *path*, in mounts of its own, and rename what it made when it is complete."""
    new = path.with_name(f"{path.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    command = ["unshare", "--mount", "debootstrap", "--variant=minbase", _SUITE, str(new), _MIRROR]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    assert finished.returncode == 0, f"{command}\n{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
    new.rename(path)
