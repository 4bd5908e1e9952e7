"""mounts: additional mounts, made in the order they are listed (config.md#mounts).

Each mount is prepared while it is still detached from any tree — filesystem options, attributes, id mapping,
propagation — and then attached to a descriptor of its destination, which was resolved inside the root filesystem.
No path of the container is ever joined with one of the host (CVE-2021-30465 and its kin).

Sources of bind mounts lie on the host. Where a user namespace stands between, or an id mapping is wanted, the
runtime opens them before the fork: it may read what the container's root may not, and only it may map ids.
"""

from __future__ import annotations

import errno
import os
import stat

from pyoci.config import cgroup_mount, copy_up, mount_options
from pyoci.config.linux import id_mappings, mount_label
from pyoci.errors import ConfigError, Ignoring, StepError, Unsupported
from pyoci.record import Record
from pyoci.syscalls import files, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.config import linux
    from pyoci.container.init import Init

_LONGEST_PARAMETER = 255  # of one fsconfig(2) string
_IDMAP_HINTS = {
    errno.EINVAL: "its filesystem has no id-mapped mounts",
    errno.EPERM: "only root of the user namespace in which its filesystem was mounted may",
}
_NEVER_SYMLINKS = frozenset(("proc", "sysfs"))
_ATTEMPTS = 128  # against a process that keeps renaming


class Mount(Record):
    """One mount: *source* on the host, *destination* in the container."""

    destination: str
    source: str = ""
    type: str = ""
    options: tuple[str, ...] = ()
    uid_mappings: tuple[linux.id_mappings.IdMapping, ...] = ()
    gid_mappings: tuple[linux.id_mappings.IdMapping, ...] = ()

    def check(self) -> None:
        """A destination is not empty; id mappings come in pairs."""
        if not self.destination:
            raise ConfigError("must not be empty", "destination")
        if bool(self.uid_mappings) != bool(self.gid_mappings):
            raise ConfigError("uidMappings and gidMappings must be given together",
                              "uidMappings" if self.uid_mappings else "gidMappings")

    def parsed(self) -> mount_options.Options:
        """The options by kind. A mount of type ``bind`` is one even where the option is missing, as for runc."""
        options = self.options if self.type != "bind" else ("bind", *self.options)
        return mount_options.Options(options)

    @property
    def is_idmapped(self) -> bool:
        """Whether its ids are to be mapped."""
        return bool(self.uid_mappings) or "idmap" in self.options or "ridmap" in self.options

    def source_path(self, bundle: str) -> str:
        """The source of a bind mount as an absolute path on the host."""
        return os.path.normpath(os.path.join(bundle, self.source))


def prepare(init: Init) -> None:
    """Open in the runtime what only the runtime can: sources of bind mounts beyond a user namespace, id mappings."""
    trees: dict[int, int] = {}
    for place, entry in enumerate(init.config.mounts):
        options = entry.parsed()
        idmapped = entry.is_idmapped
        if options.is_bind and (idmapped or "user" in init.private):
            with Ignoring(PermissionError):  # without a mount namespace of ours; the container has one, and tries
                trees[place] = _open_source(entry, options, init)
        if idmapped:
            if place not in trees:
                reason = "id-mapped mounts need a bind mount and root's privileges"
                raise ConfigError(reason, f"mounts[{place}].options")
            _map_ids(trees[place], entry, options, init, place)
    init.prepared["mounts"] = trees


def _map_ids(tree: int, entry: Mount, options: mount_options.Options, init: Init, place: int) -> None:
    """Map the ids of *tree* as the mount says, or else as the container's user namespace does."""
    linux = init.config.linux
    uids, gids = entry.uid_mappings or linux.uid_mappings, entry.gid_mappings or linux.gid_mappings
    if not uids:
        raise ConfigError("idmap needs uidMappings and gidMappings, here or for a new user namespace",
                          f"mounts[{place}].options")
    namespace = id_mappings.open_namespace(uids, gids)
    recursive = mount.AT_RECURSIVE if "ridmap" in options.own else 0
    try:
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH | recursive, attr_set=mount.MOUNT_ATTR_IDMAP,
                            userns_fd=namespace)
    except OSError as error:
        raise StepError(f'cannot map the ids of "{entry.source}": {str(error.strerror).lower()}', errno=error.errno,
                        field=f"mounts[{place}]", file=entry.source, call="mount_setattr(2)",
                        hint=_IDMAP_HINTS.get(error.errno or 0)) from error
    finally:
        os.close(namespace)


