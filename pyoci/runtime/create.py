"""create: the birth of a container (runtime.md#create).

::

    runtime                               stage                        init (pid 1 of the container)
    read the bundle, check it
    claim the id: state directory, lock
    make the cgroup
    find the steps: import what they need,
      prepare them
    fork ────────────────────────────────▶ walk into the cgroup
    write the limits                       STAGE: join the given
                                             namespaces, unshare user
    write the id maps ◀──────────── maps ─
                    ─────────────────────▶ become root there,
                                           unshare the rest, fork ───▶
    note init's pid ◀──────────────────────── exit ──── born ────────
    move network devices ───────────────────────────────────────────▶ ROOTFS: mounts, devices
    prestart, createRuntime ◀──────────────────────── hooks ────────── createContainer hooks, pivot
    pass the pty on ◀─────────────────────────────── terminal + fd ─── SELF: what the container sees
    hand the listener over ◀──────────────────────── listener ──────── PROCESS, LAUNCH: privileges go
    write the pid file, save "created" ◀──────────── ready ──────────
    exit ───────────────────────────────────────────────────────────▶ waits on exec.fifo
    `start` gives the word ─────────────────────────────────────────▶  START: startContainer hooks, execve

Three processes, because a pid namespace holds only children, and id maps must be written from outside. Init is
forked with CLONE_PARENT: it is the runtime's child, and the caller's subreaper's after that. Until "created" is
saved neither outlives the runtime: what is left then is on disk, written before it was made. Where the container
needs neither (a new pid namespace can be made with the first fork), stage goes on as init itself.
"""

from __future__ import annotations

import os

from pyoci import cgroups, config
from pyoci.container import exec_fifo, notify_socket, store
from pyoci.container.container import now
from pyoci.container.init import Init
from pyoci.errors import HookError, PyociError, Unsupported
from pyoci.runtime import answers, handover, steps
from pyoci.runtime.birth import Birth
from pyoci.runtime.options import Options
from pyoci.runtime.undo import Undo
from pyoci.syscalls import files, namespaces, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.config import Config
    from pyoci.config.process import Process
    from pyoci.container.container import Container

    GiveBirth = Callable[[Container, Config, Options, Undo], Callable[[], object]]

STAGE = (  # in the first child, still in the host's mounts
    "process.rlimits.raise_hard",  # only here may a privileged runtime; init lowers them again
    "process.oom_score_adj.set",  # a new user namespace could not write its own
    "linux.namespaces.join",  # those given by path
    "linux.namespaces.unshare_user",
    "linux.id_mappings.wait_for_maps",
    "linux.id_mappings.become_root",
    "linux.namespaces.unshare",
    "linux.time_offsets.write",  # takes effect in the child born next
)
ROOTFS = (  # in init: on the host's files, in the container's namespaces
    "process.session.forbid_tracing",  # a namespace that was joined may have others in it
    "process.session.lead",
    "process.session.join_keyring",
    "linux.loopback.bring_up",
    "root.isolate",  # nothing mounted from here on travels back to the host
    "root.bind",
    "mounts.mount_all",
    "linux.default_devices.create",
    "linux.devices.create",
    "linux.default_devices.link",
    "process.cwd.make",
    "hooks.wait_for_runtime",
    "hooks.create_container",
    "root.pivot",
)
SELF = (  # inside its root: from here on importing raises
    "process.terminal.attach",
    "root.open_proc",
    "hostname.set_name",
    "domainname.set_name",
    "linux.sysctl.write",
    "linux.readonly_paths.remount",
    "linux.masked_paths.hide",
    "mounts.seal",
    "root.make_readonly",
    "linux.rootfs_propagation.apply",  # last: an unbindable root cannot be cloned any more
)
PROCESS = (  # shared with exec
    "process.apparmor_profile.on_exec",
    "process.selinux_label.on_exec",
    "process.scheduler.set",
    "process.io_priority.set",
    "linux.personality.set",
    "linux.memory_policy.set",
    "process.session.give_streams",
    "process.session.reset_signals",
    "process.session.keep_fds",
    "process.cwd.enter",
    "process.execute.inspect",  # while root may still look everywhere
    "process.rlimits.set_all",
)
LAUNCH = (  # shared with exec: from here on privileges go
    "process.capabilities.shrink_bounding_set",
    "process.capabilities.keep",
    "process.user.umask",
    "process.no_new_privileges.set",
    "linux.seccomp.load_privileged",  # only without noNewPrivileges: it takes CAP_SYS_ADMIN
    "process.user.become",
    "process.capabilities.set_all",
    "root.close_proc",
    "process.cwd.enter_as_user",
    "process.execute.find",
    "linux.seccomp.load",  # with noNewPrivileges: as late as can be
)
START = (
    "hooks.start_container",
    "process.execute.execve",
)


def create(root: str, container_id: str, bundle: str, **given: object) -> Container:
    """Create the container *container_id* below *root* from *bundle*; see Options for the rest.

    Raises PyociError, having left nothing behind.
    """
    options = Options(**{"detach": True, **given})
    options.on_terminal = handover.console_taker(options)
    container = bear(root, container_id, bundle, options)
    store.unlock(container)
    return container


