"""root: the container's root filesystem (config.md#root).

A container may share the runtime's mount namespace (config-linux.md#namespaces). Its tree of mounts is then attached
nowhere: init holds it by a descriptor and changes its root to it, so that nothing is mounted on the host, nothing is
left to unmount, and nothing of the host lies above it. Before Linux 6.15 nothing can be mounted on such a tree.
"""

from __future__ import annotations

import errno
import os

from pyoci.config.linux import rootfs_propagation
from pyoci.errors import ConfigError, StepError
from pyoci.record import Record
from pyoci.syscalls import mount, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


class Root(Record):
    """Where the root filesystem lies, and whether it may be written to."""

    path: str
    readonly: bool = False

    def check(self) -> None:
        """A path is not empty."""
        if not self.path:
            raise ConfigError("must not be empty", "path")

    def absolute(self, bundle: str) -> str:
        """The path on the host. Raises ConfigError unless a directory is there."""
        path = os.path.normpath(os.path.join(bundle, self.path))
        if not os.path.isdir(path):
            kind = "is not a directory" if os.path.lexists(path) else "no such file or directory"
            raise ConfigError(f"invalid rootfs: stat {path}: {kind}", "root.path", file=path)
        return path


def isolate(init: Init) -> None:
    """Let no mount made from here on travel back to the host."""
    if "mnt" in init.private:
        mount.mount(None, "/", None, rootfs_propagation.isolation(init.config.linux.rootfs_propagation))


def bind(init: Init) -> None:
    """Make the root filesystem a mount of its own, as pivot_root(2) demands, private to the container."""
    init.root = _clone(init)
    if "mnt" in init.private:
        _attach(init)
    else:
        _make_sure_it_can_be_mounted_on(init.root)


def _clone(init: Init) -> int:
    try:
        tree = mount.clone(mount.AT_FDCWD, init.rootfs, recursive=True)
    except PermissionError as error:
        raise StepError(
            f'cannot enter the root filesystem "{init.rootfs}": {str(error.strerror).lower()}',
            step="root.bind", field="root.path", file=init.rootfs, errno=error.errno,
            hint="every directory above it must be searchable (o+x) for the user the container's root is mapped to"
            if "user" in init.private else None,
        ) from error
    if "mnt" not in init.private:  # what is isolated else
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH | mount.AT_RECURSIVE, propagation=mount.MS_SLAVE)
    if not init.config.linux.rootfs_propagation.endswith("slave"):  # then it stays the one of the host's mount
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH, propagation=mount.MS_PRIVATE)
    return tree


def _attach(init: Init) -> None:
    """Mount the root filesystem upon itself."""
    target = os.open(init.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    _make_parent_private(init.rootfs)
    mount.attach(init.root, target)
    os.close(target)


def _make_sure_it_can_be_mounted_on(tree: int) -> None:
    """Raise StepError before Linux 6.15, which cannot clone a detached tree either."""
    try:
        os.close(mount.clone(tree, ""))
    except OSError as error:
        raise StepError("a container without a mount namespace needs Linux 6.15", errno=error.errno,
                        field="linux.namespaces", hint="add an entry of type mount") from error


def _make_parent_private(path: str) -> None:
    """Make the mount *path* lies on private: pivot_root(2) refuses a shared one, and nothing may propagate to it."""
    while path:
        try:
            mount.mount_setattr(mount.AT_FDCWD, path, 0, propagation=mount.MS_PRIVATE)
        except OSError as error:
            if error.errno != errno.EINVAL:  # not a mount point: look further up
                raise
            path = os.path.dirname(path) if path != "/" else ""
        else:
            return


def pivot(init: Init) -> None:
    """Make the root filesystem ``/``, and let go of the host's."""
    os.fchdir(init.root)
    if "mnt" not in init.private:
        os.chroot(".")  # noqa: TID251 (nothing lies above it; the descriptor stays open, it is what keeps the tree)
        return
    if init.no_pivot:
        mount.move_mount(init.root, "", mount.AT_FDCWD, "/", mount.MOVE_MOUNT_F_EMPTY_PATH)
        os.chroot(".")  # noqa: TID251 (--no-pivot: on a ramdisk pivot_root fails)
    else:
        old_root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mount.pivot_root(".", ".")  # the old root now lies upon the new one
        os.fchdir(old_root)  # "." would still be the new one
        mount.mount(None, ".", None, mount.MS_SLAVE | mount.MS_REC)  # so that unmounting does not reach the host
        mount.umount2(".", mount.MNT_DETACH)
        os.close(old_root)
    os.chdir("/")
    os.close(init.root)
    init.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def make_readonly(init: Init) -> None:
    """Make the root mount read-only, once mount points and devices are made."""
    if init.config.root.readonly:
        mount.mount_setattr(init.root, "", mount.AT_EMPTY_PATH, attr_set=mount.MOUNT_ATTR_RDONLY)


def open_proc(init: Init) -> None:
    """Get hold of a procfs that the container cannot have tampered with (CVE-2025-52881)."""
    init.proc = procfs.open_private()


def close_proc(init: Init) -> None:
    """Let go of it before we wait: whoever may trace us could take it, and nothing in it is masked."""
    os.close(init.proc)
    init.proc = -1