def mount_all(init: Init) -> None:
    """Mount every entry, in the order listed."""
    for place, entry in enumerate(init.config.mounts):
        try:
            _mount(entry, place, init)
            if os.path.normpath(f"/{entry.destination}") in {"/", "//"}:
                _see_new_root(init)
        except OSError as error:
            raise _explain(entry, place, error, init) from error


def _see_new_root(init: Init) -> None:
    """Go on in what now covers the root filesystem: a descriptor stays with what it was opened on."""
    os.close(init.root)
    init.root = os.open(init.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _mount(entry: Mount, place: int, init: Init) -> None:
    options = entry.parsed()
    if "remount" in options.own:
        _remount(entry, options, init)
        return
    _forget_covered(entry, init)
    if options.is_bind:
        _bind(entry, place, options, init)
    elif entry.type in {"cgroup", "cgroup2"}:
        cgroup_mount.mount_at(entry, options, init)
    else:
        _new_filesystem(entry, options, init)


def _open_source(entry: Mount, options: mount_options.Options, init: Init) -> int:
    return mount.clone(mount.AT_FDCWD, entry.source_path(init.bundle), recursive=options.is_recursive)


def _bind(entry: Mount, place: int, options: mount_options.Options, init: Init) -> None:
    """Show a file or directory of the host."""
    trees = init.prepared.get("mounts") or {}
    assert isinstance(trees, dict)
    tree = trees.get(place)
    if tree is None:
        tree = _open_source(entry, options, init)
    elif not entry.is_idmapped:
        tree = _locked(tree, entry, options, init)
    is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
    target = (files.make_directory if is_directory else files.make_file)(init.root, entry.destination, 0o755)
    if not is_directory and stat.S_ISDIR(os.fstat(target).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "a file cannot be mounted on a directory: not a directory")
    _check_proc(entry, target)
    mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH | mount.AT_RECURSIVE, propagation=_inherited(init))
    attach(tree, target, options)


def _locked(tree: int, entry: Mount, options: mount_options.Options, init: Init) -> int:
    """The same as *tree*, cloned in the container's user namespace, from where the host's ro, nosuid… are locked.

    In *tree*, which the runtime cloned, the container's root could undo them; it serves only where the
    container's root may not look, or where an option takes such a flag back.
    """
    try:
        inner = _open_source(entry, options, init)
    except OSError:
        return tree
    try:
        _give_attributes(inner, options)
    except PermissionError:
        os.close(inner)
        return tree
    os.close(tree)
    return inner


def _inherited(init: Init) -> int:
    """The propagation a mount of the host has in the container unless its options say otherwise."""
    return mount_options.PROPAGATION[init.config.linux.rootfs_propagation or "slave"]


def _new_filesystem(entry: Mount, options: mount_options.Options, init: Init) -> None:
    """Mount a filesystem of its own."""
    sealed = entry.type == "tmpfs" and options.take_readonly()
    parameters = _parameters(entry, options, init)
    target = open_target(entry, init)
    if any(value and len(value) > _LONGEST_PARAMETER for _, value in parameters):
        tree = _mounted_by_path(entry, parameters, init)
    else:
        try:
            tree = mount.new_filesystem(entry.type, entry.source or entry.type, parameters, options.attr_set)
        except PermissionError:
            if entry.type != "sysfs":
                raise
            # sysfs belongs to the network namespace; who does not own that may still look at the host's.
            tree = mount.clone(mount.AT_FDCWD, "/sys", recursive=True)
            options.recursive_set |= options.attr_set  # the host's cgroups are below (CVE-2023-25809)
    if "tmpcopyup" in options.own:
        _copy_up(target, tree)
    if sealed:
        init.sealed.append(os.dup(tree))
    if entry.type in _NEVER_SYMLINKS:
        init.kernel_files[os.path.normpath("/" + entry.destination.lstrip("/"))] = os.dup(tree)
    attach(tree, target, options)


