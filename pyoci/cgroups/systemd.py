"""cgroups that systemd makes: a scope or a slice for each container (``--systemd-cgroup``; systemd.scope(5)).

A scope begins with a process in it, so it is started around the container's first one, which waits meanwhile
(``adopt``). From then on the directories are used as any others: systemd leaves a delegated unit's files alone, but for
the limits it knows of. Those are told to it as well, for it writes them anew whenever it reloads.
"""

from __future__ import annotations

from pyoci.cgroups import unit_properties
from pyoci.cgroups.cgroup import Cgroup
from pyoci.errors import ConfigError, Ignoring, PyociError, StepError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pyoci.cgroups.bus import Property, Systemd
    from pyoci.cgroups.directory import Undo
    from pyoci.cgroups.legacy import LegacyDirectory
    from pyoci.cgroups.unified import UnifiedDirectory

_ACCOUNTING = ("CPUAccounting", "MemoryAccounting", "TasksAccounting")
_FORM = "slice:prefix:name"


def unit_name(cgroups_path: str | None, container_id: str, *, user: bool) -> tuple[str, str]:
    """Slice and unit that *cgroups_path* means: ``slice:prefix:name``. Raises ConfigError."""
    parent, *others = (cgroups_path or f":pyoci:{container_id}").split(":")
    if len(others) != 2 or not others[1] or "/" in "".join(others):
        raise ConfigError(
            f'expected cgroupsPath to be of format "{_FORM}" for systemd cgroups, got "{cgroups_path}" instead',
            "linux.cgroupsPath",
        )
    prefix, name = others
    unit = name if name.endswith(".slice") else f"{prefix}-{name}.scope".removeprefix("-")
    return parent or ("user.slice" if user else "system.slice"), unit


def unit_path(parent: str, unit: str) -> str:
    """The cgroup of *unit* in the slice *parent*, below the manager's own."""
    return slice_path(unit) if unit.endswith(".slice") else f"{slice_path(parent)}/{unit}"


def slice_path(name: str) -> str:
    """The cgroup of the slice *name*: each dash leads one level down, ``a-b.slice`` lies in ``a.slice``."""
    if name == "-.slice":
        return ""
    words = name.removesuffix(".slice").split("-")
    if not name.endswith(".slice") or "/" in name or "" in words:
        raise ConfigError(f'invalid slice name "{name}"', "linux.cgroupsPath")
    return "".join(f"/{'-'.join(words[: end + 1])}.slice" for end in range(len(words)))


def base(*, user: bool) -> str:
    """The cgroup of the manager itself: that of the system's has no name. Raises Unsupported."""
    if not user:
        return ""
    from pyoci.cgroups.bus import Systemd

    with Systemd(user=True) as systemd:
        return systemd.control_group()


