"""linux.intelRdt: shares of cache and memory bandwidth, by the kernel's resctrl (config-linux.md#intelrdt).

A class of service (CLOS) is a directory of the resctrl filesystem. What follows runs in the runtime.
"""

from __future__ import annotations

import errno
import os

from pyoci.errors import ConfigError, PyociError, StepError, Unsupported
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class State(TypedDict):
        """What has to be remembered until the container is deleted."""

        path: str
        """Directory of the CLOS."""
        mon_path: str
        """Directory of the monitoring group, or nothing."""
        remove: bool
        """Whether the CLOS goes with the container."""


class IntelRdt(Record):
    """A CLOS, by name or the container's own, its schemata, and whether the container gets a monitoring group."""

    clos_id: str = ""
    l3_cache_schema: str = ""
    mem_bw_schema: str = ""
    schemata: tuple[str, ...] = ()
    enable_monitoring: bool = False

    def check(self) -> None:
        """The CLOS is ``/`` or one name; a schema is one line, that of memory bandwidth starts with ``MB:``."""
        if self.clos_id != "/" and (self.clos_id in {".", ".."} or "/" in self.clos_id):
            raise ConfigError(f'"{self.clos_id}" is neither "/" nor the name of a directory', "closID")
        if self.mem_bw_schema and not self.mem_bw_schema.startswith("MB:"):
            raise ConfigError(f'"{self.mem_bw_schema}" does not start with "MB:"', "memBwSchema")
        if "\n" in self.mem_bw_schema:
            raise ConfigError("must not contain a newline", "memBwSchema")
        for place, schema in enumerate(self.schemata):
            if "\n" in schema:
                raise ConfigError("must not contain a newline", f"schemata[{place}]")

    @property
    def lines(self) -> list[str]:
        """The schemata in the order in which they are written."""
        text = "\n".join([self.l3_cache_schema, self.mem_bw_schema, *self.schemata])
        return [line for line in text.split("\n") if line]


def find(mountinfo: str = "/proc/self/mountinfo") -> str:
    """Where resctrl is mounted. Raises Unsupported when it is not."""
    with open(mountinfo, "rb", buffering=0) as file:
        for line in file.readall().decode(errors="surrogateescape").split("\n"):
            place, _, kind = line.partition(" - ")
            if kind.startswith("resctrl "):
                return place.split()[4]
    raise Unsupported("Intel RDT is not available: no resctrl filesystem is mounted", field="linux.intelRdt",
                      hint="mount -t resctrl resctrl /sys/fs/resctrl, on a processor that has it")


def create(container_id: str, intel_rdt: IntelRdt, mount_point: str = "") -> State:
    """Make or check the CLOS, and the monitoring group in it; what was made is removed when something fails.

    Raises StepError, and Unsupported without resctrl.
    """
    mount_point = mount_point or find()
    path = _place(container_id, intel_rdt, mount_point)
    made = _make(path, intel_rdt)
    try:
        if intel_rdt.lines and (made or not intel_rdt.clos_id):
            _write_schemata(path, intel_rdt.lines, mount_point)
        mon_path = _make_monitoring_group(path, container_id) if intel_rdt.enable_monitoring else ""
    except PyociError:
        if made:
            os.rmdir(path)
        raise
    return {"path": path, "mon_path": mon_path, "remove": made and not intel_rdt.clos_id}


def planned(container_id: str, intel_rdt: IntelRdt, mount_point: str = "") -> State:
    """What ``create`` is going to make, for ``delete``, should nobody be there to note what was made."""
    path = _place(container_id, intel_rdt, mount_point or find())
    mon_path = f"{path}/mon_groups/{container_id}" if intel_rdt.enable_monitoring else ""
    return {"path": path, "mon_path": mon_path, "remove": not intel_rdt.clos_id and not os.path.exists(path)}


def _place(container_id: str, intel_rdt: IntelRdt, mount_point: str) -> str:
    """The directory of the CLOS."""
    return mount_point if intel_rdt.clos_id == "/" else f"{mount_point}/{intel_rdt.clos_id or container_id}"


def _make(path: str, intel_rdt: IntelRdt) -> bool:
    """Whether the CLOS was made; one that is there already, and shared, must have the schemata wanted."""
    if intel_rdt.clos_id and not intel_rdt.lines:
        if not os.path.isdir(path):
            raise StepError(f'the CLOS "{intel_rdt.clos_id}" does not exist and no schema says what it should be',
                            field="linux.intelRdt.closID", file=path)
        return False
    try:
        os.mkdir(path)
    except FileExistsError:
        if intel_rdt.clos_id:
            _compare(path, intel_rdt.lines)
        return False
    except OSError as error:
        full = "all classes of service are in use" if error.errno == errno.ENOSPC else None
        raise _failure("make the CLOS", path, error, full) from error
    return True


