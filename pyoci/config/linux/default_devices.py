"""The devices every container has, listed or not (config-linux.md#default-devices).

All of it happens inside the root: a /dev that the image has as a symlink leads nowhere else (CVE-2026-41579).
"""

from __future__ import annotations

import os

from pyoci.config.linux import devices
from pyoci.config.linux.devices import Device
from pyoci.syscalls import files
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

DEVICES = tuple(
    Device(type="c", path=f"/dev/{name}", major=major, minor=minor)
    for name, major, minor in (
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    )
)  # fmt: skip
LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
_PTMX = "pts/ptmx"


def create(init: Init) -> None:
    """Make the nodes that config.json does not describe itself."""
    described = {os.path.normpath(device.path) for device in init.config.linux.devices}
    for device in DEVICES:
        if device.path not in described and not devices.is_provided(init, device.path):
            devices.make(init, device)


def link(init: Init) -> None:
    """Make /dev/ptmx that of the container's own devpts, and the links to the standard streams and to kcore."""
    if devices.is_provided(init, "/dev/ptmx"):
        return
    with Fd(files.make_directory(init.root, "/dev")) as directory:
        _remove_other_ptmx(directory.fileno())
        links = [("ptmx", _PTMX), *LINKS, *([("core", "/proc/kcore")] if _has_kcore(init.root) else [])]
        for name, target in links:
            try:
                os.symlink(target, name, dir_fd=directory.fileno())
            except FileExistsError:  # the image or a mount has its own
                pass


def _remove_other_ptmx(directory: int) -> None:
    """Remove a /dev/ptmx of the image: a node would allocate terminals of the host's devpts."""
    try:
        if os.readlink("ptmx", dir_fd=directory) == _PTMX:
            return
    except FileNotFoundError:
        return
    except OSError:  # EINVAL: no symlink
        pass
    os.unlink("ptmx", dir_fd=directory)


def _has_kcore(root: int) -> bool:
    try:
        os.close(files.open_in_root(root, "/proc/kcore", os.O_PATH))
    except OSError:
        return False
    return True
