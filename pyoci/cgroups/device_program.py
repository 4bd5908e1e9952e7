"""Device rules as a program for the kernel (BPF_PROG_TYPE_CGROUP_DEVICE): v2 has no files for them.

The kernel runs it at each mknod(2) and open(2) of a device with what is asked for::

    struct bpf_cgroup_dev_ctx { __u32 access_type; __u32 major; __u32 minor; };

where ``access_type`` has the type in its lower half and the kinds of access in its upper. Not 0 means yes.

A rule is ``(allow, type, major, minor, access)``: "a", "b" or "c", numbers where -1 stands for all, letters of
"rwm". Rules are applied in order, so for each kind of access the last rule that fits decides. The program
therefore goes through them backwards and strikes off what is allowed; the first prohibition of something
not yet struck off ends it, as does the end of the rules.

What a rule compares it loads itself. A value kept from one rule to the next the kernel's verifier would remember as
well, and follow each possible one to the end of the program: a thousand rules were too many for it.
"""

from __future__ import annotations

import errno
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Rule = tuple[bool, str, int, int, str]

# enum and #define BPF_DEVCG_* in linux/bpf.h
TYPES = {"b": 1, "c": 2}
ACCESS = {"m": 1, "r": 2, "w": 4}
ALL = "rwm"

# Operations, from linux/bpf_common.h and linux/bpf.h: class | source or size | operation.
_LDX_W = 0x61  # dst = *(u32 *)(src + off)
_MOV = 0xB7  # dst = imm
_MOV_REGISTER = 0xBF  # dst = src
_AND = 0x57  # dst &= imm
_SHIFT_RIGHT = 0x77  # dst >>= imm
_JUMP_EQUAL = 0x16  # skip off when the lower 32 bits of dst == imm (BPF_JMP32, Linux 5.1)
_JUMP_NOT_EQUAL = 0x56
_EXIT = 0x95

_ANSWER, _CONTEXT, _WANTED, _SCRATCH = 0, 1, 2, 3  # registers
_ACCESS_TYPE, _MAJOR, _MINOR = 0, 4, 8  # offsets in the context


def assemble(rules: Iterable[Rule]) -> bytes:
    """The program, as an array of struct bpf_insn."""
    program = [
        _instruction(_LDX_W, _WANTED, _CONTEXT, _ACCESS_TYPE), _instruction(_SHIFT_RIGHT, _WANTED, immediate=16),
    ]  # fmt: skip
    for rule in reversed(list(rules)):
        allow, kind, major, minor, access = rule
        if kind == "a" and major == minor == -1 and set(access) == set(ALL):
            # It decides everything. What follows could not be reached, and the verifier refuses such code.
            return b"".join([*program, *_answer(allow)])
        program += _test(rule)
    return b"".join([*program, *_answer(False)])


def _answer(allow: bool) -> list[bytes]:
    return [_instruction(_MOV, _ANSWER, immediate=int(allow)), _instruction(_EXIT)]


def _test(rule: Rule) -> list[bytes]:
    """The instructions of one rule; what comes next is reached when it does not settle the matter."""
    allow, kind, major, minor, access = rule
    bits = sum([ACCESS[letter] for letter in set(access)])
    if allow:
        body = [_instruction(_AND, _WANTED, immediate=~bits), _instruction(_JUMP_NOT_EQUAL, _WANTED, offset=2)]
    else:
        body = [
            _instruction(_MOV_REGISTER, _SCRATCH, _WANTED),
            _instruction(_AND, _SCRATCH, immediate=bits),
            _instruction(_JUMP_EQUAL, _SCRATCH, offset=2),
        ]
    body += _answer(allow)
    conditions = [(_ACCESS_TYPE, TYPES.get(kind, -1)), (_MAJOR, major), (_MINOR, minor)]
    for field, value in reversed(conditions):
        if value != -1:
            body = [*_load(field), _instruction(_JUMP_NOT_EQUAL, _SCRATCH, offset=len(body), immediate=value), *body]
    return body


def _load(field: int) -> list[bytes]:
    """What is asked for of the device: its type, major or minor number."""
    load = _instruction(_LDX_W, _SCRATCH, _CONTEXT, field)
    return [load, _instruction(_AND, _SCRATCH, immediate=0xFFFF)] if field == _ACCESS_TYPE else [load]


def _instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """struct bpf_insn: the two registers share a byte, and C's bit-fields begin at the low end of it or the high."""
    registers = target | source << 4 if sys.byteorder == "little" else target << 4 | source
    return struct.pack("=BBhI", code, registers, offset, immediate & 0xFFFFFFFF)


def attach(program: bytes, directory: int) -> None:
    """Attach *program* to the cgroup in place of the programs attached to it so far, at no time leaving it open."""
    from pyoci.syscalls import bpf

    new = bpf.prog_load(bpf.BPF_PROG_TYPE_CGROUP_DEVICE, program)
    old: list[int] = []
    try:
        old += [bpf.prog_get_fd_by_id(number) for number in bpf.prog_query(directory, bpf.BPF_CGROUP_DEVICE)]
        if len(old) == 1 and _replace(new, old[0], directory):
            return
        bpf.prog_attach(new, directory, bpf.BPF_CGROUP_DEVICE, bpf.BPF_F_ALLOW_MULTI)
        for fd in old:  # all attached programs must agree, so an old one can only be too strict meanwhile
            bpf.prog_detach(fd, directory, bpf.BPF_CGROUP_DEVICE)
    finally:
        for fd in (new, *old):
            os.close(fd)


def _replace(new: int, old: int, directory: int) -> bool:
    """Exchange programs in one step; False where that is impossible (before Linux 5.6, or *old* came otherwise)."""
    from pyoci.syscalls import bpf

    try:
        bpf.prog_attach(new, directory, bpf.BPF_CGROUP_DEVICE, bpf.BPF_F_ALLOW_MULTI, replace_fd=old)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOENT, errno.EPERM}:
            raise
        return False
    return True
