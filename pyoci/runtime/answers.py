"""What the runtime does for a process on its way into a container: the right-hand answers of the timeline.

``create`` and ``exec`` share them; a container that is entered needs no maps, limits or hooks, and so never asks.
"""

from __future__ import annotations

import errno
import os

from pyoci import cgroups, log
from pyoci.cgroups.directory import GONE
from pyoci.config.linux import cgroup_ownership
from pyoci.errors import ConfigError, HookError, PyociError
from pyoci.runtime import steps
from pyoci.syscalls import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.cgroups.cgroup import Cgroup
    from pyoci.config import Config
    from pyoci.config.hooks import Hook
    from pyoci.container.container import Container
    from pyoci.container.init import Init
    from pyoci.runtime.birth import Birth
    from pyoci.runtime.options import Options
    from pyoci.runtime.steps import Step
    from pyoci.runtime.undo import Undo


def attend(birth: Birth, container: Container, cgroup: Cgroup, parsed: Config, options: Options) -> None:
    """Say what the runtime does whenever the child of *birth* asks for something."""
    birth.answers = {
        "adoption": lambda _: None,  # it is done before we listen
        "cgroup": lambda _: _take_in(birth.stage_pid, cgroup, parsed),
        "maps": lambda _: _write_id_maps(birth.stage_pid, parsed),
        "hooks": lambda _: run_create_hooks(container, parsed),
        "listener": lambda message: _deliver_listener(message, birth, container, parsed),
    }
    if not birth.init.joining:
        birth.on_born = lambda: _admit(birth.pid, container, parsed)
        birth.meanwhile = options.meanwhile
    birth.on_terminal = options.on_terminal
    birth.on_warning = log.warning
    birth.on_death = lambda status: _describe_death(status, cgroup)


def walking_in(tasks: list[int], reopen: Callable[[], list[int]] | None = None) -> Step:
    """The step by which a process enters the cgroups of *tasks* itself: on v1 much faster than being moved.

    Where one is gone by then, those that *reopen* gives are entered, or else the runtime makes it again.
    """

    def walk_in(init: Init) -> None:
        if init.awaits_adoption:
            init.channel.ask("adoption")
        try:
            cgroups.walk_in(tasks)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            if reopen:
                cgroups.walk_in(reopen())
            else:
                init.channel.ask("cgroup")

    return "cgroups.walk_in", walk_in


def make_resctrl_group(container: Container, parsed: Config, undo: Undo) -> Callable[[int], object]:
    """Make the Intel RDT group if one is asked for; what adds a process to it."""
    if "intel_rdt" not in parsed.linux:
        return bool
    intel_rdt = steps.section("linux.intel_rdt")
    container.record["intelRdt"] = intel_rdt.planned(container.id, parsed.linux.intel_rdt)
    container.save()
    state = intel_rdt.create(container.id, parsed.linux.intel_rdt)
    container.record["intelRdt"] = state
    undo.push(intel_rdt.delete, state)
    return lambda pid: intel_rdt.add(state, pid)


def _write_id_maps(pid: int, parsed: Config) -> None:
    """Give the new user namespace of *pid* its ids."""
    steps.section("linux.id_mappings").write(pid, parsed.linux.uid_mappings, parsed.linux.gid_mappings)


def _admit(pid: int, container: Container, parsed: Config) -> None:
    """Note who init is, and give it the host's network devices it is to have."""
    container.born(pid)
    if parsed.linux.net_devices:
        _move_net_devices(pid, parsed)


def confine(pid: int, cgroup: Cgroup, parsed: Config) -> None:
    """Write all limits of the cgroup that *pid* walks into; where the cgroup is gone meanwhile, make it again.

    Below v1 cgroups of its own systemd removes those that have no process yet, for instance when it reloads.
    """
    try:
        _limit_all(cgroup, parsed)
    except OSError as error:
        if error.errno not in GONE:
            raise
        _take_in(pid, cgroup, parsed)


