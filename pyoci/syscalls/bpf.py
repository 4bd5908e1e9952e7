"""bpf(2): programs, and what cgroups they are attached to."""

from __future__ import annotations

import struct

from pyoci.syscalls.call import address, error, syscall

BPF_PROG_TYPE_CGROUP_DEVICE = 15
BPF_CGROUP_DEVICE = 6  # the type of attachment
BPF_F_ALLOW_MULTI = 2
BPF_F_REPLACE = 4

_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_DETACH = 9
_PROG_GET_FD_BY_ID = 13
_PROG_QUERY = 16

_INSTRUCTION = 8  # sizeof(struct bpf_insn)
_LOG_SIZE = 65536
_VERDICT_LINES = 3  # the last ones; those before them are the program
_ATTEMPTS = 5  # as libbpf: the verifier gives way to signals with EAGAIN


def prog_load(program_type: int, instructions: bytes, program_license: str = "Apache-2.0") -> int:
    """A descriptor of the program, which *instructions* (struct bpf_insn) are.

    When the verifier refuses it, the text of the OSError ends with the verifier's own.
    """
    code = bytearray(instructions or b"\0")
    words = bytearray(program_license.encode() + b"\0")
    start = (program_type, len(instructions) // _INSTRUCTION, address(code), address(words))
    try:
        return _load(struct.pack("=IIQQIIQ", *start, 0, 0, 0))
    except OSError as failure:
        log = bytearray(_LOG_SIZE)
        try:
            return _load(struct.pack("=IIQQIIQ", *start, 1, _LOG_SIZE, address(log)))
        except OSError:
            verdict = log.partition(b"\0")[0].decode(errors="replace").splitlines()[-_VERDICT_LINES:]
            raise error("bpf", failure.errno or 0, reason="; ".join(verdict)) from None


def _load(attributes: bytes) -> int:
    for _ in range(_ATTEMPTS - 1):
        try:
            return _bpf(_PROG_LOAD, attributes)
        except BlockingIOError:
            continue
    return _bpf(_PROG_LOAD, attributes)


def prog_attach(prog_fd: int, target_fd: int, attach_type: int, flags: int = 0, replace_fd: int = -1) -> None:
    """Attach a program to the cgroup *target_fd*; with *replace_fd*, in the place of that one."""
    if replace_fd >= 0:
        flags |= BPF_F_REPLACE
    _bpf(_PROG_ATTACH, struct.pack("=5I", target_fd, prog_fd, attach_type, flags, max(replace_fd, 0)))


def prog_detach(prog_fd: int, target_fd: int, attach_type: int) -> None:
    """Detach a program from the cgroup *target_fd*."""
    _bpf(_PROG_DETACH, struct.pack("=3I", target_fd, prog_fd, attach_type))


def prog_query(target_fd: int, attach_type: int) -> list[int]:
    """The ids of the programs attached to the cgroup *target_fd* itself."""
    capacity = 64  # BPF_CGROUP_MAX_PROGS
    ids = bytearray(4 * capacity)
    layout = struct.Struct("=4IQII")  # target, type, query flags, attach flags (out), ids, count (in, out)
    attributes = bytearray(layout.pack(target_fd, attach_type, 0, 0, address(ids), capacity, 0))
    _bpf(_PROG_QUERY, attributes)
    return list(struct.unpack_from(f"={layout.unpack(attributes)[5]}I", ids))


def prog_get_fd_by_id(program_id: int) -> int:
    """A descriptor of the program of that id. Raises OSError(ENOENT) when it is gone."""
    return _bpf(_PROG_GET_FD_BY_ID, struct.pack("=3I", program_id, 0, 0))


def _bpf(command: int, attributes: bytes | bytearray) -> int:
    """The call; every descriptor it makes is close-on-exec."""
    return syscall("bpf", command, attributes, len(attributes))