def seal(init: Init) -> None:
    """Make every tmpfs read-only that is to be, once mount points, devices and directories are made on it."""
    for tree in init.sealed:
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH, attr_set=mount.MOUNT_ATTR_RDONLY)
        os.close(tree)
    while init.kernel_files:
        os.close(init.kernel_files.popitem()[1])


def open_target(entry: Mount, init: Init) -> int:
    """A descriptor of the directory to mount on, made if missing."""
    if entry.type in _NEVER_SYMLINKS:
        return _open_ordinary(entry, init)
    target = files.make_directory(init.root, entry.destination, 0o755)
    _check_proc(entry, target)
    return target


def _open_ordinary(entry: Mount, init: Init) -> int:
    """The same for a /proc or /sys, which no symlink of the image may redirect (CVE-2019-19921, CVE-2023-27561).

    It is looked at by the descriptor that is mounted on: the next look could be at another directory.
    """
    for _ in range(_ATTEMPTS):
        try:
            fd = files.openat2(init.root, entry.destination, os.O_PATH | os.O_NOFOLLOW,
                               resolve=files.RESOLVE_IN_ROOT | files.RESOLVE_NO_SYMLINKS)
        except FileNotFoundError:
            os.close(files.make_directory(init.root, entry.destination, 0o755))
            continue
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            break
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        break
    raise StepError(f'filesystem "{entry.type}" at "{entry.destination}" must be mounted on ordinary directory',
                    file=entry.destination)


def open_inside(init: Init, path: str) -> int:
    """An O_PATH descriptor of *path* in the container; below procfs and sysfs by way of what is mounted there.

    Who exchanges directories of the image meanwhile would else choose what stays unmasked.
    """
    normal = os.path.normpath("/" + path.lstrip("/"))
    for place in sorted(init.kernel_files, reverse=True):
        if f"{normal}/".startswith(f"{place}/"):
            return files.open_in_root(init.kernel_files[place], normal[len(place) :] or ".", os.O_PATH)
    return files.open_in_root(init.root, path, os.O_PATH)


def _forget_covered(entry: Mount, init: Init) -> None:
    """Let go of a procfs or sysfs that a mount at the destination of *entry* hides."""
    covering = os.path.normpath("/" + entry.destination.lstrip("/")).rstrip("/")
    for place in [place for place in init.kernel_files if f"{place}/".startswith(f"{covering}/")]:
        os.close(init.kernel_files.pop(place))


def _check_proc(entry: Mount, target: int) -> None:
    """Nothing but a known few files of procfs may be covered (CVE-2019-16884); what lies there was resolved."""
    if files.filesystem(target) == files.PROC_SUPER_MAGIC and not _may_cover(entry.destination):
        raise StepError(f'"{entry.destination}" cannot be mounted because it is inside /proc', file=entry.destination)


COVERABLE = frozenset(
    f"/proc/{name}"
    for name in ("cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo",
                 "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled")
)


def _may_cover(destination: str) -> bool:
    return os.path.normpath(f"/{destination}").replace("//", "/") in COVERABLE


def _parameters(entry: Mount, options: mount_options.Options, init: Init) -> list[tuple[str, str | None]]:
    """What the filesystem is told, in order."""
    parameters: list[tuple[str, str | None]] = [(name, None) for name in options.superblock if name != "rw"]
    for text in options.data:
        name, equals, value = text.partition("=")
        parameters.append((name, value if equals else None))
    if entry.type == "tmpfs" and not any(name == "mode" for name, _ in parameters):
        parameters += _mode_covered(entry.destination, init)
    label = mount_label.option(init.config.linux.mount_label, entry.type)
    if label:
        parameters.append(label)
    return parameters


