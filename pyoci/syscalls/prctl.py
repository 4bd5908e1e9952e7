"""prctl(2), through python-prctl where it is installed, and the interpreter makes no system calls itself.

That is, through its C module: the Python around it costs 2 ms, and 1.8.1 does not import where libcap's headers know
more capabilities than it does (NameError). It refuses newer options: ``prctl`` is the plain call for those.
"""

from __future__ import annotations

from pyoci.syscalls.call import BUILT_IN, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

library: ModuleType | None = None
if not BUILT_IN:
    try:
        import _prctl

        library = _prctl
    except ImportError:
        pass

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_IS_SET = 1
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4


def prctl(option: int, second: int = 0, third: int = 0, fourth: int = 0, fifth: int = 0) -> int:
    """The plain call; its result is the option's."""
    return syscall("prctl", option, second, third, fourth, fifth)


def no_new_privileges() -> None:
    """Let execve(2) never grant privileges again; there is no way back."""
    _set(PR_SET_NO_NEW_PRIVS, 1)


def dumpable(allowed: bool) -> None:
    """Say whether others of our uid may trace us and open our /proc files."""
    _set(PR_SET_DUMPABLE, int(allowed))


def keep_capabilities(keep: bool) -> None:
    """Say whether the permitted capabilities stay when the uid leaves 0; the effective ones go anyway."""
    _set(PR_SET_KEEPCAPS, int(keep))


def child_subreaper(reap: bool) -> None:
    """Say whether orphaned descendants become our children."""
    _set(PR_SET_CHILD_SUBREAPER, int(reap))


def parent_death_signal(number: int) -> None:
    """Have signal *number* sent to us when the thread that forked us ends; 0 for none."""
    _set(PR_SET_PDEATHSIG, number)


def _set(option: int, value: int) -> None:
    if library is None:
        prctl(option, value)
        return
    try:
        library.prctl(option, value)
    except OSError as failure:
        failure.add_note("prctl(2)")
        raise
