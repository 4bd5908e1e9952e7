"""What a container takes of the memory it may have."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Series
from benchmarks.runtimes import minimal, new_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.runtimes import Runtime

_PAGE = 4096
_ENOUGH = 64 << 20
_STEP = 32 << 10


def measured(runtimes: Mapping[str, Runtime], place: Path, rounds: int) -> Iterator[Series]:
    """The peak of a whole ``run``, memory charged to a created container, and the least with which ``true`` runs."""
    del rounds
    peak, created, least = [Series(name, "KiB") for name in
                            ("peak memory of run", "memory of a created container", "smallest limit that starts true")]
    bundle = minimal(place / "memory", "/bin/true")
    for name, runtime in runtimes.items():
        peak.add(name, _peak(runtime, bundle) / 1024)
        created.add(name, _created(runtime, bundle) / 1024)
        least.add(name, _smallest(runtime, bundle) / 1024)
    yield from (peak, created, least)


def _directory(pid: int | str) -> Path:
    """The memory cgroup of the process *pid*."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return Path(f"/sys/fs/cgroup/memory{path}")
        if number == "0" and Path(f"/sys/fs/cgroup{path}/memory.current").exists():
            return Path(f"/sys/fs/cgroup{path}")
    raise RuntimeError("there is no memory controller")


def _number(directory: Path, *names: str) -> int:
    """The number in the one of the files *names* that is there."""
    (file,) = [directory / name for name in names if (directory / name).exists()]
    return int(file.read_text())


def _peak(runtime: Runtime, bundle: Path) -> int:
    """What the runtime takes at most, with what the kernel needs for it; the container has a cgroup elsewhere."""
    name = new_name()
    _change(bundle, cgroupsPath=f"/{name}")
    group = _directory("self") / new_name()
    group.mkdir()
    try:
        words = runtime.words("run", "--bundle", bundle, name)
        measure.run(["sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh", *words])
        return _number(group, "memory.max_usage_in_bytes", "memory.peak")
    finally:
        group.rmdir()
        _change(bundle, cgroupsPath=None)


def _created(runtime: Runtime, bundle: Path) -> int:
    name = new_name()
    runtime("create", "--bundle", bundle, name)
    try:
        return _number(_directory(runtime.state(name)["pid"]), "memory.usage_in_bytes", "memory.current")
    finally:
        runtime.remove(name)


def _smallest(runtime: Runtime, bundle: Path) -> int:
    """By halving: the limit a container still starts with, in bytes, within _STEP."""
    low, high = _PAGE, _ENOUGH
    while high - low > _STEP:
        middle = (low + high) // 2 // _PAGE * _PAGE
        if _starts(runtime, bundle, middle):
            high = middle
        else:
            low = middle
    return high


def _starts(runtime: Runtime, bundle: Path, limit: int) -> bool:
    _change(bundle, resources={"memory": {"limit": limit}})
    name = new_name()
    try:
        return runtime("run", "--bundle", bundle, name, check=False).status == 0
    finally:
        runtime.remove(name)
        _change(bundle, resources={})


def _change(bundle: Path, **sections: object) -> None:
    """Put *sections* into the part of config.json that is for Linux; None removes one."""
    config = json.loads((bundle / "config.json").read_text())
    changed = {**config["linux"], **sections}
    config["linux"] = {name: value for name, value in changed.items() if value is not None}
    (bundle / "config.json").write_text(json.dumps(config))
