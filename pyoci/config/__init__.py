"""config.json as a tree of records: ``config.linux.resources.cpu`` is ``pyoci/config/linux/resources/cpu.py``.

The module of a section holds its fields, its own checks and the steps that make it true. Rules between
sections are in ``checks``; ``schema`` explains at length what the reader here rejects.
"""

from __future__ import annotations

import os

from pyoci import json_text
from pyoci.errors import BundleError, ConfigError
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.config import hooks, linux, mounts, process, root

FILE = "config.json"
EMPTY: dict[str, str] = {}


class Config(Record):
    """The whole of config.json (config.md). A runtime reads what concerns Linux and ignores the rest."""

    oci_version: str
    root: root.Root
    mounts: tuple[mounts.Mount, ...] = ()
    process: process.Process
    hostname: str = ""
    domainname: str = ""
    hooks: hooks.Hooks
    annotations: dict[str, str] = EMPTY
    linux: linux.Linux

    def check(self) -> None:
        """Apply the rules between sections."""
        from pyoci.config import checks

        for check in checks.CHECKS:
            check(self)


def load(text: bytes, name: str = FILE) -> Config:
    """The configuration in *text*. Raises BundleError when it is no JSON, ConfigError when it asks for nonsense."""
    try:
        value = json_text.loads(text)
    except ValueError as error:
        raise BundleError(f"{name} is not JSON: {error}", file=name) from None
    try:
        config = Config.read(value)
    except ConfigError as error:
        raise explain(error, value, name) from error
    return _translated(config, value)


def _translated(config: Config, value: Any) -> Config:
    """*config*, read from *value*, in the words of today's specification.

    Before 1.3 a limit of 0 processes was none, and podman before 5.5 says so when it is asked for no limit.
    """
    if "linux" not in config or "resources" not in config.linux or "pids" not in config.linux.resources:
        return config
    if config.linux.resources.pids.limit != 0 or int(config.oci_version.split(".")[1]) >= 3:
        return config
    value["linux"]["resources"]["pids"]["limit"] = -1
    return Config.read(value)


def explain(error: ConfigError, value: object, name: str) -> ConfigError:
    """The same mistake, with all the others the schema finds."""
    from pyoci.config import schema

    others = [f"{path}: {message}" for path, message in schema.explain(value) if path != error.field]
    place = f"{name}: {error.field or 'document'}: {error.reason}"
    complete = ConfigError("; ".join([place, *others]))
    complete.details.update(error.details, field=error.field)
    return complete


def read(bundle: str, name: str = FILE) -> bytes:
    """The text of config.json in *bundle*. Raises BundleError."""
    path = name if name.startswith("/") else f"{bundle}/{name}"
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except FileNotFoundError:
        if not os.path.isdir(bundle):
            raise BundleError(f"the bundle {bundle}: no such file or directory", file=bundle) from None
        raise BundleError(f"JSON specification file {name} not found", file=path) from None
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}", file=path, errno=error.errno) from error