def _mode_covered(destination: str, init: Init) -> list[tuple[str, str | None]]:
    """The mode of the directory that will be covered; where none is yet, the kernel's own lets everybody write."""
    try:
        fd = files.open_in_root(init.root, destination, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return []
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    os.close(fd)
    return [("mode", f"{mode:o}")]


def _mounted_by_path(entry: Mount, parameters: list[tuple[str, str | None]], init: Init) -> int:
    """The same through mount(2), which takes longer texts: mounted, then picked up again, detached.

    For that moment it lies upon the root filesystem, at a path of the host. At the destination another could exchange
    directories, and have us pick up whatever it likes: a procfs in which nothing is masked, for one.
    """
    if "mnt" not in init.private:
        raise Unsupported("an option of this length needs a mount namespace", field="linux.namespaces")
    flags = mount.MS_RDONLY if ("ro", None) in parameters else 0
    data = ",".join(name if value is None else f"{name}={value}" for name, value in parameters if name != "ro")
    mount.mount(entry.source or entry.type, init.rootfs, entry.type, flags, data)
    try:
        return mount.clone(mount.AT_FDCWD, init.rootfs)
    finally:
        mount.umount2(init.rootfs, mount.MNT_DETACH)


def attach(tree: int, target: int, options: mount_options.Options) -> None:
    """Give the detached *tree* its attributes and propagation, mount it on *target* and close both."""
    _give_attributes(tree, options)
    mount.attach(tree, target)
    for kind, recursive in options.propagation:  # once attached: a detached tree cannot be unbindable or shared
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH | (mount.AT_RECURSIVE if recursive else 0), propagation=kind)
    os.close(tree)
    os.close(target)


def _give_attributes(tree: int, options: mount_options.Options) -> None:
    if options.attr_set or options.attr_clr:
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH, attr_set=options.attr_set, attr_clr=options.attr_clr)
    if options.recursive_set or options.recursive_clr:
        mount.mount_setattr(tree, "", mount.AT_EMPTY_PATH | mount.AT_RECURSIVE, attr_set=options.recursive_set,
                            attr_clr=options.recursive_clr)


def _remount(entry: Mount, options: mount_options.Options, init: Init) -> None:
    """Change what is mounted at the destination already."""
    fd = files.open_in_root(init.root, entry.destination, os.O_PATH)
    if options.data or options.superblock:
        flags = mount.MS_REMOUNT | (mount.MS_BIND if options.is_bind else 0)
        flags |= mount.MS_RDONLY if options.attr_set & mount.MOUNT_ATTR_RDONLY else 0
        mount.mount(None, f"/proc/self/fd/{fd}", None, flags, ",".join(options.data) or None)
    if options.attr_set or options.attr_clr:
        mount.mount_setattr(fd, "", mount.AT_EMPTY_PATH, attr_set=options.attr_set, attr_clr=options.attr_clr)
    os.close(fd)


def _copy_up(target: int, tree: int) -> None:
    """Fill the new tmpfs *tree* with what lies in the directory it will cover."""
    source = os.open(f"/proc/self/fd/{target}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    into = os.open(f"/proc/self/fd/{tree}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    copy_up.directory(source, into)
    os.close(source)
    os.close(into)


def _explain(entry: Mount, place: int, error: OSError, init: Init) -> StepError:
    """What could not be mounted where, in runc's words, and why."""
    call = next(iter(getattr(error, "__notes__", ())), "")
    file = error.filename if error.filename != entry.source else ""
    reason = ": ".join(part for part in (call, file, (error.strerror or str(error)).lower()) if part)
    return StepError(
        f'error mounting "{entry.source or entry.type}" to rootfs at "{entry.destination}": {reason}',
        field=f"mounts[{place}]", errno=error.errno, call=call or None, file=entry.destination,
        hint=_hint(entry, error, init),
    )


def _hint(entry: Mount, error: OSError, init: Init) -> str | None:
    if entry.type == "proc" and error.errno == errno.EPERM:
        return ("the kernel mounts a new /proc in a user namespace only where the present one is fully visible: "
                "unmask the /proc of the container around this one, or bind-mount it instead")
    if entry.type == "devpts" and error.errno == errno.EINVAL and "user" in init.private:
        return "the gid= of devpts must be mapped in the user namespace"
    if entry.parsed().is_bind and error.errno == errno.ENOENT and not os.path.exists(entry.source_path(init.bundle)):
        return "the source does not exist on the host"
    if error.errno == errno.ENODEV:
        return f"this kernel has no filesystem {entry.type}"
    return None
