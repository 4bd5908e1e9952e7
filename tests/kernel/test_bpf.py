from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from pyoci.syscalls import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOVE_IMMEDIATE, EXIT = 0xB7, 0x95


def _program(*instructions: tuple[int, int]) -> bytes:
    """Instructions on register 0."""
    return b"".join(struct.pack("=BBhi", code, 0, 0, value) for code, value in instructions)


ALLOW = _program((MOVE_IMMEDIATE, 1), (EXIT, 0))


@pytest.fixture
def allow() -> Iterator[int]:
    """A loaded program that allows every device."""
    try:
        fd = bpf.prog_load(bpf.BPF_PROG_TYPE_CGROUP_DEVICE, ALLOW)
    except PermissionError:
        pytest.skip("needs CAP_BPF and CAP_NET_ADMIN")
    yield fd
    os.close(fd)


def test_prog_load_carries_the_verifiers_words_when_it_refuses(allow: int) -> None:
    with pytest.raises(OSError, match="R0 !read_ok") as caught:
        bpf.prog_load(bpf.BPF_PROG_TYPE_CGROUP_DEVICE, _program((EXIT, 0)))

    assert caught.value.__notes__ == ["bpf(2)"]


def test_prog_load_leaves_a_close_on_exec_descriptor_when_it_loads(allow: int) -> None:
    assert os.readlink(f"/proc/self/fd/{allow}") == "anon_inode:bpf-prog"
    assert os.get_inheritable(allow) is False


def test_prog_attach_adds_replaces_and_detaches_when_told(allow: int, cgroup: int) -> None:
    kind, flags = bpf.BPF_CGROUP_DEVICE, bpf.BPF_F_ALLOW_MULTI
    assert bpf.prog_query(cgroup, kind) == []

    bpf.prog_attach(allow, cgroup, kind, flags)
    (first,) = bpf.prog_query(cgroup, kind)

    other = bpf.prog_load(bpf.BPF_PROG_TYPE_CGROUP_DEVICE, ALLOW)
    attached = bpf.prog_get_fd_by_id(first)
    bpf.prog_attach(other, cgroup, kind, flags, replace_fd=attached)
    (second,) = bpf.prog_query(cgroup, kind)
    assert second != first

    bpf.prog_detach(other, cgroup, kind)
    assert bpf.prog_query(cgroup, kind) == []
    os.close(other)
    os.close(attached)


def test_prog_attach_fails_when_the_directory_is_no_cgroup(allow: int, tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        bpf.prog_attach(allow, fd, bpf.BPF_CGROUP_DEVICE)
    os.close(fd)

    assert caught.value.errno in {errno.EBADF, errno.EINVAL}


def test_prog_get_fd_by_id_says_enoent_when_it_is_gone(allow: int) -> None:
    with pytest.raises(FileNotFoundError):
        bpf.prog_get_fd_by_id(2**31 - 1)
