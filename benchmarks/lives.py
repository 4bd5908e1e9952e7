"""The commands of a container's life, one after the other: the time of each, and the processor's."""

from __future__ import annotations

from benchmarks.measure import Series, in_turn
from benchmarks.runtimes import minimal, new_name, podmans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.measure import Cost
    from benchmarks.runtimes import Runtime


def measured(runtimes: Mapping[str, Runtime], place: Path, rounds: int) -> Iterator[Series]:
    """The commands with a minimal bundle, and with podman's."""
    for kind, bundle in {"minimal": minimal, "podman's": podmans}.items():
        directory = place / kind.strip("'s")
        bundles = bundle(directory / "short", "/bin/true"), bundle(directory / "long", "sleep", "1000")
        yield from _lives(kind, runtimes, bundles, rounds)


def _lives(kind: str, runtimes: Mapping[str, Runtime], bundles: tuple[Path, Path], rounds: int) -> Iterator[Series]:
    wall: dict[str, Series] = {}
    cpu = Series(f"{kind}: processor time of run")
    for number in range(-1, rounds):
        for name in in_turn(list(runtimes), number):
            for command, cost in _life(runtimes[name], *bundles):
                if number < 0:  # warms up
                    continue
                wall.setdefault(command, Series(f"{kind}: {command}")).add(name, cost.wall * 1000)
                if command == "run":
                    cpu.add(name, cost.cpu * 1000)
    yield from (*wall.values(), cpu)


def _life(runtime: Runtime, short: Path, long: Path) -> Iterator[tuple[str, Cost]]:
    """One container's life, and one that only runs ``true``."""
    name = new_name()
    try:
        yield "run", runtime("run", "--bundle", short, name)
        yield "create", runtime("create", "--bundle", long, name)
        yield "start", runtime("start", name)
        yield "state", runtime("state", name)
        yield "exec", runtime("exec", name, "true")
        yield "kill", runtime("kill", name, "KILL")
        runtime.wait_until_stopped(name)
        yield "delete", runtime("delete", name)
    finally:
        runtime.remove(name)
