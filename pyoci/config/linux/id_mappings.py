"""linux.uidMappings and linux.gidMappings: the ids of a user namespace (config-linux.md#user-namespace-mappings)."""

from __future__ import annotations

import errno
import os

from pyoci.errors import ConfigError, StepError, Unsupported
from pyoci.record import Record, uint32
from pyoci.syscalls import namespaces, prctl, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyoci.container.init import Init

_SHOWN = 5  # mappings in a message
_HINTS = {
    errno.EINVAL: "ids may not be mapped twice, and there may be 340 mappings that fit on a page of memory as text",
    # Of these, a container's root may lack the first two.
    errno.EPERM: "it takes CAP_SETUID and CAP_SETGID, CAP_SETFCAP as well to map id 0, and ids that are mapped here",
}


class IdMapping(Record):
    """*size* ids, from *container_id* on inside and from *host_id* on outside."""

    container_id: uint32
    host_id: uint32
    size: uint32

    def check(self) -> None:
        """At least one id, and none beyond 32 bits."""
        if self.size == 0:
            raise ConfigError("maps no id", "size")
        if max(self.container_id, self.host_id) + self.size >= 2**32:
            raise ConfigError(f"{self.size} ids reach beyond 32 bits", "size")


def text(mappings: Sequence[IdMapping]) -> str:
    """What uid_map and gid_map are given (user_namespaces(7))."""
    return "".join([f"{entry.container_id} {entry.host_id} {entry.size}\n" for entry in mappings])


def write(pid: int, uid_mappings: Sequence[IdMapping], gid_mappings: Sequence[IdMapping]) -> None:
    """Map the ids of the user namespace *pid* has just made; only a process outside it may.

    Without root's privileges one may map one's own id, and other ids with the help of newuidmap and newgidmap,
    which know the ranges in /etc/subuid and /etc/subgid. Raises StepError, and Unsupported without those programs.
    """
    own = os.geteuid(), os.getegid()
    if own[0] == 0 or _is_own(uid_mappings, own[0]):
        _write(pid, "uid_map", text(uid_mappings))
    else:
        _delegate("newuidmap", pid, uid_mappings)
    if _is_own(gid_mappings, own[1]):
        _write_own_gid(pid, text(gid_mappings))
    elif own[0] == 0:
        _write(pid, "gid_map", text(gid_mappings))
    else:
        _delegate("newgidmap", pid, gid_mappings)


def _is_own(mappings: Sequence[IdMapping], own: int) -> bool:
    return [(entry.host_id, entry.size) for entry in mappings] == [(own, 1)]


def _write_own_gid(pid: int, line: str) -> None:
    """Map one's own group, which takes CAP_SETGID, or since Linux 3.19 that setgroups(2) is denied (CVE-2014-8989)."""
    try:
        _write(pid, "gid_map", line)
    except StepError as error:
        if error.details["errno"] != errno.EPERM:
            raise
        _write(pid, "setgroups", "deny")
        _write(pid, "gid_map", line)


def _write(pid: int, name: str, lines: str) -> None:
    path = f"/proc/{pid}/{name}"
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(lines.encode())
    except OSError as error:
        shown = ", ".join(lines.splitlines()[:_SHOWN]) + (", …" if lines.count("\n") > _SHOWN else "")
        raise StepError(f"cannot write {shown} to {path}: {(error.strerror or '').lower()}", field=_field(name),
                        file=path, errno=error.errno, hint=_HINTS.get(error.errno or 0)) from error


def _field(name: str) -> str:
    return "linux.uidMappings" if "uid" in name else "linux.gidMappings"


def _delegate(program: str, pid: int, mappings: Sequence[IdMapping]) -> None:
    """Let *program* (newuidmap or newgidmap, setuid root) write the map."""
    arguments = [program, str(pid), *text(mappings).split()]
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        child = os.posix_spawnp(program, arguments, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 2)])
    except OSError as error:
        hint = f"install {program} (package uidmap), or map your own id alone"
        raise Unsupported(f"cannot run {program}: {(error.strerror or '').lower()}",
                          field=_field(program), errno=error.errno, hint=hint) from error
    else:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.set_blocking(reader, False)
        said = (os.read(reader, 4096) if status else b"").decode(errors="replace").strip()
    finally:
        os.close(reader)
        os.close(writer)
    if status:
        raise StepError(f"{program}: {said or f'ended with {status}'}", field=_field(program),
                        hint=f"the ranges you may map are in /etc/sub{program[3:6]}")


def open_namespace(uid_mappings: Sequence[IdMapping], gid_mappings: Sequence[IdMapping]) -> int:
    """A new user namespace with these maps, for mount_setattr(2); the caller closes the descriptor."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = process.clone(namespaces.CLONE_NEWUSER)
    if child == 0:  # stay until the namespace is held by the descriptor
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        write(child, uid_mappings, gid_mappings)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reader)
        os.close(writer)
        os.waitpid(child, 0)


def wait_for_maps(init: Init) -> None:
    """Wait until the runtime, outside, has mapped the ids of a new user namespace."""
    if init.new_user_namespace:
        init.channel.ask("maps")


def become_root(init: Init) -> None:
    """Become root of the user namespace just entered, where it has one; what is made from here on is root's.

    A change of user makes /proc/self root's of the *host*, out of reach for the steps that write there, until the
    process is dumpable again; ``exec`` has nothing to write there (see process.session.forbid_tracing).
    """
    if "user" not in init.private:
        return
    for change in (os.setresgid, os.setresuid):
        # Not by a look at /proc/self/uid_map: with ``exec``, /proc may be one of a pid namespace without us.
        try:
            change(0, 0, 0)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: no id 0 is mapped
                raise
    if not init.joining:
        prctl.dumpable(True)
