"""What resctrl counts for a container with linux.intelRdt, in the words of runc's ``events``.

Documentation/filesystems/resctrl.rst says what the files are.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.linux.intel_rdt import State

    Json = dict[str, object]

# The resource, as in schemata and below info; runc's keys, and the files of the second.
_RESOURCES = (
    ("L3", "l3_cache_schema", "l3_cache_info", ("cbm_mask", "min_cbm_bits", "num_closids")),
    ("MB", "mem_bw_schema", "mem_bw_info", ("bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids")),
)
_COUNTERS = (("mbm_stats", ("mbm_total_bytes", "mbm_local_bytes")), ("cmt_stats", ("llc_occupancy",)))


def of(state: State, mount_point: str) -> Json:
    """The limits that are there, the container's own, and per cache its counters in bytes."""
    found: Json = {}
    for resource, schema, info, files in _RESOURCES:
        if os.path.isdir(f"{mount_point}/info/{resource}"):
            found[info] = _present({name: _value(f"{mount_point}/info/{resource}/{name}") for name in files})
            found[f"{schema}_root"] = _line(mount_point, resource)
            found[schema] = _line(state["path"], resource)
    nodes = _nodes(state["mon_path"] or state["path"])
    for key, counters_of in _COUNTERS:
        counters = [_present({name: _value(f"{node}/{name}") for name in counters_of}) for node in nodes]
        found[key] = [counter for counter in counters if counter]
    return _present(found)


def _present(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in ("", [], None)}


def _value(path: str) -> int | str | None:
    """What a file says: a number, or for a mask a text; None when there is no such file, or no number in it yet."""
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.readall().decode().strip()
    except OSError:
        return None
    if path.endswith("_mask"):
        return text
    return int(text) if text.isdecimal() else None


def _line(path: str, resource: str) -> str:
    """What the schemata at *path* say of *resource*."""
    with open(f"{path}/schemata", "rb", buffering=0) as file:
        lines = [line.strip() for line in file.readall().decode().splitlines()]
    return next((line for line in lines if line.startswith(f"{resource}:")), "")


def _nodes(path: str) -> list[str]:
    """The directories with counters, one for each cache, in order."""
    try:
        return sorted(f"{path}/mon_data/{name}" for name in os.listdir(f"{path}/mon_data") if "L3" in name)
    except FileNotFoundError:  # a processor that does not count
        return []