def _take_in(pid: int, cgroup: Cgroup, parsed: Config) -> None:
    """Move *pid* into the cgroup, which then stays, and limit it."""
    cgroup.enter(pid)
    _limit_all(cgroup, parsed)


def _limit_all(cgroup: Cgroup, parsed: Config) -> None:
    limit_devices(cgroup, parsed)
    limit(cgroup, parsed)


def limit_devices(cgroup: Cgroup, parsed: Config) -> None:
    """Let the rules about devices hold, before anything in the cgroup may use one.

    v1 has no single write for them, and takes no new default once there are cgroups below.
    """
    resources = parsed.linux.resources
    cgroup.device_rules(steps.section("linux.resources.devices").rules(resources.devices))
    if settings := list(steps.section("linux.resources").device_settings(resources, cgroup.version)):
        cgroup.write(settings)


def limit(cgroup: Cgroup, parsed: Config) -> None:
    """Write the other limits, and give the cgroup to whom it shall belong."""
    resources = parsed.linux.resources
    if "memory" in resources and resources.memory.check_before_update:
        steps.section("linux.resources.memory").refuse_below_usage(resources.memory, cgroup.memory_usage())
    cgroup.write(steps.section("linux.resources").settings(resources, cgroup.version))
    owner = cgroup_ownership.owner(parsed)
    if owner is not None:
        cgroup.own(owner)


def _move_net_devices(pid: int, parsed: Config) -> None:
    """Move network devices of the host into the network namespace of *pid*."""
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        steps.section("linux.net_devices").move(parsed.linux.net_devices, namespace)
    finally:
        os.close(namespace)


def run_create_hooks(container: Container, parsed: Config) -> None:
    """Run the prestart and createRuntime hooks, which may ask for the state."""
    from pyoci.config import hooks

    container.save()
    state = container.state("creating")
    hooks.run("prestart", parsed.hooks.prestart, state)
    hooks.run("createRuntime", parsed.hooks.create_runtime, state)


def run_poststop_hooks(poststop: tuple[Hook, ...], state: dict[str, object]) -> None:
    """Run the poststop hooks; one that fails is only warned of, and the others still run (runtime.md#lifecycle)."""
    from pyoci.config import hooks

    for hook in poststop:
        try:
            hooks.run("poststop", (hook,), state)
        except HookError as error:
            log.warning(str(error))


def _deliver_listener(message: dict[str, object], birth: Birth, container: Container, parsed: Config) -> None:
    """Fetch the seccomp listener from the process and hand it to the agent at ``listenerPath``."""
    number = message["fd"]
    assert isinstance(number, int)
    pidfd = os.pidfd_open(birth.pid)
    listener = process.pidfd_getfd(pidfd, number)
    try:
        document = container.state("running" if birth.init.joining else "creating")
        steps.section("linux.seccomp").deliver(listener, parsed.linux.seccomp, document, birth.pid)
    finally:
        os.close(listener)
        os.close(pidfd)


def _describe_death(status: int, cgroup: Cgroup) -> str:
    """Why a process died without a word."""
    if cgroup.oom_kills():
        limit = cgroup.memory_limit()
        amount = "" if limit is None else f": the limit is {limit} bytes"
        return f"container init was OOM-killed (memory limit too low?){amount}"
    code = os.waitstatus_to_exitcode(status)
    ending = f"was killed by signal {-code}" if code < 0 else f"exited with status {code}"
    return f"container init {ending} before it was ready"


def blame_start(error: PyociError | OSError) -> PyociError:
    """The error as runc words it when a process could not be brought to life."""
    if isinstance(error, ConfigError):
        return error
    explained = error if isinstance(error, PyociError) else steps.explain("", error)
    explained.__cause__ = None if explained is error else error
    explained.args = (f"unable to start container process: {explained.message}",)
    return explained
