from __future__ import annotations

import errno
import os

import pytest

from pyoci.syscalls.fd import Fd


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError as failure:
        return failure.errno != errno.EBADF
    return True


def test_fd_closes_when_the_block_ends() -> None:
    reader, writer = os.pipe()
    with Fd(reader) as owned, Fd(writer):
        assert owned.fileno() == reader

    assert owned.fileno() == -1
    assert not _is_open(reader)


def test_fd_leaves_the_descriptor_alone_when_taken() -> None:
    reader, writer = os.pipe()
    with Fd(writer), Fd(reader) as owned:
        assert owned.take() == reader
        assert owned.take() == -1

    assert _is_open(reader)
    os.close(reader)


def test_fd_is_harmless_when_closed_twice_or_never_open() -> None:
    owned = Fd(-1)
    owned.close()
    owned.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(owned.fileno())
