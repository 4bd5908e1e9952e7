"""Rules between the sections of config.json (config.md#valid-values).

What concerns one section alone is in that section. Each check raises ConfigError that names the place; they are
pure: what only the host can tell is found out by the steps.
"""

from __future__ import annotations

import sys

from pyoci.errors import ConfigError
from pyoci.record import camel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyoci.config import Config
    from pyoci.config.linux import Linux
    from pyoci.config.linux.id_mappings import IdMapping
    from pyoci.config.process import Process

_IPC_SYSCTLS = frozenset(
    f"kernel.{name}" for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
)


def version(config: Config) -> None:
    """ociVersion is a SemVer 2.0.0 of major 1; a newer minor only adds what is ignored (config.md#extensibility)."""
    given = config.oci_version
    if not _is_semver(given):
        raise ConfigError(f'"{given}" is not a version in the form of SemVer 2.0.0', "ociVersion")
    if not given.startswith("1."):
        raise ConfigError(f"version {given} of the specification is not supported, only 1.x", "ociVersion")


def _is_semver(text: str) -> bool:
    rest, plus, build = text.partition("+")
    core, minus, release = rest.partition("-")
    numbers = core.split(".")
    return (
        text.isascii()
        and len(numbers) == 3
        and all(_is_number(part) for part in numbers)
        and (not minus or all(_is_number(part) if part.isdigit() else _is_word(part) for part in release.split(".")))
        and (not plus or all(_is_word(part) for part in build.split(".")))
    )


def _is_number(text: str) -> bool:
    return text.isdigit() and (text == "0" or text[0] != "0")


def _is_word(text: str) -> bool:
    return text.replace("-", "0").isalnum()


def root_given(config: Config) -> None:
    """On Linux there is a root (config.md#root)."""
    if "root" not in config:
        raise ConfigError("is required", "root")


def annotation_keys(config: Config) -> None:
    """Keys are not empty (config.md#annotations)."""
    if "" in config.annotations:
        raise ConfigError("has an empty key", "annotations")


def namespaces(config: Config) -> None:
    """Each type of namespace is listed once (config-linux.md#configLinuxNamespaces)."""
    types = [entry.type for entry in config.linux.namespaces]
    for place, name in enumerate(types):
        if name in types[:place]:
            raise ConfigError(f'duplicated namespace "{name}"', f"linux.namespaces[{place}].type")


def without_records(config: Config) -> None:
    """The rules of those sections that are maps or plain values, which no Record checks."""
    for name in ("time_offsets", "net_devices", "rootfs_propagation", "sysctl"):
        if value := getattr(config.linux, name):
            module = f"pyoci.config.linux.{name}"
            __import__(module)
            try:
                sys.modules[module].check(value)
            except ConfigError as error:
                raise error.within(f"linux.{camel(name)}")  # noqa: B904 (the same error, grown)


def unified_names(config: Config) -> None:
    """Files of cgroup v2 have names of the right form, whatever controllers there are (config-linux.md#unified)."""
    if "resources" in config.linux and config.linux.resources.unified:
        from pyoci.config.linux.resources import unified

        try:
            list(unified.unified(config.linux.resources.unified, lambda _controller: 2))
        except ConfigError as error:
            raise error.within("linux.resources.unified")  # noqa: B904 (the same error, grown)


def names(config: Config) -> None:
    """A host name or domain name is never set in the host's UTS namespace (config.md#hostname)."""
    for field in ("hostname", "domainname"):
        if getattr(config, field) and "uts" not in _paths(config):
            raise ConfigError(f"unable to set {field} without a private UTS namespace", field)


def id_mappings(config: Config) -> None:
    """Mappings and a user namespace need each other (config-linux.md#configLinuxUserNamespaceMappings)."""
    path = _paths(config).get("user")
    for field, mappings in (("uidMappings", config.linux.uid_mappings), ("gidMappings", config.linux.gid_mappings)):
        if mappings and path is None:
            raise ConfigError(
                "user namespace mappings specified, but user namespace isn't enabled in the config", f"linux.{field}"
            )
        if not mappings and path == "":
            raise ConfigError("is required for a new user namespace", f"linux.{field}")
        _check_ranges(mappings, f"linux.{field}")


def _check_ranges(mappings: Sequence[IdMapping], field: str) -> None:
    """Ranges do not overlap: the kernel would only say EINVAL for the whole map."""
    for side, first in (("containerID", _container_id), ("hostID", _host_id)):
        after = -1
        for place, mapping in sorted(enumerate(mappings), key=lambda entry: first(entry[1])):
            start = first(mapping)
            if start < after:
                raise ConfigError(f"{start} is in the range of another mapping", f"{field}[{place}].{side}")
            after = start + mapping.size


