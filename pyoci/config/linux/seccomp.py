"""linux.seccomp: which system calls the program may make (config-linux.md#seccomp, seccomp(2)).

The filter is made in the runtime, before anything is forked (``seccomp_program``), and loaded by init as an array
of instructions, so that no library is needed inside the container and mistakes show while there is nothing to undo.

When it is loaded matters twice. Without noNewPrivileges it takes CAP_SYS_ADMIN, so it is loaded before the user
changes, and the calls that follow have to pass it; with it, it is loaded last. And a call that is answered by an
agent (SCMP_ACT_NOTIFY) waits for the agent, who gets the listener only after the filter is loaded: init says where
it is with write(2), and the runtime fetches it. write is therefore the one call that no agent may answer.
"""

from __future__ import annotations

import os
import sys

from pyoci import json_text, log
from pyoci.errors import ConfigError, StepError, Unsupported
from pyoci.record import Record, uint32, uint64
from pyoci.syscalls import seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

# include/uapi/linux/seccomp.h: SECCOMP_RET_*
ACTIONS = {
    "SCMP_ACT_KILL": 0x0000_0000,
    "SCMP_ACT_KILL_PROCESS": 0x8000_0000,
    "SCMP_ACT_KILL_THREAD": 0x0000_0000,
    "SCMP_ACT_TRAP": 0x0003_0000,
    "SCMP_ACT_ERRNO": 0x0005_0000,
    "SCMP_ACT_TRACE": 0x7FF0_0000,
    "SCMP_ACT_ALLOW": 0x7FFF_0000,
    "SCMP_ACT_LOG": 0x7FFC_0000,
    "SCMP_ACT_NOTIFY": 0x7FC0_0000,
}
# libseccomp's enum scmp_compare
OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
# include/uapi/linux/audit.h: AUDIT_ARCH_*, but for X32, which is libseccomp's own
ARCHITECTURES = {
    "SCMP_ARCH_X86": 0x4000_0003,
    "SCMP_ARCH_X86_64": 0xC000_003E,
    "SCMP_ARCH_X32": 0x4000_003E,
    "SCMP_ARCH_ARM": 0x4000_0028,
    "SCMP_ARCH_AARCH64": 0xC000_00B7,
    "SCMP_ARCH_MIPS": 0x0000_0008,
    "SCMP_ARCH_MIPS64": 0x8000_0008,
    "SCMP_ARCH_MIPS64N32": 0xA000_0008,
    "SCMP_ARCH_MIPSEL": 0x4000_0008,
    "SCMP_ARCH_MIPSEL64": 0xC000_0008,
    "SCMP_ARCH_MIPSEL64N32": 0xE000_0008,
    "SCMP_ARCH_PPC": 0x0000_0014,
    "SCMP_ARCH_PPC64": 0x8000_0015,
    "SCMP_ARCH_PPC64LE": 0xC000_0015,
    "SCMP_ARCH_S390": 0x0000_0016,
    "SCMP_ARCH_S390X": 0x8000_0016,
    "SCMP_ARCH_PARISC": 0x0000_000F,
    "SCMP_ARCH_PARISC64": 0x8000_000F,
    "SCMP_ARCH_RISCV64": 0xC000_00F3,
    "SCMP_ARCH_LOONGARCH64": 0xC000_0102,
    "SCMP_ARCH_M68K": 0x0000_0004,
    "SCMP_ARCH_SH": 0x4000_002A,
    "SCMP_ARCH_SHEB": 0x0000_002A,
}
FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": seccomp.FILTER_FLAG_TSYNC,
    "SECCOMP_FILTER_FLAG_LOG": seccomp.FILTER_FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": seccomp.FILTER_FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": seccomp.FILTER_FLAG_WAIT_KILLABLE_RECV,
}
NOTIFY = "SCMP_ACT_NOTIFY"
# libseccomp takes an errno below the kernel's MAX_ERRNO, and all of SECCOMP_RET_DATA for a tracer.
_LARGEST_DATA = {"SCMP_ACT_ERRNO": 4094, "SCMP_ACT_TRACE": 0xFFFF}
_EPERM = 1
_ARGUMENTS = 6
_OWN_CALLS = ("write",)
_DELIVERY_SECONDS = 10


class Arg(Record):
    """A condition on argument *index*; SCMP_CMP_MASKED_EQ compares it under the mask *value* with *value_two*."""

    index: uint32
    value: uint64
    value_two: uint64 = 0
    op: str

    def check(self) -> None:
        """Refuse an unknown operator and a seventh argument."""
        if self.index >= _ARGUMENTS:
            raise ConfigError(f"{self.index} is no argument: they go from 0 to {_ARGUMENTS - 1}", "index")
        if self.op not in OPERATORS:
            raise ConfigError(f'"{self.op}" is no operator', "op")


class Syscall(Record):
    """What happens to the system calls *names*, when their arguments meet all of *args*."""

    names: tuple[str, ...]
    action: str
    errno_ret: uint32 | None = None
    args: tuple[Arg, ...] = ()

    def check(self) -> None:
        """Refuse an unknown action, an errno it cannot return, and a rule about nothing."""
        _check_action(self.action, "action", self.errno_ret, "errnoRet")
        if not self.names:
            raise ConfigError("has to name a system call", "names")
        if "" in self.names:
            raise ConfigError("empty string is not a valid syscall", f"names[{self.names.index('')}]")


