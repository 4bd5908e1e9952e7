"""Stopping a runtime at each of its system calls: what tracer.c counts, and where something may happen."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    T = TypeVar("T")

HANGS = 124
SECONDS = int(30 * PATIENCE)
ERRORS = (errno.EIO, errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.EINTR)

_SOURCE = Path(__file__).with_name("tracer.c")
_NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT



def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What only looks. Everything else changes something, or tells somebody.
_LOOKING = _words("""
    access arch_prctl brk clock_gettime close exit exit_group faccessat2 fcntl fstat fstatfs getcwd getdents64
    getegid geteuid getgid getpid getrandom gettid getuid ioctl lseek madvise mmap mprotect mremap munmap
    newfstatat open_tree openat2 pidfd_open poll pread64 prlimit64 read readlink readlinkat recvmsg rseq
    rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address stat statfs sysinfo uname
    clock_nanosleep futex lstat
""")
# What does not fail for want of anything.
_UNFAILING = _words("""
    arch_prctl brk clock_gettime clock_nanosleep exit exit_group getegid geteuid getgid getpid gettid getuid
    getrandom madvise munmap rseq rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address umask
    uname futex sysinfo lseek mprotect
""")


class Call(NamedTuple):
    """One system call: the *number*th of the *process*th process."""

    process: int
    number: int
    name: str
    arguments: tuple[int, ...]

    def changes(self) -> bool:
        """Whether anything is different afterwards for anybody else."""
        if self.name == "openat":
            return bool(self.arguments[2] & _WRITING)
        return self.name not in _LOOKING

    def may_fail(self) -> bool:
        """Whether a kernel short of something may refuse it."""
        return self.name not in _UNFAILING

    def __str__(self) -> str:
        """As a finding names it."""
        return f"process {self.process}, call {self.number} ({self.name})"


class Tracer:
    """Runs commands and does something to them at one of their calls."""

    def __init__(self, directory: Path) -> None:
        self._report = directory / "calls"
        self._program = directory / "tracer"
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", self._program, _SOURCE], check=True)
        found = re.findall(r"#define __NR_(\w+) (\d+)", _NUMBERS.read_text())
        self._names = {int(number): name for name, number in found}

    def prefix(self, at: Call | None = None, action: str | int = "none") -> list[str]:
        """What to write in front of a command: *action* is taken at the call *at*; see tracer.c."""
        process, number = (at.process, at.number) if at else (-1, -1)
        return [str(word) for word in (self._program, self._report, SECONDS, process, number, action)]

    def calls(self) -> list[Call]:
        """What the last command called, from its own first line on: how Python starts is not ours."""
        calls = [self._read(line) for line in self._report.read_text().splitlines()]
        first = [call for call in calls if call.process == 0]
        begin = max(number for number in range(len(first) - 2) if _looks_at_streams(first[number : number + 3]))
        return [call for call in calls if call.process or call.number > begin]

    def _read(self, line: str) -> Call:
        process, number, call, *arguments = map(int, line.split())
        return Call(process, number, self._names.get(call, str(call)), tuple(arguments))


def _looks_at_streams(calls: Sequence[Call]) -> bool:
    """Whether these are what a command begins with: is anything of 0, 1 and 2 closed?"""
    return [(call.name, call.arguments[0]) for call in calls] == [("newfstatat", fd) for fd in range(3)]


def every(nth: int, items: Sequence[T]) -> list[tuple[int, T]]:
    """Every *nth* of *items* with its position, beginning where SEED says: others than last time."""
    first = int(os.environ.get("SEED") or 0) % min(nth, len(items))
    return [(position, items[position]) for position in range(first, len(items), nth)]
