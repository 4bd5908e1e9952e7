"""Why one step stands before another: (earlier, later, because)."""

from __future__ import annotations

import pytest

from pyoci.runtime import answers, create, exec  # noqa: A004 (the operation's name)

WALK_IN, _ = answers.walking_in([])
CREATE = (
    WALK_IN, *create.STAGE, *create.ROOTFS, *create.SELF, *create.PROCESS, *create.LAUNCH, *create.START,
)  # fmt: skip
EXEC = (
    *exec.STAGE, WALK_IN, "exec.join", *exec.ENTERED, *exec.SELF, *create.PROCESS, *create.LAUNCH, *exec.START,
)  # fmt: skip

REASONS = [
    # Cgroup and namespaces.
    (WALK_IN, "linux.namespaces.unshare", "the root of a new cgroup namespace is the cgroup its maker is in"),
    (WALK_IN, "process.session.lead", "nothing of the container may ever run outside of its limits"),
    (WALK_IN, "exec.join", "nothing of the container may ever run outside of its limits"),
    ("process.rlimits.raise_hard", "linux.namespaces.join", "a given user namespace takes CAP_SYS_RESOURCE away"),
    ("process.rlimits.raise_hard", "linux.namespaces.unshare_user", "CAP_SYS_RESOURCE counts in the first one only"),
    ("process.rlimits.raise_hard", "exec.join", "CAP_SYS_RESOURCE counts in the first user namespace only"),
    ("process.rlimits.raise_hard", "process.rlimits.set_all", "in the user namespace a limit can only be lowered"),
    ("process.oom_score_adj.set", "linux.namespaces.unshare_user", "lowering it takes CAP_SYS_RESOURCE on the host"),
    ("process.oom_score_adj.set", "exec.join", "lowering it takes CAP_SYS_RESOURCE on the host"),
    ("linux.namespaces.join", "linux.namespaces.unshare_user", "those of the host cannot be entered from below"),
    ("linux.namespaces.join", "linux.namespaces.unshare", "new ones belong to the user namespace that is joined"),
    ("linux.namespaces.unshare_user", "linux.id_mappings.wait_for_maps", "there must be something to map"),
    ("linux.id_mappings.wait_for_maps", "linux.id_mappings.become_root", "an id that is not mapped cannot be taken"),
    ("linux.id_mappings.become_root", "linux.namespaces.unshare", "what an unmapped user makes belongs to nobody"),
    ("linux.namespaces.unshare_user", "linux.namespaces.unshare", "the others shall belong to it"),
    ("linux.namespaces.unshare", "linux.time_offsets.write", "there must be a time namespace to shift"),
    ("linux.time_offsets.write", "process.session.lead", "with the first process in it its clocks are fixed"),
    ("linux.time_offsets.write", "process.session.forbid_tracing", "who cannot be traced may not write its files"),
    ("process.oom_score_adj.set", "process.session.forbid_tracing", "who cannot be traced may not write its files"),
    ("process.session.forbid_tracing", "exec.join", "those inside see us from then on (CVE-2016-9962)"),
    ("process.session.forbid_tracing", "root.open_proc", "nothing is masked in it (CVE-2016-9962)"),
    ("exec.join", "linux.id_mappings.become_root", "root is the container's, not the host's"),
    ("exec.join", "root.open_proc", "procfs shows the pid namespace of whoever mounts it"),
    ("process.exec_cpu_affinity.set_initial", WALK_IN, "it is for the time before the cgroup's cpuset applies"),
    (WALK_IN, "process.exec_cpu_affinity.set_final", "the kernel resets the affinity when a cpuset is entered"),
    # The file system, seen from the host.
    ("root.isolate", "root.bind", "the mount would appear on the host"),
    ("root.isolate", "mounts.mount_all", "every mount would appear on the host"),
    ("linux.namespaces.unshare", "root.isolate", "there must be a mount namespace of our own to isolate"),
    ("root.bind", "mounts.mount_all", "mounts are made on the container's tree, not beneath it"),
    ("root.bind", "root.pivot", "pivot_root(2) takes nothing but a mount"),
    ("mounts.mount_all", "linux.default_devices.create", "a mount at /dev would hide the nodes"),
    ("mounts.mount_all", "linux.devices.create", "a mount at /dev would hide the nodes"),
    ("mounts.mount_all", "linux.default_devices.link", "a mount at /dev would hide the links"),
    ("mounts.mount_all", "process.cwd.make", "the directory may be meant to lie on a mount"),
    ("mounts.mount_all", "root.pivot", "sources of bind mounts lie on the host"),
    ("linux.devices.create", "root.pivot", "where nodes cannot be made the host's are bound"),
    ("linux.default_devices.create", "root.pivot", "where nodes cannot be made the host's are bound"),
    ("linux.loopback.bring_up", "hooks.wait_for_runtime", "hooks that set up the network find lo working"),
    ("linux.loopback.bring_up", "process.user.become", "it takes CAP_NET_ADMIN"),
    ("mounts.mount_all", "hooks.create_container", "hooks add to a tree that is complete, and would be hidden"),
    ("linux.devices.create", "hooks.create_container", "hooks add to a tree that is complete"),
    ("hooks.wait_for_runtime", "hooks.create_container", "prestart, createRuntime, createContainer (config.md#hooks)"),
    ("hooks.wait_for_runtime", "root.pivot", "prestart and createRuntime come before the pivot (config.md#hooks)"),
    ("hooks.create_container", "root.pivot", "the path of the hook is one of the host (config.md#hooks)"),
    # Inside the root.
    ("process.session.lead", "process.terminal.attach", "only the leader of a session gets a controlling terminal"),
    ("mounts.mount_all", "process.terminal.attach", "the terminal is one of the container's own devpts"),
    ("process.terminal.attach", "root.make_readonly", "/dev/console has to be made"),
    ("process.cwd.make", "root.make_readonly", "the directory has to be made"),
    ("mounts.mount_all", "mounts.seal", "mount points have to be made on a tmpfs"),
    ("linux.default_devices.link", "mounts.seal", "devices and links have to be made on /dev"),
    ("process.terminal.attach", "mounts.seal", "/dev/console has to be made"),
    ("process.cwd.make", "mounts.seal", "the directory has to be made"),
    ("root.pivot", "root.open_proc", "where no procfs of our own can be had, /proc is taken: the container's"),
    ("root.open_proc", "linux.sysctl.write", "it is written by this descriptor (CVE-2025-52881)"),
    ("root.open_proc", "linux.masked_paths.hide", "a user namespace gets none while the one there is covered"),
    ("root.open_proc", "linux.readonly_paths.remount", "a user namespace gets none while /proc/sys is read-only"),
    ("linux.sysctl.write", "linux.readonly_paths.remount", "/proc/sys is one of them, and may be the procfs in use"),
    ("linux.readonly_paths.remount", "linux.rootfs_propagation.apply", "an unbindable root cannot be cloned"),
    ("linux.masked_paths.hide", "linux.rootfs_propagation.apply", "an unbindable root cannot be cloned"),
    ("root.pivot", "linux.rootfs_propagation.apply", "pivot_root(2) refuses a root that is shared"),
    ("hostname.set_name", "process.user.become", "it takes CAP_SYS_ADMIN"),
    ("domainname.set_name", "process.user.become", "it takes CAP_SYS_ADMIN"),
    ("linux.sysctl.write", "process.user.become", "most belong to root"),
    # What the program inherits.
    ("root.open_proc", "process.apparmor_profile.on_exec", "/proc could be a fake (CVE-2019-16884, CVE-2019-19921)"),
    ("root.open_proc", "process.selinux_label.on_exec", "/proc could be a fake (CVE-2019-16884)"),
    ("process.apparmor_profile.on_exec", "process.no_new_privileges.set", "with it only a narrower profile is allowed"),
    ("process.apparmor_profile.on_exec", "linux.seccomp.load_privileged", "the filter need not allow it"),
    ("process.selinux_label.on_exec", "linux.seccomp.load_privileged", "the filter need not allow it"),
    ("process.scheduler.set", "process.user.become", "it takes CAP_SYS_NICE"),
    ("process.io_priority.set", "process.user.become", "the class of real time takes CAP_SYS_NICE"),
    ("linux.personality.set", "linux.seccomp.load_privileged", "filters forbid personality(2), docker's does"),
    ("linux.memory_policy.set", "linux.seccomp.load_privileged", "filters forbid set_mempolicy(2), docker's does"),
    ("process.session.join_keyring", "linux.seccomp.load_privileged", "filters forbid keyctl(2), docker's does"),
    ("process.terminal.attach", "process.session.give_streams", "the terminal becomes the streams"),
    ("process.session.give_streams", "process.user.become", "only root may give files away"),
    ("process.session.reset_signals", "process.execute.execve", "what is ignored or blocked stays so over execve(2)"),
    ("process.session.keep_fds", "process.execute.inspect", "through a descriptor it may lie outside (CVE-2024-21626)"),
    ("process.session.keep_fds", "linux.seccomp.load_privileged", "the filter need not allow close_range(2)"),
    ("root.pivot", "process.cwd.enter", "the pivot leaves us in the root"),
    ("process.cwd.enter", "process.user.become", "root may enter where the user may not"),
    ("process.cwd.enter", "linux.seccomp.load_privileged", "the filter need not allow getcwd(2)"),
    ("process.user.become", "process.cwd.enter_as_user", "where root is squashed (NFS, FUSE) only the user may"),
    ("process.execute.inspect", "process.user.become", "root may read what the user may only execute"),
    ("process.execute.inspect", "process.rlimits.set_all", "no descriptor might be left to open the program with"),
    ("process.rlimits.set_all", "process.user.become", "to raise one takes CAP_SYS_RESOURCE"),
    ("process.rlimits.set_all", "linux.seccomp.load_privileged", "the filter need not allow it"),
    # Privileges go.
    ("process.capabilities.shrink_bounding_set", "process.user.become", "it takes CAP_SETPCAP"),
    ("process.capabilities.shrink_bounding_set", "linux.seccomp.load_privileged", "it looks into procfs"),
    ("process.capabilities.keep", "process.user.become", "the change of user clears the permitted set"),
    ("process.user.become", "process.capabilities.set_all", "the change takes CAP_SETUID, which may be taken away"),
    ("process.cwd.make", "process.user.umask", "it is for the program, not for what the runtime makes"),
    ("linux.devices.create", "process.user.umask", "it is for the program, not for what the runtime makes"),
    ("process.terminal.attach", "process.user.umask", "it is for the program, not for what the runtime makes"),
    ("process.no_new_privileges.set", "linux.seccomp.load", "without CAP_SYS_ADMIN it is what permits a filter"),
    ("linux.seccomp.load_privileged", "process.user.become", "without noNewPrivileges it takes CAP_SYS_ADMIN"),
    ("process.user.become", "root.close_proc", "it says whether groups may be set"),
    ("process.capabilities.shrink_bounding_set", "root.close_proc", "it says what we have"),
    ("root.close_proc", "hooks.start_container", "whoever may trace us while we wait could take it"),
    ("process.user.become", "linux.seccomp.load", "the filter need not allow setuid(2)"),
    ("process.capabilities.set_all", "linux.seccomp.load", "the filter need not allow capset(2)"),
    ("process.execute.find", "linux.seccomp.load", "the filter need not allow looking for the program"),
    ("process.user.become", "process.execute.find", "it is the user who must be allowed to execute it"),
    ("process.capabilities.set_all", "process.execute.find", "CAP_DAC_OVERRIDE may be one that is kept, or not"),
    ("process.cwd.enter_as_user", "process.execute.find", "a relative program counts from there"),
    ("process.execute.find", "hooks.start_container", "create and not start says that there is no such program"),
    ("linux.seccomp.load", "hooks.start_container", "create and not start waits for the agent"),
    ("hooks.start_container", "process.execute.execve", "it runs before the program (config.md#hooks)"),
]  # fmt: skip


