"""restore: make a container of what checkpoint wrote, by criu.

::

    runtime                               criu
    as for create, up to the cgroup
    fork ────────────────────────────────▶ in a mount namespace of its own:
    put it into the cgroup, write          STAGE: bind the root filesystem for criu, and beside it make
      the rules about devices                all mounts as for create
                    ◀───────────── ready ─ become criu
    say what is found where,
      RESTORE ───────────────────────────▶ fork init, our child, and enter and make its namespaces
    lo, prestart, createRuntime ◀───────── setup-namespaces
    pass the pty on ◀───────────────────── orphan-pts-master + fd
    note init's pid, write other limits ◀─ post-restore
    as for create ◀─────────────────────── restored; it exits

The mounts of STAGE make the mount points criu needs, and are where it finds what it binds: sources that have moved,
mounts below them, mapped ids, devices. They end with criu, whatever happens, and nobody else sees them.
"""

from __future__ import annotations

import os

from pyoci import json_text
from pyoci.cgroups import hierarchy
from pyoci.config.linux import loopback
from pyoci.config.linux.namespaces import TYPES, open_given
from pyoci.container import store
from pyoci.container.init import Init
from pyoci.errors import ContainerError, Unsupported
from pyoci.runtime import answers, create, handover, kill, run
from pyoci.runtime import criu as criu_program
from pyoci.runtime.birth import Birth
from pyoci.runtime.checkpoint import DESCRIPTORS, EXTERNAL_NAMESPACES
from pyoci.runtime.criu import Criu
from pyoci.runtime.criu_options import RestoreOptions
from pyoci.syscalls import mount, mountinfo, namespaces, network
from pyoci.syscalls.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.config import Config
    from pyoci.config.linux.namespaces import Namespace
    from pyoci.container.container import Container
    from pyoci.runtime.options import Options
    from pyoci.runtime.undo import Undo

LOG = "restore.log"
STAGE = (
    "process.session.join_keyring",
    "root.bind",
    "mounts.mount_all",
    "linux.default_devices.create",
    "linux.devices.create",
    "linux.default_devices.link",
    "linux.masked_paths.hide",
)


def restore(root: str, container_id: str, bundle: str, **given: object) -> int:
    """Make the container *container_id* below *root* of the images in ``image_path``; see RestoreOptions.

    The program's exit status or 128 + its signal; 0 at once when detached. Raises ContainerError with criu's reason,
    having left nothing behind.
    """
    options = RestoreOptions(**given)
    options.check()

    def bear() -> Container:
        return create.bear(root, container_id, bundle, options, _revive)

    if not options.detach:
        return run.in_foreground(options, bear, lambda _: None)
    options.on_terminal = handover.console_taker(options)
    store.unlock(bear())
    return 0


def _revive(container: Container, parsed: Config, options: Options, undo: Undo) -> Callable[[], object]:
    """Prepare, make the cgroup, start criu in it, and let it restore."""
    assert isinstance(options, RestoreOptions)
    path = criu_program.installed()
    pipes = _pipes(f"{options.image_path}/{DESCRIPTORS}")
    cgroup = create.make_cgroup(container, parsed, options, undo)
    given = _external_namespaces(parsed.linux.namespaces)
    ours, theirs = criu_program.pair()
    with Criu(ours, 0, options.log_file(LOG)) as criu:
        birth = Birth(
            _init(container, parsed, cgroup, options),
            (answers.walking_in([]), ("restore.bind_root", _root_binder(f"{container.path}/criu-root"))),
            STAGE,
            ("process.session.reset_signals", ("criu", criu_program.executing(path, theirs))),
        )
        birth.kept_from_child = [container.lock_fd, ours.fileno()]
        birth.kept_from_runtime = [theirs.detach(), *given.values()]
        birth.answers = {"adoption": lambda _: None}
        undo.push(birth.abort)
        _enter(birth, container, cgroup, parsed, answers.make_resctrl_group(container, parsed, undo))
        criu.pid, birth.pid = birth.pid, 0
        criu.check_version()
        undo.push(kill.end, container)
        criu.on_notify = lambda script, pid, fds: _meet(script, pid, fds, container, parsed, cgroup, options)
        criu.perform("RESTORE", {
            **options.for_criu(criu, parsed.annotations),
            "log_file": LOG,
            "root": f"{container.path}/criu-root",
            "ext_mnt": _external_mounts(criu.pid, str(container.record["rootfs"])),
            "inherit_fd": [*pipes.items(), *given.items()],
            "join_ns": _joined_namespaces(parsed.linux.namespaces),
            "cg_root": _cgroups_of(criu.pid),
        })  # fmt: skip
    return bool


def _init(container: Container, parsed: Config, cgroup: Cgroup, options: RestoreOptions) -> Init:
    """What the steps may touch, filled; they are taken in the runtime's own namespaces but that of mounts."""
    init = Init(container.id, parsed, parsed.process, container.bundle)
    init.rootfs = str(container.record["rootfs"])
    # Where there is a user namespace devices are bound, as they were, though the mounts are made in the host's.
    init.private = frozenset({"mnt"} | {"user" for entry in parsed.linux.namespaces if entry.type == "user"})
    init.is_its_own_stage = init.awaits_adoption = True
    init.clone_flags = namespaces.CLONE_NEWNS
    init.cgroup_mounts = cgroup.mounts
    init.no_new_keyring = options.no_new_keyring
    return init


