"""process.noNewPrivileges: no execve(2) may grant what the caller did not have (config.md#linux-process)."""

from __future__ import annotations

from pyoci.syscalls import prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


def set(init: Init) -> None:  # noqa: A001 (no_new_privileges.set)
    """Set the bit, for good."""
    if init.process.no_new_privileges:
        prctl.no_new_privileges()