@pytest.mark.parametrize("order", [pytest.param(CREATE, id="create"), pytest.param(EXEC, id="exec")])
def test_list_is_in_order_when_every_reason_is_asked(order: tuple[str, ...]) -> None:
    wrong = [f"{earlier} belongs before {later}: {because}" for earlier, later, because in REASONS
             if earlier in order and later in order and order.index(earlier) > order.index(later)]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("order", [pytest.param(CREATE, id="create"), pytest.param(EXEC, id="exec")])
def test_no_step_is_taken_twice_when_listed(order: tuple[str, ...]) -> None:
    assert len(order) == len(set(order))


def test_every_reason_is_about_steps_that_follow_each_other_in_a_list() -> None:
    assert [reason for reason in REASONS if not any({*reason[:2]} <= {*order} for order in (CREATE, EXEC))] == []
    assert len({reason[:2] for reason in REASONS}) == len(REASONS)


def test_every_step_has_a_reason_to_stand_where_it_does() -> None:
    assert {*CREATE, *EXEC} - {name for reason in REASONS for name in reason[:2]} == set()


def test_exec_walks_in_and_joins_between_its_lists() -> None:
    stage = exec.stage(answers.walking_in([]), -1)
    assert tuple(step if isinstance(step, str) else step[0] for step in stage) == EXEC[: len(stage)]


def test_exec_leaves_the_file_system_alone_and_shares_the_rest() -> None:
    made = {"root.bind", "root.pivot", "mounts.mount_all", "linux.devices.create", "linux.masked_paths.hide"}
    assert not made & {*EXEC}
    assert {*create.PROCESS, *create.LAUNCH} <= {*EXEC} & {*CREATE}
