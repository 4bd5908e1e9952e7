"""process.capabilities: which of root's powers the process keeps (config.md#linux-process, capabilities(7)).

What is unknown, or not ours to give, is left out with a warning. Without the object all sets are left to what
the change of user makes of them. No set is ever more than config.json says: an inheritable set grown on *exec*
was CVE-2022-29162 and CVE-2022-27650.

The grant is worked out before a seccomp filter may forbid looking: ``shrink_bounding_set`` does it, and
``set_all`` needs nothing but capset(2) and prctl(2).
"""

from __future__ import annotations

from pyoci.record import Record
from pyoci.syscalls import capabilities, prctl, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

    Sets = dict[str, frozenset[int]]

SETS = ("bounding", "permitted", "effective", "inheritable", "ambient")
_NUMBERS = {name: number for number, name in enumerate(capabilities.NAMES)}


class Capabilities(Record):
    """The five sets of capabilities(7), by the kernel's names (``CAP_CHOWN``)."""

    effective: tuple[str, ...] = ()
    bounding: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


def shrink_bounding_set(init: Init) -> None:
    """Drop from the bounding set what config.json does not list, while we still may (CAP_SETPCAP)."""
    ours = capabilities.sets(procfs.read(init.proc, "self/status"))
    granted, warnings = grant(init.process.capabilities, ours)
    for warning in warnings:
        init.warn(warning)
    init.prepared["process.capabilities"] = granted
    capabilities.drop_bounding(ours["bounding"] - granted["bounding"])


def keep(init: Init) -> None:  # noqa: ARG001 (a step)
    """Keep the permitted set over the change of user; ``set_all`` ends that."""
    prctl.keep_capabilities(True)


def set_all(init: Init) -> None:
    """Set the effective, permitted, inheritable and ambient sets, as the user."""
    granted = init.prepared["process.capabilities"]
    assert isinstance(granted, dict)
    capabilities.set_all(granted["effective"], granted["permitted"], granted["inheritable"])
    prctl.keep_capabilities(False)
    capabilities.set_ambient(granted["ambient"])


def grant(wanted: Capabilities, ours: Sets) -> tuple[Sets, list[str]]:
    """What can be given of *wanted* by a process that has *ours*, and warnings about the rest.

    A set is bounded as capset(2) and PR_CAP_AMBIENT_RAISE bound it: nothing is gained, effective is within
    permitted, inheritable within what is held or bounded, ambient within permitted and inheritable.
    """
    warnings: list[str] = []
    granted: Sets = {}
    for name in SETS:
        names: tuple[str, ...] = getattr(wanted, name)
        limit = _limit(name, granted, ours)
        granted[name] = frozenset(number for number in map(_number, names) if number in limit)
        if refused := [capability for capability in names if _number(capability) not in limit]:
            warnings.append(f"process.capabilities.{name}: ignoring unknown or unavailable capabilities: "
                            f"[{' '.join(refused)}]")
    return granted, warnings


def _limit(name: str, granted: Sets, ours: Sets) -> frozenset[int]:
    """What the set *name* may hold at most, once the sets before it are granted."""
    if name == "effective":
        return granted["permitted"]
    if name == "inheritable":
        return ours["inheritable"] | (ours["permitted"] & granted["bounding"])
    if name == "ambient":
        return granted["permitted"] & granted["inheritable"]
    return ours[name]


def _number(name: str) -> int:
    return _NUMBERS.get(name, -1)
