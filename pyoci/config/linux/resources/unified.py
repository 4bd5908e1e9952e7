"""linux.resources.unified: files of cgroup v2 by their names (config-linux.md#unified)."""

from __future__ import annotations

from pyoci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.config.linux.resources import Settings


def unified(files: dict[str, str], version: Callable[[str], int]) -> Settings:
    """The files, line by line: the kernel takes one line of io.max at a time. Raises ConfigError."""
    for name, value in files.items():
        _check(name, version)
        for line in [line for line in value.split("\n") if line] or [""]:
            yield name, line


def _check(name: str, version: Callable[[str], int]) -> None:
    if "/" in name:
        raise ConfigError(f'unified resource "{name}" must be a file name (no slashes)')
    controller, dot, parameter = name.partition(".")
    if not (controller and dot and parameter) or "|" in name or "?" in name:
        raise ConfigError(f'unified resource "{name}" must be in the form CONTROLLER.PARAMETER')
    if version(controller) == 1 or (not version(controller) and not version("cgroup")):
        raise ConfigError(f"invalid configuration: cannot use unified on cgroup v1: {name}")
    if not version(controller):
        raise ConfigError(f'unified resource "{name}" can\'t be set: controller "{controller}" not available')
