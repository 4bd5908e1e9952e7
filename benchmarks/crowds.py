"""Many containers at once, and a host that has many already."""

from __future__ import annotations

import ctypes
import os

from benchmarks import measure
from benchmarks.measure import Series, in_turn
from benchmarks.runtimes import minimal, new_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.runtimes import Runtime

_libc = ctypes.CDLL(None, use_errno=True)
_AT_ONCE = (1, 10, 50)
_CONTAINERS, _MOUNTS = 1000, 5000
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 1 << 12, 1 << 14, 1 << 18


def measured(runtimes: Mapping[str, Runtime], place: Path, rounds: int) -> Iterator[Series]:
    """Containers at once; then ``state``, ``list`` and ``run`` on a host with many containers and mounts."""
    bundle = minimal(place / "crowd", "/bin/true")
    for count in _AT_ONCE:
        series = Series(f"{count} × run at once")
        for number in range(max(3, rounds // 10)):
            for name in in_turn(list(runtimes), number):
                commands = [runtimes[name].words("run", "--bundle", bundle, new_name()) for _ in range(count)]
                series.add(name, measure.at_once(commands) * 1000)
        yield series
    kept = {name: _fill(runtime, bundle) for name, runtime in runtimes.items()}
    ours = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    try:
        _mount_many(place / "mounts")
        yield from _on_a_full_host(runtimes, bundle, {name: names[0] for name, names in kept.items()}, rounds)
    finally:
        _libc.setns(ours, _CLONE_NEWNS)  # some take long among many mounts
        for name, names in kept.items():
            for container in names:
                runtimes[name].remove(container)


def _fill(runtime: Runtime, bundle: Path) -> list[str]:
    """Containers that have stopped and are still remembered."""
    names = [new_name() for _ in range(_CONTAINERS)]
    for name in names:
        runtime("create", "--bundle", bundle, name)
        runtime("kill", name, "KILL")
    return names


def _mount_many(directory: Path) -> None:
    """Mounts in a mount namespace of our own, which the runtimes inherit."""
    directory.mkdir()
    path = os.fsencode(directory)
    if _libc.unshare(_CLONE_NEWNS) or _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mount namespace")
    for _ in range(_MOUNTS):
        if _libc.mount(path, path, None, _MS_BIND, None):
            raise OSError(ctypes.get_errno(), "mount")


def _on_a_full_host(
    runtimes: Mapping[str, Runtime], bundle: Path, one: Mapping[str, str], rounds: int
) -> Iterator[Series]:
    full = f"with {_CONTAINERS} containers and {_MOUNTS} mounts"
    series = {command: Series(f"{command} {full}") for command in ("state", "list", "run")}
    for number in range(max(3, rounds // 4)):
        for name in in_turn(list(runtimes), number):
            words = {"state": ("state", one[name]), "list": ("list",), "run": ("run", "--bundle", bundle, new_name())}
            for command, rest in words.items():
                series[command].add(name, runtimes[name](*rest).wall * 1000)
    yield from series.values()
