"""process.selinuxLabel: the SELinux context of the program (config.md#linux-process)."""

from __future__ import annotations

from pyoci.errors import StepError, Unsupported
from pyoci.syscalls import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

FILESYSTEMS = "/proc/filesystems"
_EXEC = "self/attr/exec"


def prepare(init: Init) -> None:
    """Refuse a label where there is no SELinux, before anything is made."""
    if init.process.selinux_label and not is_enabled():
        raise Unsupported("selinux label is specified in config, but selinux is disabled or not supported",
                          field="process.selinuxLabel")


def is_enabled() -> bool:
    """Whether the running kernel has SELinux switched on: only then is selinuxfs registered."""
    with open(FILESYSTEMS, encoding="ascii") as file:
        return any(line.split()[-1:] == ["selinuxfs"] for line in file)


def on_exec(init: Init) -> None:
    """Change to the label at the next execve(2)."""
    label = init.process.selinux_label
    if not label:
        return
    try:
        procfs.write(init.proc, _EXEC, label)
    except OSError as error:
        raise StepError(f"selinux failed to apply label: {str(error.strerror).lower()}", errno=error.errno,
                        field="process.selinuxLabel", file=f"/proc/{_EXEC}",
                        hint=f'is "{label}" valid in the loaded policy?') from error