class Seccomp(Record):
    """A filter: the action for every system call that no rule is about, and the rules."""

    default_action: str
    default_errno_ret: uint32 | None = None
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str = ""
    listener_metadata: str = ""
    syscalls: tuple[Syscall, ...] = ()

    def check(self) -> None:
        """Refuse what is unknown, and what an agent cannot be asked."""
        _check_action(self.default_action, "defaultAction", self.default_errno_ret, "defaultErrnoRet")
        for field, values, known in (("architectures", self.architectures, ARCHITECTURES),
                                     ("flags", self.flags, FLAGS)):
            for place, name in enumerate(values):
                if name not in known:
                    raise ConfigError(f'"{name}" is not known', f"{field}[{place}]")
        self._check_notify()

    def _check_notify(self) -> None:
        if self.default_action == NOTIFY:
            raise ConfigError("SCMP_ACT_NOTIFY cannot be used as default action", "defaultAction")
        if self.listener_metadata and not self.listener_path:
            raise ConfigError("is of no use without listenerPath", "listenerMetadata")
        for place, rule in enumerate(self.syscalls):
            for name in _OWN_CALLS:
                if rule.action == NOTIFY and name in rule.names:
                    raise ConfigError(f"SCMP_ACT_NOTIFY cannot be used for the {name} syscall", f"syscalls[{place}]")
        if self.has_listener() and not self.listener_path.startswith("/"):
            raise ConfigError("has to be an absolute path, where SCMP_ACT_NOTIFY is used", "listenerPath")

    def has_listener(self) -> bool:
        """Whether an agent answers some call."""
        return any(rule.action == NOTIFY for rule in self.syscalls)


def _check_action(action: str, field: str, errno_ret: int | None, errno_field: str) -> None:
    if action not in ACTIONS:
        raise ConfigError(f'"{action}" is no action', field)
    if errno_ret is None:
        return
    if action not in _LARGEST_DATA:
        raise ConfigError(f"{action} returns no errno", errno_field)
    if errno_ret > _LARGEST_DATA[action]:
        raise ConfigError(f"{errno_ret} is above {_LARGEST_DATA[action]}", errno_field)


def verdict(action: str, errno_ret: int | None) -> int:
    """What a filter returns for *action*: SECCOMP_RET_*, with the errno (EPERM unless given) where it has one."""
    data = (_EPERM if errno_ret is None else errno_ret) if action in _LARGEST_DATA else 0
    return ACTIONS[action] | data


def prepare(init: Init) -> None:
    """Make the filter, in the runtime. Raises Unsupported for what this kernel or libseccomp does not know."""
    from pyoci.config.linux import seccomp_program

    section = init.config.linux.seccomp
    program, unknown = seccomp_program.make(section, init.cache_dir())
    if unknown:
        log.debug(f"linux.seccomp: libseccomp does not know {', '.join(unknown)}")
    init.prepared["linux.seccomp"] = (program, _flags(section))


def _flags(section: Seccomp) -> int:
    """The flags of seccomp(2); WAIT_KILLABLE_RECV is about the listener and refused by the kernel without one."""
    flags = seccomp.FILTER_FLAG_NEW_LISTENER if section.has_listener() else 0
    for place, name in enumerate(section.flags):
        if not seccomp.flag_available(FLAGS[name]):
            raise Unsupported(f"linux.seccomp.flags: this kernel does not have {name}",
                              field=f"linux.seccomp.flags[{place}]")
        if flags or FLAGS[name] != seccomp.FILTER_FLAG_WAIT_KILLABLE_RECV:
            flags |= FLAGS[name]
    return flags


def load_privileged(init: Init) -> None:
    """Load the filter while CAP_SYS_ADMIN is there, unless noNewPrivileges makes it needless."""
    if not init.process.no_new_privileges:
        _load(init)


def load(init: Init) -> None:
    """Load the filter as late as can be, where noNewPrivileges allows it."""
    if init.process.no_new_privileges:
        _load(init)


def _load(init: Init) -> None:
    """Load the filter, and wait until the agent has the listener."""
    prepared = init.prepared["linux.seccomp"]
    assert isinstance(prepared, tuple)
    program, flags = prepared
    listener_fd = seccomp.set_mode_filter(program, flags)
    if flags & seccomp.FILTER_FLAG_NEW_LISTENER:
        init.channel.ask("listener", fd=listener_fd)
        os.close(listener_fd)


def process_state(section: Seccomp, state: dict[str, object], pid: int) -> dict[str, object]:
    """The container process state (config-linux.md#containerprocessstate) of process *pid* of a container."""
    metadata: dict[str, object] = {"metadata": section.listener_metadata} if section.listener_metadata else {}
    return {"ociVersion": state["ociVersion"], "fds": ["seccompFd"], "pid": pid, **metadata, "state": state}


def deliver(listener_fd: int, section: Seccomp, state: dict[str, object], pid: int | None = None) -> None:
    """Hand the listener to the agent at ``listenerPath``, with the container's *state*. Raises StepError.

    *pid* is the process the filter is loaded in, the container's own unless it is an ``exec``. The descriptor
    stays the caller's.
    """
    number = state["pid"] if pid is None else pid
    assert isinstance(number, int)
    try:
        _send(section.listener_path, json_text.dumps(process_state(section, state, number)).encode(), listener_fd)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StepError(f"cannot hand the seccomp listener to {section.listener_path}: {reason}",
                        step="linux.seccomp.deliver", field="linux.seccomp.listenerPath", errno=error.errno,
                        file=section.listener_path, hint="is the agent running?") from error


def _send(path: str, document: bytes, fd: int) -> None:
    """Connect to *path*, send *document* with *fd* in its first packet, and hang up."""
    import _socket

    place = os.open(path, os.O_PATH | os.O_CLOEXEC)  # the name of a socket has 107 bytes, a descriptor's is short
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        socket.settimeout(_DELIVERY_SECONDS)
        socket.connect(f"/proc/self/fd/{place}")
        rights = fd.to_bytes(4, sys.byteorder)
        sent = socket.sendmsg([document], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
        socket.sendall(document[sent:])
    finally:
        os.close(place)
        socket.close()
