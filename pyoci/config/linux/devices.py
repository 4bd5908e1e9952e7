"""linux.devices: nodes the container gets besides the default ones (config-linux.md#devices).

mknod(2) needs a privilege on the host that no user namespace gives. There, and where it is refused otherwise, the
host's own node is bound to the place; owner and mode are then the host's.
"""

from __future__ import annotations

import errno
import os
import stat

from pyoci.errors import ConfigError
from pyoci.record import Record, int64, uint32
from pyoci.syscalls import files, mount
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_TYPE_BITS = 0o170000
_NODE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Device(Record):
    """One node: c and u are character devices, b is a block device, p a named pipe."""

    type: str
    path: str
    major: int64 = 0
    minor: int64 = 0
    file_mode: uint32 = 0o666
    uid: uint32 = 0
    gid: uint32 = 0

    def check(self) -> None:
        """The type is known, the path absolute, devices have numbers, and the mode has permission bits only."""
        if self.type not in _KINDS:
            raise ConfigError(f'invalid device type "{self.type}": it is one of {", ".join(_KINDS)}', "type")
        if not self.path.startswith("/") or os.path.basename(self.path) in ("", ".", ".."):
            raise ConfigError(f'"{self.path}" is not the absolute path of a file', "path")
        for name in ("major", "minor"):
            if self.type != "p" and name not in self:
                raise ConfigError("is required", name)
            if not 0 <= getattr(self, name) < 2**32:
                raise ConfigError(f"{getattr(self, name)} is no device number", name)
        if self.permissions > 0o777:
            raise ConfigError(f"{self.file_mode} has other bits than those of permissions (0 to 511)", "fileMode")

    @property
    def permissions(self) -> int:
        """The mode without the bits of the type, which engines copy from stat(2)."""
        return self.file_mode & ~_TYPE_BITS

    @property
    def number(self) -> int:
        """What st_rdev says of it."""
        return 0 if self.type == "p" else os.makedev(self.major, self.minor)

    def matches(self, found: os.stat_result) -> bool:
        """Whether a node of that status is this device."""
        return (stat.S_IFMT(found.st_mode), found.st_rdev) == (_KINDS[self.type], self.number)


def create(init: Init) -> None:
    """Make every node, inside the root and by descriptor, but /dev/ptmx: that is a link, which default_devices makes.

    The host's, which podman lists with all others of a privileged container, allocates terminals of the host.
    """
    for device in init.config.linux.devices:
        if os.path.normpath(device.path) != "/dev/ptmx" and not is_provided(init, device.path):
            make(init, device)


def is_provided(init: Init, path: str) -> bool:
    """Whether *path* lies in a /dev that config.json binds from elsewhere, where nothing may be made (as for runc)."""
    return path.startswith("/dev/") and any(
        "/" + os.path.normpath(entry.destination).lstrip("/") == "/dev" and entry.parsed().is_bind
        for entry in init.config.mounts
    )


def make(init: Init, device: Device) -> None:
    """Make the node of *device*; one that is there already is fine when it is the same device.

    Raises FileExistsError when something else is there.
    """
    with Fd((parent := files.parent(init.root, device.path))[0]) as directory:
        name, place = parent[1], directory.fileno()
        if device.type != "p" and "user" in init.private:
            _bind(device, name, place)
            return
        try:
            os.mknod(name, _KINDS[device.type] | device.permissions, device.number, dir_fd=place)
        except FileExistsError:
            _settle(device, name, place, made=False)
        except PermissionError:
            _bind(device, name, place)
        else:
            _settle(device, name, place, made=True)


def _settle(device: Device, name: str, directory: int, *, made: bool) -> None:
    """Give the node its mode, whatever the umask, and its owner; one found there, as far as config.json says them.

    The way through /proc/self/fd, still the host's, cannot be led to another file as the name can.
    """
    with Fd(os.open(name, _NODE, dir_fd=directory)) as node:
        found = os.fstat(node.fileno())
        if not device.matches(found):
            raise _another(device, found)
        uid, gid, mode = (
            getattr(device, key) if made or key in device else now
            for key, now in (("uid", found.st_uid), ("gid", found.st_gid), ("file_mode", found.st_mode))
        )
        if (uid, gid) != (found.st_uid, found.st_gid):
            os.chown(f"/proc/self/fd/{node.fileno()}", uid, gid)
        if stat.S_IMODE(found.st_mode) != mode & ~_TYPE_BITS:
            os.chmod(f"/proc/self/fd/{node.fileno()}", mode & ~_TYPE_BITS)


def _another(device: Device, found: os.stat_result) -> OSError:
    kind = stat.filemode(found.st_mode)[0]
    numbers = f" {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if found.st_rdev else ""
    wanted = f"{device.type} {device.major}:{device.minor}" if device.type != "p" else "p"
    return FileExistsError(errno.EEXIST, f"something else is there: {kind}{numbers}, wanted is {wanted}", device.path)


def _bind(device: Device, name: str, directory: int) -> None:
    """Bind the host's node to *name*, an empty file made for it; images made without privileges have one there."""
    try:
        os.mknod(name, stat.S_IFREG | 0o666, dir_fd=directory)
    except FileExistsError:
        pass
    with Fd(os.open(name, _NODE, dir_fd=directory)) as target:
        found = os.fstat(target.fileno())
        if device.matches(found):
            return
        if not stat.S_ISREG(found.st_mode) or found.st_size:
            raise _another(device, found)
        with Fd(_open_of_host(device)) as node:
            mount.mount_setattr(node.fileno(), "", mount.AT_EMPTY_PATH, propagation=mount.MS_PRIVATE)
            mount.attach(node.fileno(), target.fileno())


def _open_of_host(device: Device) -> int:
    """A detached mount of the host's node of *device*, by the same path or by what the kernel calls it.

    Before the pivot the host's files are still at hand.
    """
    for path in (device.path, *_kernel_name(device)):
        try:
            node = mount.clone(mount.AT_FDCWD, path)
        except FileNotFoundError:
            continue
        if device.matches(os.fstat(node)):
            return node
        os.close(node)
    numbers = f"{device.type} {device.major}:{device.minor}"
    raise OSError(errno.ENODEV, f"the host has no node {numbers} to bind", device.path)


def _kernel_name(device: Device) -> list[str]:
    """The path below /dev that the kernel proposes for the device."""
    kind = "block" if device.type == "b" else "char"
    try:
        with open(f"/sys/dev/{kind}/{device.major}:{device.minor}/uevent", "rb", buffering=0) as file:
            lines = file.readall().decode().splitlines()
    except OSError:
        return []
    return [f"/dev/{line[len('DEVNAME='):]}" for line in lines if line.startswith("DEVNAME=")]
