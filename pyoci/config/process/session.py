"""process: the session and keyring a process starts with.

No section of config.json; what engines and the kernel expect of every container process.
"""

from __future__ import annotations

import _signal
import errno
import os

from pyoci import log
from pyoci.errors import StepError
from pyoci.syscalls import files, keyring, prctl, process
from pyoci.syscalls.fd import Fd

_LIBRARYS = (32, 33)  # the C library keeps these for itself, and refuses to change them
_SIGNALS = [number for number in range(1, 65) if number not in (9, 19, *_LIBRARYS)]  # not SIGKILL and SIGSTOP
_NULL_DEVICE = os.makedev(1, 3)
_SESSION = "process.session"
_UMASK = 0o022  # until that of the process is set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init


def lead(init: Init) -> None:  # noqa: ARG001 (a step)
    """Start a session, so that no terminal of the caller's reaches inside and engines can kill the group.

    Nor does the caller's umask: the directories made for mounts and devices are open to the container's users.
    """
    os.setsid()
    os.umask(_UMASK)


def prepare(init: Init) -> None:
    """Note whether the runtime is root where it runs: then it may trace whomever it forks."""
    init.prepared[_SESSION] = os.geteuid() == 0


def forbid_tracing(init: Init) -> None:
    """Let nobody in the container trace us, or open what we have open, until execve(2) (CVE-2016-9962).

    We hold a procfs in which nothing is masked, and the line to the runtime. A runtime without privileges would shut
    itself out as well: it could not fetch the seccomp listener. Nor has it anything its user has not.
    """
    if init.prepared[_SESSION]:
        prctl.dumpable(False)


def join_keyring(init: Init) -> None:
    """Join the session keyring of the container, new with it."""
    if init.no_new_keyring:
        return
    try:
        keyring.join_session_keyring(f"_ses.{init.id}")
    except OSError as error:
        if error.errno == errno.ENOSYS:  # a kernel without keys, or a seccomp filter above us
            return
        hint = None
        if error.errno == errno.EDQUOT:
            hint = "the user's key quota is used up: raise sysctl kernel.keys.maxkeys and maxbytes, or --no-new-keyring"
        raise StepError(f"cannot join the session keyring: {str(error.strerror).lower()}", errno=error.errno,
                        call="keyctl(2)", hint=hint) from error


def give_streams(init: Init) -> None:
    """Make the standard streams the user's, who may want to open /dev/stdout again by name.

    Not /dev/null, which everybody shares: the host's gives way to the container's own, for no way shall lead out. What
    cannot be given stays as it is: EINVAL and EPERM say that an id is not mapped here, EROFS that /dev is read-only.
    """
    uid = init.process.user.uid
    for fd in (0, 1, 2):
        try:
            found = os.fstat(fd)
            if found.st_rdev == _NULL_DEVICE:
                _reopen_null(fd, init)
            elif found.st_uid != uid:
                os.fchown(fd, uid, -1)
        except OSError as error:
            if error.errno not in {errno.EBADF, errno.EINVAL, errno.EPERM, errno.EROFS}:
                raise


def _reopen_null(fd: int, init: Init) -> None:
    """Put the container's /dev/null in the place of *fd*, if it has a true one."""
    try:
        node = files.open_in_root(init.root, "/dev/null", os.O_PATH | os.O_NOFOLLOW)
    except OSError:  # there is none
        return
    with Fd(node):
        if os.fstat(node).st_rdev == _NULL_DEVICE:
            with Fd(os.open(f"self/fd/{node}", os.O_RDWR | os.O_CLOEXEC, dir_fd=init.proc)) as own:
                os.dup2(own.fileno(), fd)


def reset_signals(init: Init) -> None:  # noqa: ARG001 (a step)
    """Give every signal its default action and block none, whatever the interpreter and our caller chose."""
    for number in _SIGNALS:
        _signal.signal(number, _signal.SIG_DFL)
    for number in _LIBRARYS:
        process.default_signal(number)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def keep_fds(init: Init) -> None:
    """Let the program inherit the descriptors it was promised (--preserve-fds, LISTEN_FDS); close all but ours.

    At once, not by execve(2): a directory of the host that our caller left open would lead out of the container, with
    args of ``/proc/self/fd/7/bin/sh`` for one (CVE-2024-21626).
    """
    free = 3 + init.preserve_fds
    for fd in range(3, free):
        os.set_inheritable(fd, True)
    ours = {init.channel.fileno(), init.start_fd, init.result_fd, init.root, init.proc, *log.files}
    for fd in sorted(ours):
        if fd >= free:
            if fd > free:
                process.close_range(free, fd - 1)
            free = fd + 1
    process.close_range(free)
