"""linux.sysctl: kernel parameters of the container's namespaces (config-linux.md#sysctl).

Which keys belong to a namespace at all is decided in ``config.checks``.
"""

from __future__ import annotations

from pyoci.errors import ConfigError, StepError
from pyoci.syscalls import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_SWAP = str.maketrans("./", "/.")


def path(key: str) -> str:
    """Where *key* lies below /proc/sys. Raises ConfigError when it would lead elsewhere.

    The first separator tells, as for sysctl(8): after a dot, dots separate and slashes stand for dots in a name
    (``net.ipv4.conf.eth0/100.mtu``); after a slash it is the path itself (``net/ipv4/conf/eth0.100/mtu``).
    """
    first = next((letter for letter in key if letter in "./"), "")
    place = key.translate(_SWAP) if first == "." else key
    if "\0" in place or any(name in ("", ".", "..") for name in place.split("/")):
        raise ConfigError(f'"{key}" is not the name of a sysctl')
    return place


def check(sysctl: dict[str, str]) -> None:
    """Raise ConfigError for keys that are no names of sysctls."""
    for key in sysctl:
        try:
            path(key)
        except ConfigError as error:
            raise error.within(key)  # noqa: B904 (the same error, grown)


def write(init: Init) -> None:
    """Write every parameter, through a procfs the container cannot have tampered with (CVE-2025-52881)."""
    for key, value in init.config.linux.sysctl.items():
        file = f"sys/{path(key)}"
        try:
            procfs.write(init.proc, file, value)
        except OSError as error:
            reason = (error.strerror or "").lower()
            missing = "this kernel has no such parameter, or not one for each container"
            raise StepError(
                f'write sysctl key {key}: cannot set it to "{value}": {reason}',
                field=f"linux.sysctl.{key}", file=f"/proc/{file}", errno=error.errno,
                hint=missing if isinstance(error, FileNotFoundError) else None,
            ) from error