class SystemdCgroup(Cgroup):
    """A cgroup that is a unit of systemd's."""

    def __init__(
        self,
        legacy: Sequence[LegacyDirectory],
        unified: UnifiedDirectory | None,
        unit: Mapping[str, object],
        *,
        rootless: bool = False,
    ) -> None:
        # A user's systemd has no controllers on v1: there he goes without, as with cgroups of his own.
        super().__init__(legacy, unified, rootless=rootless, asked=not rootless)
        self.unit = dict(unit)
        """``name``, ``slice``, ``user``; ``started`` once it is ours."""
        self.properties: list[Property] = []
        """What the unit gets besides, from annotations."""

    @property
    def awaits_process(self) -> bool:
        """Whether it is still to be made."""
        return not self.unit.get("started")

    @property
    def is_unit(self) -> bool:
        """It is."""
        return True

    def state(self) -> dict[str, object]:
        """What to keep as JSON."""
        return {**super().state(), "unit": self.unit}

    def planned(self) -> dict[str, object]:
        """As ``state``: systemd makes it, and removes it when the process it was made around is gone."""
        return self.state()

    def create(self) -> None:
        """Nothing yet; see ``adopt``."""

    def adopt(self, pid: int) -> None:
        """Start the unit with the process *pid* in it. Raises StepError."""
        name = str(self.unit["name"])
        try:
            with self._manager() as systemd:
                systemd.start(name, [*self._first_properties(pid), *self.properties])
        except PyociError as error:
            raise StepError(f'unable to start unit "{name}": {error}') from error
        self.unit["started"] = True
        self._make_missing()  # systemd made the directories of the hierarchies it uses
        self.enter(pid)

    def attach(self, pid: int, sub: Mapping[str, str] | None = None) -> None:
        """Have systemd move *pid* into the unit, or into a cgroup below it. Raises SystemdError."""
        below = self._below(self.unified, sub or {}) if self.unified else ""
        with self._manager() as systemd:
            systemd.attach(str(self.unit["name"]), below, pid)

    def _first_properties(self, pid: int) -> list[Property]:
        name = str(self.unit["name"])
        accounting = (*_ACCOUNTING, "IOAccounting" if self.unified and not self.legacy else "BlockIOAccounting")
        shared: list[Property] = [
            ("Description", ("s", f"pyoci container {name}")),
            ("DefaultDependencies", ("b", False)),
            *[(one, ("b", True)) for one in accounting],
            *self._first_device_policy(),
        ]
        if name.endswith(".slice"):
            return [*shared, ("Wants", ("as", [self.unit["slice"]]))]
        scope: list[Property] = [
            ("Slice", ("s", self.unit["slice"])), ("Delegate", ("b", True)), ("PIDs", ("au", [pid])),
        ]  # fmt: skip
        return [*shared, *scope]

    def _first_device_policy(self) -> list[Property]:
        """A policy, so that systemd counts devices among the unit's controllers from the start, on v1.

        It does not delegate them. Were it told of them later, it would take the controller into use in the slice, move
        all that runs below into the slice's own cgroup, and of a delegated unit move nothing back: no rule would hold.
        """
        return [("DevicePolicy", ("s", "strict"))] if self.version("devices") == 1 else []

    def directory_fd(self, sub: Mapping[str, str] | None = None) -> int:
        """As in Cgroup; -1 as well while there is no directory."""
        return -1 if self.awaits_process else super().directory_fd(sub)

    def tasks(self, sub: Mapping[str, str] | None = None, init_pid: int = 0) -> list[int]:
        """As in Cgroup; none while there are no directories."""
        return [] if self.awaits_process else super().tasks(sub, init_pid)

    def write(self, settings: Iterable[tuple[str, str]], undo: Undo | None = None) -> None:
        """Write everything, for the kernel may refuse it, tell systemd, and write again what it has rounded."""
        pairs = list(settings)
        super().write(pairs, undo)
        before = self._change(lambda version: unit_properties.from_settings(pairs, version), keep=bool(undo))
        if undo:
            undo(self._change, lambda _version: before)
        super().write(pairs)

    def device_rules(self, rules: Sequence[tuple[bool, str, int, int, str]]) -> None:
        """Tell systemd, then apply *rules*."""
        if self.version("devices") == 1:  # it forbids all devices first: meanwhile none may be asked for
            self._standing_still(lambda: self._tell_device_rules(rules, legacy=True))
        else:
            self._tell_device_rules(rules, legacy=False)
        super().device_rules(rules)

    def _tell_device_rules(self, rules: Sequence[tuple[bool, str, int, int, str]], *, legacy: bool) -> None:
        self._change(lambda _version: unit_properties.from_device_rules(rules, legacy=legacy))

    def _change(self, properties: Callable[[int], Iterable[Property]], *, keep: bool = False) -> list[Property]:
        """Set what *properties* gives for the version of systemd; what it had before, if that is to be kept."""
        name = str(self.unit["name"])
        with self._manager() as systemd:
            wanted = list(properties(systemd.version()))
            before = systemd.properties(name, dict(wanted)) if keep and wanted else []
            if wanted:
                systemd.change(name, wanted)
        return before

    def _manager(self) -> Systemd:
        from pyoci.cgroups.bus import Systemd

        return Systemd(user=bool(self.unit["user"]))

    def delete(self, timeout: float = 2.0) -> None:
        """Stop the unit, and remove what it left."""
        if not self.awaits_process:
            gone = (Unsupported,) if self.unit["user"] else ()  # a user's manager has gone with its units
            with Ignoring(*gone), self._manager() as systemd:
                systemd.stop(str(self.unit["name"]))
        super().delete(timeout)
