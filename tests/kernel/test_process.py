from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from pyoci.syscalls import call, namespaces, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    InChild = Callable[..., Any]

PR_SET_NAME = 15


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A child that waits; the test may end and reap it."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    yield pid
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(0, id="plain"),
        pytest.param(namespaces.CLONE_NEWUTS, id="clone3 with a namespace"),
        pytest.param(namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNS, id="clone3 as pid 1"),
    ],
)
def test_clone_is_like_fork_when_flags_are_given(in_child: InChild, flags: int) -> None:
    def child() -> tuple[bytes, int]:
        reader, writer = os.pipe()
        here = os.getpid()
        pid = process.clone(flags)
        if pid == 0:
            os.write(writer, f"{os.getppid() in (here, 0)} {os.getpid() == 1}".encode())
            os._exit(7)
        return os.read(reader, 64), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(child) == (b"True True" if flags & namespaces.CLONE_NEWPID else b"True False", 7)


def test_clone_runs_pythons_handlers_when_it_forks(in_child: InChild) -> None:
    def child() -> bytes:
        reader, writer = os.pipe()
        os.register_at_fork(
            before=lambda: os.write(writer, b"b"),
            after_in_child=lambda: os.write(writer, b"c"),
            after_in_parent=lambda: os.write(writer, b"p"),
        )
        pid = process.clone(namespaces.CLONE_NEWUTS)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return bytes(sorted(os.read(reader, 64)))

    assert in_child(child) == b"bcp"


def test_clone_makes_a_sibling_when_asked_for_the_same_parent(in_child: InChild) -> None:
    def child() -> list[bool]:
        """Fork a stage, which makes a sibling: ours to wait for."""
        reader, writer = os.pipe()
        here = os.getpid()
        stage = os.fork()
        if stage == 0:
            sibling = process.clone(process.CLONE_PARENT | namespaces.CLONE_NEWUTS)
            if sibling == 0:
                os.write(writer, str(os.getppid()).encode())
                os._exit(9)
            os._exit(0)
        os.waitpid(stage, 0)
        pid, status = os.wait()
        return [pid not in (stage, here), os.waitstatus_to_exitcode(status) == 9, int(os.read(reader, 64)) == here]

    assert in_child(child) == [True, True, True]


def test_clone_raises_when_the_kernel_refuses() -> None:
    with pytest.raises(OSError, match="Invalid argument") as caught:
        process.clone(namespaces.CLONE_NEWNS | 0x200)  # CLONE_FS

    assert (caught.value.errno, caught.value.__notes__) == (errno.EINVAL, ["clone3(2)"])


def test_clone_raises_when_the_descriptor_is_no_cgroup(root: int) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        process.clone(cgroup_fd=root)


def test_start_time_is_read_right_when_the_name_has_parentheses(sleeper: int, in_child: InChild) -> None:
    before = process.start_time(os.getpid())

    def child() -> int | None:
        ctypes.CDLL(None).prctl(PR_SET_NAME, b") Z 1 (x) R")
        assert b") Z 1 (x) R)" in Path("/proc/self/stat").read_bytes()
        return process.start_time(os.getpid())

    started = in_child(child, 0)
    assert isinstance(before, int)
    assert isinstance(started, int)
    assert before <= started <= time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK") + 1


def test_is_alive_when_it_runs_and_not_when_it_is_a_zombie_or_gone(sleeper: int) -> None:
    started = process.start_time(sleeper)
    assert started is not None
    assert process.is_alive(sleeper, started)
    assert not process.is_alive(sleeper, started + 1)  # the pid was used again

    pidfd = os.pidfd_open(sleeper)
    os.kill(sleeper, signal.SIGKILL)
    assert select.select([pidfd], [], [], 10)[0]
    os.close(pidfd)
    assert not process.is_alive(sleeper, started)
    assert process.start_time(sleeper) == started

    os.waitpid(sleeper, 0)
    assert not process.is_alive(sleeper, started)
    assert process.start_time(sleeper) is None


def test_clone_starts_in_the_cgroup_when_given_one(in_child: InChild, cgroup: int) -> None:
    def child() -> bytes:
        reader, writer = os.pipe()
        if (pid := process.clone(cgroup_fd=cgroup)) == 0:
            os.write(writer, Path("/proc/self/cgroup").read_bytes())
            os._exit(0)
        os.waitpid(pid, 0)
        return os.read(reader, 4096).splitlines()[-1]

    answer = in_child(child, 0)
    assert isinstance(answer, bytes)
    assert answer.startswith(b"0::")
    assert answer.endswith(f"pyoci-test-kernel-{os.getpid()}".encode())


def test_close_range_marks_or_closes_when_told(in_child: InChild) -> None:
    def child() -> list[object]:
        low, high = os.dup2(1, 200), os.dup2(1, 201)
        process.close_range(200, 201, process.CLOSE_RANGE_CLOEXEC)
        seen: list[object] = [os.get_inheritable(low), os.get_inheritable(high)]
        process.close_range(201)
        return [*seen, os.path.exists("/proc/self/fd/200"), os.path.exists("/proc/self/fd/201")]

    assert in_child(child, 0) == [False, False, True, False]


def test_pidfd_getfd_shares_the_file_when_allowed(sleeper: int) -> None:
    pidfd = os.pidfd_open(sleeper)
    fd = process.pidfd_getfd(pidfd, 0)

    assert os.path.sameopenfile(fd, 0)
    assert os.get_inheritable(fd) is False
    os.close(fd)
    os.close(pidfd)


@pytest.mark.parametrize("number", [10, 32, 33, 64])
def test_default_signal_ends_what_was_ignored_when_the_c_library_forbids_to_ask(in_child: InChild, number: int) -> None:
    def child() -> list[bool]:
        ignore = (1).to_bytes(8, sys.byteorder) + bytes(24)  # struct sigaction with SIG_IGN
        call.syscall("rt_sigaction", number, ignore, None, 8)
        before = _ignored() >> (number - 1) & 1
        process.default_signal(number)
        return [bool(before), bool(_ignored() >> (number - 1) & 1)]

    assert in_child(child, 0) == [True, False]


def _ignored() -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("SigIgn"))