def _root_binder(place: str) -> Callable[[Init], None]:
    """The step that binds the root filesystem, as yet without mounts, to *place*: criu wants a mount of its own."""
    os.mkdir(place, 0o700)

    def bind(init: Init) -> None:
        mount.mount(None, "/", None, mount.MS_SLAVE | mount.MS_REC)
        with Fd(mount.clone(mount.AT_FDCWD, init.rootfs)) as tree, Fd(os.open(place, os.O_PATH)) as target:
            mount.attach(tree.fileno(), target.fileno())

    return bind


def _enter(
    birth: Birth, container: Container, cgroup: Cgroup, parsed: Config, into_resctrl_group: Callable[[int], object]
) -> None:
    """Fork what becomes criu into the container's cgroup, where all it restores will be."""
    birth.fork()
    into_resctrl_group(birth.stage_pid)
    (cgroup.adopt if cgroup.awaits_process else cgroup.enter)(birth.stage_pid)
    container.record["cgroup"] = cgroup.state()
    answers.limit_devices(cgroup, parsed)  # criu makes the cgroups below, if the container had any
    birth.converse()


def _meet(
    script: str, pid: int, fds: list[int], container: Container, parsed: Config, cgroup: Cgroup, options: RestoreOptions
) -> None:
    """Do what is to be done at the point of the restoration that *script* names."""
    if script == "setup-namespaces":
        container.born(pid)
        if loopback.is_wanted(parsed):
            _bring_up_loopback(pid)
        answers.run_create_hooks(container, parsed)
    elif script == "orphan-pts-master":
        options.on_terminal(fds[0])
    elif script == "post-restore":
        container.born(pid)
        answers.limit(cgroup, parsed)


def _bring_up_loopback(pid: int) -> None:
    """Bring ``lo`` up in the network namespace of *pid*, which criu has made empty."""
    with Fd(os.open("/proc/self/ns/net", os.O_RDONLY)) as ours, Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)) as its:
        namespaces.setns(its.fileno(), namespaces.CLONE_NEWNET)
        try:
            network.bring_up("lo")
        finally:
            namespaces.setns(ours.fileno(), namespaces.CLONE_NEWNET)


def _pipes(path: str) -> dict[str, int]:
    """The standard streams that were pipes, by the names criu knows them by: they become those of the caller."""
    try:
        with open(path, "rb", buffering=0) as file:
            links = json_text.loads(file.readall())
    except OSError as error:
        reason = str(error.strerror).lower()
        raise ContainerError(f"cannot restore: {path}: {reason}", file=path, errno=error.errno) from error
    if not isinstance(links, list):
        raise ContainerError(f"cannot restore: {path} is no list", file=path)
    found: dict[str, int] = {}
    for fd, link in enumerate(links):
        if str(link).startswith("pipe:"):
            found.setdefault(str(link), fd)
    return found


def _external_namespaces(entries: Iterable[Namespace]) -> dict[str, int]:
    """Descriptors, to be inherited, of the namespaces that were left out at checkpoint, by the names they got."""
    given = open_given([entry for entry in entries if entry.type in EXTERNAL_NAMESPACES])
    for fd in given.values():
        os.set_inheritable(fd, True)
    return {EXTERNAL_NAMESPACES[kind]: given[TYPES[kind]] for kind in EXTERNAL_NAMESPACES if TYPES[kind] in given}


def _joined_namespaces(entries: Iterable[Namespace]) -> list[tuple[str, str]]:
    """Kind and path of the other namespaces that are given. Raises Unsupported."""
    others = [entry for entry in entries if entry.path and entry.type not in EXTERNAL_NAMESPACES]
    for entry in others:
        if entry.type == "cgroup":
            raise Unsupported("criu cannot restore into a given namespace of type cgroup", field="linux.namespaces")
    return [(TYPES[entry.type], entry.path) for entry in others]


def _external_mounts(pid: int, rootfs: str) -> list[tuple[str, str]]:
    """Where criu, the process *pid*, finds what belongs at each mount point; runc masks files with /dev/null."""
    with open(f"/proc/{pid}/mountinfo", "rb", buffering=0) as file:
        text = file.readall().decode(errors="surrogateescape")
    points = [entry.point[len(rootfs) :] for entry in mountinfo.entries(text) if entry.point.startswith(f"{rootfs}/")]
    return [(point, rootfs + point) for point in dict.fromkeys(["/dev/null", *points])]


def _cgroups_of(pid: int) -> list[tuple[str, str]]:
    """Controller and path of each cgroup of the process *pid*: the roots below which criu puts what it restores."""
    return [(name, path) for names, path in hierarchy.memberships(f"/proc/{pid}") for name in names or ("",)]