def _container_id(mapping: IdMapping) -> int:
    return mapping.container_id


def _host_id(mapping: IdMapping) -> int:
    return mapping.host_id


def idmapped_mounts(config: Config) -> None:
    """idmap without mappings borrows those of a new user namespace (config.md#posix-platform-mounts)."""
    if _paths(config).get("user") == "":
        return
    for place, mount in enumerate(config.mounts):
        if ("idmap" in mount.options or "ridmap" in mount.options) and not mount.uid_mappings:
            raise ConfigError(
                "idmap needs uidMappings and gidMappings, here or for a new user namespace", f"mounts[{place}].options"
            )


def time_offsets(config: Config) -> None:
    """Only the clocks of a new time namespace can be shifted (config-linux.md#configLinuxTimeOffset)."""
    if config.linux.time_offsets and _paths(config).get("time") != "":
        raise ConfigError(
            "time namespace offsets specified, but time namespace isn't enabled in the config", "linux.timeOffsets"
        )


def net_devices(config: Config) -> None:
    """Interfaces move into a network namespace (config-linux.md#network-devices)."""
    if config.linux.net_devices and "network" not in _paths(config):
        raise ConfigError("unable to move network devices without a private NET namespace", "linux.netDevices")


def sysctl(config: Config) -> None:
    """Each kernel parameter belongs to a namespace of the container's own (config-linux.md#configLinuxSysctl)."""
    for key in config.linux.sysctl:
        if reason := _why_refused(_dotted(key), _paths(config)):
            raise ConfigError(reason, f"linux.sysctl.{key}")


def _dotted(key: str) -> str:
    """*key* with dots between its parts, as sysctl(8) reads it: the first separator tells which one is meant."""
    first = next((letter for letter in key if letter in "./"), ".")
    return key if first == "." else key.translate({ord("/"): ".", ord("."): "/"})


def _why_refused(key: str, private: dict[str, str]) -> str:
    """Why *key* cannot be set, in runc's words, or nothing."""
    if key in _IPC_SYSCTLS or key.startswith("fs.mqueue."):
        return "" if "ipc" in private else f'sysctl "{key}" is not allowed in the hosts ipc namespace'
    if key.startswith("net."):
        return "" if "network" in private else f'sysctl "{key}" is not allowed in the hosts network namespace'
    if key.startswith("user.") and "user" in private:
        return ""
    if key == "kernel.domainname" and "uts" in private:
        return ""
    if key == "kernel.hostname" and "uts" in private:
        return f'sysctl "{key}" is not allowed as it conflicts with the OCI "hostname" field'
    return f'sysctl "{key}" is not in a separate kernel namespace'


def first_process(config: Config) -> None:
    """The rules for the process of config.json, if it has one."""
    if "process" in config:
        try:
            of_process(config.process, config.linux)
        except ConfigError as error:
            raise error.within("process")  # noqa: B904 (the same error, grown)


def of_process(process: Process, linux: Linux) -> None:
    """The rules for a process, the first or one that ``exec`` adds, in the container *linux* describes."""
    types = [rlimit.type for rlimit in process.rlimits]
    for place, name in enumerate(types):
        if name in types[:place]:
            raise ConfigError(f'duplicated rlimit "{name}"', f"rlimits[{place}].type")
    if any(entry.type == "user" and not entry.path for entry in linux.namespaces):
        user = process.user
        _check_mapped([user.uid], linux.uid_mappings, ("user.uid",))
        _check_mapped([user.gid], linux.gid_mappings, ("user.gid",))
        places = [f"user.additionalGids[{place}]" for place in range(len(user.additional_gids))]
        _check_mapped(user.additional_gids, linux.gid_mappings, places)


def _check_mapped(ids: Iterable[int], mappings: Sequence[IdMapping], places: Sequence[str]) -> None:
    for number, place in zip(ids, places, strict=True):
        if not any(0 <= number - mapping.container_id < mapping.size for mapping in mappings):
            raise ConfigError(f"{number} is not mapped into the user namespace", place)


def _paths(config: Config) -> dict[str, str]:
    """The types of namespaces the container does not share with the runtime; "" for a new one, else where it is."""
    return {entry.type: entry.path or "" for entry in config.linux.namespaces}


CHECKS: tuple[Callable[[Config], None], ...] = (
    version,
    root_given,
    annotation_keys,
    without_records,
    unified_names,
    namespaces,
    names,
    id_mappings,
    idmapped_mounts,
    time_offsets,
    net_devices,
    sysctl,
    first_process,
)