def bear(root: str, container_id: str, bundle: str, options: Options, give_birth: GiveBirth | None = None) -> Container:
    """Create a container and keep the lock on it; *give_birth* brings its init to life in another way."""
    bundle = os.path.abspath(bundle)
    text = config.read(bundle, options.config_file)
    parsed = config.load(text, options.config_file)
    options.check_terminal(parsed.process.terminal)
    options.check_fds()
    process.close_range(3, flags=process.CLOSE_RANGE_CLOEXEC)  # what the program inherits is said later
    try:
        with Undo() as undo:
            container = store.Store(root).claim(container_id)
            undo.push(store.remove, container)
            _describe(container, parsed, text, bundle, options)
            if notify_socket.manager():
                parsed = notify_socket.shown(parsed, container)
            leave = (give_birth or _give_birth)(container, parsed, options, undo)
            handover.tell(container.pid, options)
            container.record["complete"] = True
            container.save()
            leave()
    except HookError:
        answers.run_poststop_hooks(parsed.hooks.poststop, container.state("stopped"))
        raise
    return container


def _describe(container: Container, parsed: Config, text: bytes, bundle: str, options: Options) -> None:
    """Write down what will be asked about *container* later, among it config.json as it is now."""
    files.replace(f"{container.path}/{config.FILE}", text, 0o600)
    container.record.update(
        bundle=bundle,
        rootfs=parsed.root.absolute(bundle),
        created=now(),
        owner=os.geteuid(),
        annotations=parsed.annotations,
        process="process" in parsed,
        noNewKeyring=options.no_new_keyring,
        descriptors=[_leads_to(fd) for fd in range(3)],
        hooks=[kind for kind in ("poststart", "poststop") if getattr(parsed.hooks, kind)],
        sharesMounts=steps.section("linux.namespaces").shares_mounts(parsed.linux.namespaces),
        privatePids=any(entry.type == "pid" and not entry.path for entry in parsed.linux.namespaces),
    )


def _leads_to(fd: int) -> str:
    """What the standard stream *fd* is, for criu: ``pipe:[…]`` or a path."""
    return os.readlink(f"/proc/self/fd/{fd}")


def _give_birth(container: Container, parsed: Config, options: Options, undo: Undo) -> Callable[[], object]:
    """Prepare, make the cgroup, fork, and talk to the child until it is ready; what lets it wait by itself."""
    try:
        init = _init(container, parsed, options)
        cgroup = make_cgroup(container, parsed, options, undo)
        init.cgroup_mounts = cgroup.mounts
        into_resctrl_group = answers.make_resctrl_group(container, parsed, undo)
        inside = ROOTFS + SELF + (PROCESS + LAUNCH if "process" in parsed else ())
        tasks = cgroup.first_tasks()
        init.awaits_adoption = cgroup.awaits_process
        birth = Birth(init, (answers.walking_in(tasks), *STAGE), inside, START)
        birth.kept_from_child = [container.lock_fd]
        birth.kept_from_runtime = [init.start_fd, init.result_fd, *tasks]
        answers.attend(birth, container, cgroup, parsed, options)
        undo.push(birth.abort)
        birth.fork(cgroup.directory_fd())
        into_resctrl_group(birth.stage_pid)
        if cgroup.awaits_process:
            cgroup.adopt(birth.stage_pid)
            container.record["cgroup"] = cgroup.state()
        answers.confine(birth.stage_pid, cgroup, parsed)
        birth.converse()
    except (PyociError, OSError) as error:
        raise answers.blame_start(error)  # noqa: B904 (it knows its cause)
    return birth.leave


def _init(container: Container, parsed: Config, options: Options) -> Init:
    """What the steps may touch, filled."""
    init = Init(container.id, parsed, parsed.process if "process" in parsed else _no_process(), container.bundle)
    init.rootfs = str(container.record["rootfs"])
    kinds = steps.section("linux.namespaces").TYPES
    shared = {"mnt"} if container.record["sharesMounts"] else set()
    init.private = frozenset(kinds[entry.type] for entry in parsed.linux.namespaces) - shared
    if shared and ("user" in init.private or os.geteuid() != 0):
        raise Unsupported("a container in a user namespace needs a mount namespace of its own",
                          field="linux.namespaces", hint="add an entry of type mount")
    init.new_user_namespace = any(entry.type == "user" and not entry.path for entry in parsed.linux.namespaces)
    init.is_its_own_stage = steps.section("linux.namespaces").hold_parents(parsed.linux.namespaces)
    init.clone_flags = namespaces.CLONE_NEWPID if init.is_its_own_stage and "pid" in init.private else 0
    init.rootless = options.is_rootless()
    init.no_pivot, init.no_new_keyring = options.no_pivot, options.no_new_keyring
    init.preserve_fds, init.given_environment = options.preserve_fds, options.environment()
    init.hook_state = {**container.state("creating"), "pid": 1 if "pid" in init.private else 0}
    init.start_fd, init.result_fd = exec_fifo.make(container)
    return init


def _no_process() -> Process:
    """A process that only waits: config.json may lack one until ``start`` (runtime.md#create)."""
    from pyoci.config.process import Process
    from pyoci.config.process.user import User

    return Process(cwd="/", user=User(uid=0, gid=0))


def make_cgroup(container: Container, parsed: Config, options: Options, undo: Undo) -> Cgroup:
    """Make the cgroup, having written down which, so that it can be removed even after a crash."""
    path = parsed.linux.cgroups_path or None
    cgroup = cgroups.find(
        path, container.id, options.cgroup_manager, rootless=options.is_rootless(), annotations=parsed.annotations
    )
    container.record["cgroup"] = cgroup.planned()
    container.save()
    undo.push(cgroup.delete)
    cgroup.create()
    container.record["cgroup"] = cgroup.state()
    return cgroup
