"""An Init for the tests of steps: config.json in part, and what the runtime would have filled in."""

from __future__ import annotations

from types import SimpleNamespace

from pyoci.config.linux import Linux
from pyoci.config.mounts import Mount
from pyoci.container.init import Init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def fake_init(
    linux: dict[str, object] | None = None, *, mounts: tuple[dict[str, object], ...] = (), **attributes: Any
) -> Init:
    """An Init of a configuration that has these sections; *attributes* are its own, and the names of the container."""
    config = SimpleNamespace(
        linux=Linux.read(linux or {}),
        mounts=tuple(Mount.read(entry) for entry in mounts),
        hostname=attributes.pop("hostname", ""),
        domainname=attributes.pop("domainname", ""),
    )
    process: Any = SimpleNamespace()
    init = Init("test", config, process, "/")  # type: ignore[arg-type]  # as much of Config as steps look at
    vars(init).update(attributes)
    return init
