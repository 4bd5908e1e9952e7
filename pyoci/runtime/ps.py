"""The processes of a container."""

from __future__ import annotations

from pyoci.container import processes
from pyoci.container.store import Store
from pyoci.errors import PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# Engines call with an empty environment; and nobody chooses by PATH what runs as root.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def pids(root: str, container_id: str) -> list[int]:
    """The process ids of everything that runs in the container, as the runtime sees them, sorted.

    Raises ContainerNotFound.
    """
    return processes.of(Store(root).load(container_id))


def table(root: str, container_id: str, options: Sequence[str] = ()) -> str:
    """What the host's ps prints with *options* (``-ef``) about the processes of the container.

    Raises ContainerNotFound, and PyociError when ps fails or prints no process ids.
    """
    return _only(pids(root, container_id), _host_processes(options or ("-ef",)))


def _host_processes(options: Sequence[str]) -> str:
    """What ps prints with *options*. Raises PyociError."""
    import os
    import subprocess

    command = ["ps", *options]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, env={**os.environ, "PATH": _PATH}, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise PyociError(f"cannot run ps: {error.strerror}", hint="--format json does not need it") from error
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise PyociError(f"{' '.join(command)}: exit status {done.returncode}: {reason}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _only(pids: Collection[int], listing: str) -> str:
    """The heading of ps's *listing*, and the lines of *pids*. Raises PyociError."""
    heading, *lines = listing.split("\n")
    columns = heading.split()
    if "PID" not in columns:
        raise PyociError("couldn't find PID field in ps output")
    column = columns.index("PID")
    wanted = {str(pid) for pid in pids}
    kept = [line for line in lines if not wanted.isdisjoint(line.split()[column : column + 1])]
    return "".join(f"{line}\n" for line in (heading, *kept))
