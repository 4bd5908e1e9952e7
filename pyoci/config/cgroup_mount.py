"""mounts[] of type cgroup: the container's own cgroups, and no others (config.md#mounts).

On v2 that is one directory. On v1 it is a tmpfs with a directory for each hierarchy and links for controllers
that share one. Binding the container's own directory shows the same as mounting inside its cgroup namespace
would, and does so as well where there is none (CVE-2023-25809: nothing above it can be reached or written).
"""

from __future__ import annotations

import os

from pyoci.config import mounts
from pyoci.syscalls import files, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config.mount_options import Options
    from pyoci.container.init import Init


def mount_at(entry: mounts.Mount, options: Options, init: Init) -> None:
    """Mount what ``init.cgroup_mounts`` names at the destination of *entry*."""
    hierarchies = init.cgroup_mounts()
    target = mounts.open_target(entry, init)
    if len(hierarchies) == 1 and not hierarchies[0][0]:
        mounts.attach(_clone(hierarchies[0][1]), target, options)
        return
    tree = mount.new_filesystem("tmpfs", "cgroup", [("mode", "755")])
    for name, _, links in hierarchies:
        os.mkdir(name, 0o755, dir_fd=tree)
        for link in links:
            os.symlink(name, link, dir_fd=tree)
    mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH, attr_set=options.attr_set, attr_clr=options.attr_clr)
    mount.attach(tree, target)
    for name, directory, _ in hierarchies:
        if directory:
            _bind(name, directory, tree, options)
    os.close(tree)
    os.close(target)


def _bind(name: str, directory: str, tree: int, options: Options) -> None:
    inner = files.openat2(tree, name, os.O_PATH | os.O_DIRECTORY, resolve=files.RESOLVE_BENEATH)
    hierarchy = _clone(directory)
    mount.mount_setattr(hierarchy, "", mount.AT_EMPTY_PATH, attr_set=options.attr_set, attr_clr=options.attr_clr)
    mount.attach(hierarchy, inner)
    os.close(hierarchy)
    os.close(inner)


def _clone(directory: str) -> int:
    """A copy of the host's mount, private: what the container mounts on it is not the host's."""
    tree = mount.clone(mount.AT_FDCWD, directory)
    mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH, propagation=mount.MS_PRIVATE)
    return tree
