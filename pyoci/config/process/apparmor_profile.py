"""process.apparmorProfile: the AppArmor profile of the program (config.md#linux-process)."""

from __future__ import annotations

from pyoci.errors import StepError
from pyoci.syscalls import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_STACKED = "self/attr/apparmor/exec"  # since Linux 5.8, its own file beside those of other security modules
_SHARED = "self/attr/exec"


def on_exec(init: Init) -> None:
    """Change to the profile at the next execve(2)."""
    profile = init.process.apparmor_profile
    if not profile:
        return
    try:
        try:
            procfs.write(init.proc, _STACKED, f"exec {profile}")
        except FileNotFoundError:
            procfs.write(init.proc, _SHARED, f"exec {profile}")
    except OSError as error:
        raise StepError(f"apparmor failed to apply profile: {str(error.strerror).lower()}", errno=error.errno,
                        field="process.apparmorProfile", file=f"/proc/{error.filename or _SHARED}",
                        hint=f'is AppArmor enabled and the profile "{profile}" loaded?') from error
