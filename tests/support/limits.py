"""What the kernel's files say of a container's limits, in whichever hierarchy they are."""

from __future__ import annotations

from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOUNT_POINT = Path("/sys/fs/cgroup")


def places(pid: int | str = "self") -> dict[str, str]:
    """The cgroup of a process by controller; that of v2 has the empty name, those without one are ``name=…``."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}


def group(pid: int | str) -> str:
    """The cgroup of a process; where there are several hierarchies, that in which memory is limited."""
    found = places(pid)
    return found["memory" if "memory" in found else ""]


def _directories(pid: int | str, controller: str) -> Iterator[Path]:
    found = places(pid)
    if controller in found:
        yield MOUNT_POINT / controller / found[controller].lstrip("/")
    if "" in found:
        yield MOUNT_POINT / ("" if set(found) == {""} else "unified") / found[""].lstrip("/")


def directory(pid: int | str, controller: str) -> Path:
    """The cgroup of a process where *controller* is."""
    return next(_directories(pid, controller))


def control_file(pid: int | str, name: str) -> Path | None:
    """The file *name* in the cgroup of a process; None when no hierarchy has it."""
    files = (directory / name for directory in _directories(pid, name.partition(".")[0]))
    return next((file for file in files if file.exists()), None)


def limit(pid: int | str, name: str) -> str:
    """What the file *name* says. Raises AssertionError when there is none."""
    file = control_file(pid, name)
    assert file, f"no {name} for process {pid}"
    return file.read_text().strip()


def files(memory: int, cpus: float, pids: int | None = None) -> dict[str, str]:
    """What files of v1 and v2 say where *memory* MiB and so many *cpus* and *pids* are allowed; for assert_limits."""
    size, quota = str(memory << 20), int(cpus * 100_000)
    found = {
        "memory.limit_in_bytes": size, "memory.max": size, "cpu.cfs_quota_us": str(quota), "cpu.max": f"{quota} 100000",
    }  # fmt: skip
    return found if pids is None else {**found, "pids.max": str(pids)}


def assert_limits(pid: int | str, expected: dict[str, str]) -> None:
    """Compare all files of *expected* that the host has; it names those of v1 and of v2, of which one is there."""
    files = {name: file for name in expected if (file := control_file(pid, name))}
    assert files, f"none of {', '.join(expected)}"
    found = {name: file.read_text().strip() for name, file in files.items()}
    wanted = {name: expected[name] for name in files}
    assert found == wanted, f"{found} instead of {wanted}"
