"""exec: run another process in a container; create's list of steps without the file system's part."""

from __future__ import annotations

import errno
import os

from pyoci.config import checks
from pyoci.config.process import Process
from pyoci.container import store
from pyoci.container.init import Init
from pyoci.errors import ConfigError, PyociError, StepError, WrongStatus
from pyoci.runtime import answers, create, handover
from pyoci.runtime.birth import Birth
from pyoci.runtime.foreground import Foreground
from pyoci.runtime.options import Options
from pyoci.runtime.undo import Undo
from pyoci.syscalls import namespaces, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.config import Config
    from pyoci.config.linux import Linux
    from pyoci.container.container import Container
    from pyoci.runtime.steps import Step

STAGE = (  # in the first child, still in the host's mounts
    "process.exec_cpu_affinity.set_initial",
    "process.rlimits.raise_hard",
    "process.oom_score_adj.set",
    "process.session.forbid_tracing",
)
ENTERED = (
    "process.exec_cpu_affinity.set_final",
    "linux.id_mappings.become_root",
)
SELF = (
    "process.session.lead",
    "process.session.join_keyring",
    "process.terminal.attach",
    "root.open_proc",
)
START = ("process.execute.execve",)

_REFUSALS = {
    "stopped": "cannot exec in a stopped container",
    "creating": "cannot exec in a container that is still being created",
    "paused": "cannot exec in a paused container (use --ignore-paused to override)",
}


def execute(root: str, container_id: str, document: dict[str, object], **given: object) -> int:
    """Run the process *document* describes (as config.json's ``process``) in the container; see Options.

    The program's exit status, or 128 + its signal; 0 at once when detached. Raises WrongStatus when the container is
    stopped or paused, ConfigError, and StepError with what went wrong inside.
    """
    options = Options(**given)
    container = store.Store(root).load(container_id)
    status = container.status
    if status in _REFUSALS and not (status == "paused" and options.ignore_paused):
        raise WrongStatus(_REFUSALS[status])
    parsed = container.config()
    wanted = _read(document, parsed.linux)
    options.check_terminal(wanted.terminal)
    options.check_fds()
    process.close_range(3, flags=process.CLOSE_RANGE_CLOEXEC)
    if options.detach:
        options.on_terminal = handover.console_taker(options)
        _bear(container, parsed, wanted, options)
        return 0
    front = Foreground(adopt=False)
    try:
        options.on_terminal = front.take_terminal
        return front.wait_for(_bear(container, parsed, wanted, options))
    finally:
        front.leave()


def _read(document: dict[str, object], linux: Linux) -> Process:
    try:
        wanted = Process.read(document)
        checks.of_process(wanted, linux)
    except ConfigError as error:
        raise error.within("process")  # noqa: B904 (the same error, grown)
    return wanted


def _bear(container: Container, parsed: Config, wanted: Process, options: Options) -> int:
    """Fork into the container; the process id, once the program is executed."""
    cgroup = container.cgroup()
    pidfd = os.pidfd_open(container.pid)
    try:
        with Undo() as undo:
            init = _init(container, parsed, wanted, options)
            if not container.is_alive():  # its number may be another's by now, of the host, and so all that we learnt
                raise WrongStatus(_REFUSALS["stopped"])
            sub = _sub_cgroups(options.cgroup)
            tasks = cgroup.tasks(sub, container.pid)
            walking_in = answers.walking_in(tasks, lambda: cgroup.tasks(sub, container.pid))
            birth = Birth(init, stage(walking_in, pidfd), SELF + create.PROCESS + create.LAUNCH, START)
            birth.kept_from_runtime = [*tasks, init.root] if init.root >= 0 else tasks
            answers.attend(birth, container, cgroup, parsed, options)
            undo.push(birth.abort)
            _fork(birth, cgroup, sub, container.pid)
            birth.converse()
            handover.tell(birth.pid, options)
    except (PyociError, OSError) as error:
        raise answers.blame_start(error)  # noqa: B904 (it knows its cause)
    finally:
        os.close(pidfd)
    return birth.pid


def _init(container: Container, parsed: Config, wanted: Process, options: Options) -> Init:
    """What the steps may touch, filled."""
    init = Init(container.id, parsed, wanted, container.bundle)
    init.joining = True
    init.private = frozenset(kind for kind in namespaces.FLAGS if not namespaces.same(kind, container.pid))
    init.rootless = options.is_rootless()
    init.root = _root_of(container) if container.record.get("sharesMounts") else -1
    init.no_new_keyring = bool(container.record["noNewKeyring"])
    init.preserve_fds, init.given_environment = options.preserve_fds, options.environment()
    return init


def _root_of(container: Container) -> int:
    """The root directory of the container's init: no mount namespace leads to it."""
    return os.open(f"/proc/{container.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def stage(walking_in: Step, pidfd: int) -> tuple[str | Step, ...]:
    """What is done on the host, ending in the cgroups and the namespaces of the process *pidfd*."""
    return *STAGE, walking_in, ("exec.join", lambda init: _join(init, pidfd)), *ENTERED


def _join(init: Init, pidfd: int) -> None:
    """Enter the namespaces the container's init lives in that are not ours, at once: the kernel knows the order."""
    flags = 0
    for kind in init.private:
        flags |= namespaces.FLAGS[kind]
    if flags:
        namespaces.setns(pidfd, flags)
    if init.root >= 0:
        os.fchdir(init.root)
        os.chroot(".")  # noqa: TID251 (a container that shares its mount namespace has nothing above its root)
        os.close(init.root)
    init.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _fork(birth: Birth, cgroup: Cgroup, sub: dict[str, str], init_pid: int) -> None:
    """Fork into the cgroup: the part of it where init is, or the one named.

    A container that divides its own can do so only while no process is in the whole. Where only systemd may move us
    there (EACCES: a user at a session of logind's), that does.
    """
    try:
        birth.fork(cgroup.directory_fd(sub) if sub else cgroup.directory_fd_of(init_pid))
    except StepError as error:
        if error.details.get("errno") != errno.EACCES or not cgroup.is_unit:
            raise
        birth.init.awaits_adoption = True
        birth.fork()
        cgroup.attach(birth.stage_pid, sub)


def _sub_cgroups(given: tuple[str, ...]) -> dict[str, str]:
    """Sub-cgroups by controller; "" for those of every other."""
    chosen = {}
    for entry in given:
        controllers, colon, path = entry.rpartition(":")
        for controller in controllers.split(",") if colon else ("",):
            chosen[controller] = path
    return chosen
