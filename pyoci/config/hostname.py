"""hostname: what the container calls itself (config.md#hostname)."""

from __future__ import annotations

import _socket  # socket itself builds enums for 6 ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


def set_name(init: Init) -> None:
    """Set the hostname, in a UTS namespace other than the runtime's only."""
    if init.config.hostname and "uts" in init.private:
        try:
            _socket.sethostname(init.config.hostname)
        except OSError as error:
            error.add_note("sethostname(2)")
            error.filename = init.config.hostname
            raise