def _compare(path: str, lines: list[str]) -> None:
    """Raise StepError unless the schemata of the CLOS at *path* are those wanted, as far as these go."""
    with open(f"{path}/schemata", "rb", buffering=0) as file:
        existing = _parsed(file.readall().decode().splitlines())
    for resource, wanted in _parsed(lines).items():
        for domain, value in wanted.items():
            found = existing.get(resource, {}).get(domain, "nothing")
            if found != value:
                raise StepError(f"{path} has {resource}:{domain}={found}, wanted is {value}",
                                field="linux.intelRdt", file=f"{path}/schemata",
                                hint="an existing CLOS is not changed: it may be shared")


def _parsed(lines: list[str]) -> dict[str, dict[str, str]]:
    """``L3:0=00f;1=f`` as {"L3": {"0": "f", "1": "f"}}: the kernel pads values with zeros."""
    parsed: dict[str, dict[str, str]] = {}
    for line in lines:
        resource, _, domains = line.partition(":")
        values = parsed.setdefault(resource.strip(), {})
        for part in domains.split(";"):
            domain, _, value = part.partition("=")
            values[domain.strip()] = value.strip().lower().lstrip("0") or "0"
    return parsed


def _write_schemata(path: str, lines: list[str], mount_point: str) -> None:
    """Write all schemata at once: the kernel takes all of them or none, and says why in last_cmd_status."""
    try:
        _write(f"{path}/schemata", "".join([line + "\n" for line in lines]))
    except OSError as error:
        try:
            with open(f"{mount_point}/info/last_cmd_status", "rb", buffering=0) as file:
                status = file.readall().decode().strip()
        except OSError:
            status = ""
        raise _failure(f"write {'; '.join(lines)}", f"{path}/schemata", error, status) from error


def _make_monitoring_group(path: str, container_id: str) -> str:
    mon_path = f"{path}/mon_groups/{container_id}"
    try:
        os.mkdir(mon_path)
    except OSError as error:
        full = "all monitoring ids are in use" if error.errno == errno.ENOSPC else None
        raise _failure("make the monitoring group", mon_path, error, full) from error
    return mon_path


def add(state: State, pid: int) -> None:
    """Put process *pid* into the CLOS and the monitoring group; its later children follow. Raises StepError."""
    for path in (state["path"], state["mon_path"]):
        if path:
            try:
                _write(f"{path}/tasks", f"{pid}\n")
            except OSError as error:
                raise _failure(f"add process {pid}", f"{path}/tasks", error) from error


def check_change(state: State | None, l3_cache_schema: str, mem_bw_schema: str, mount_point: str = "") -> None:
    """Raise Unsupported, in runc's words, unless the schemata of a container with *state* can be set to these."""
    for schema, directory, text in (
        (l3_cache_schema, "L3", "Intel RDT/CAT: l3 cache schema is not enabled"),
        (mem_bw_schema, "MB", "Intel RDT/MBA: memory bandwidth schema is not enabled"),
    ):
        if schema and not os.path.isdir(f"{mount_point or _mount_point()}/info/{directory}"):
            raise Unsupported(text, field="linux.intelRdt")
    if state is None and (l3_cache_schema or mem_bw_schema):
        raise Unsupported("updating a non-existent Intel RDT configuration is not supported", field="linux.intelRdt",
                          hint="processes that run already would stay outside: give intelRdt at create")


def _mount_point() -> str:
    """As ``find``, empty where there is none."""
    try:
        return find()
    except Unsupported:
        return ""


def change(state: State, lines: list[str], mount_point: str = "") -> list[str]:
    """Set the schemata of the container's CLOS; what they were, in the same form. Raises StepError."""
    with open(f"{state['path']}/schemata", "rb", buffering=0) as file:
        present = [line.strip() for line in file.readall().decode().splitlines()]
    _write_schemata(state["path"], lines, mount_point or find())
    wanted = _parsed(lines)
    return [line for line in present if line.partition(":")[0] in wanted]


def delete(state: State) -> None:
    """Remove what belongs to the container alone: the monitoring group, and a CLOS that config.json did not name."""
    for path in (state["mon_path"], state["path"] if state["remove"] else ""):
        if path:
            try:
                os.rmdir(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise _failure("remove", path, error) from error


def _write(path: str, text: str) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(text.encode())


def _failure(what: str, path: str, error: OSError, hint: str | None = None) -> StepError:
    return StepError(f"Intel RDT: cannot {what}: {path}: {(error.strerror or '').lower()}", field="linux.intelRdt",
                     file=path, errno=error.errno, hint=hint or None)
