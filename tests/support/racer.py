"""A process that keeps exchanging two names, as a hostile container does with a directory and a link."""

from __future__ import annotations

import contextlib
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# renameat2(2) with RENAME_EXCHANGE: at no time is one of the names missing.
_EXCHANGE = """
import ctypes, os, sys
if os.geteuid() == 0:
    os.nice(-10)  # who waits for a processor exchanges nothing
rename = ctypes.CDLL(None, use_errno=True).renameat2
pairs = list(zip(*[(name.encode() for name in sys.argv[1:])] * 2))
if any(rename(-100, one, -100, other, 2) for one, other in pairs):
    sys.exit(f"cannot exchange: errno {ctypes.get_errno()}")
print("exchanging", flush=True)
while True:
    for one, other in pairs:
        rename(-100, one, -100, other, 2)
"""


@contextlib.contextmanager
def exchanging(*pairs: tuple[Path, Path]) -> Iterator[None]:
    """Exchange the two names of each pair, over and over, until the block ends."""
    names = [str(name) for pair in pairs for name in pair]
    racer = subprocess.Popen([sys.executable, "-I", "-S", "-c", _EXCHANGE, *names], stdout=subprocess.PIPE)
    try:
        assert racer.stdout
        assert racer.stdout.readline() == b"exchanging\n"
        yield
        assert racer.poll() is None
    finally:
        racer.kill()
        racer.communicate()
