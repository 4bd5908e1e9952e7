"""process.cwd: the working directory of the program (config.md#process).

It is entered through the descriptor of the container's root and never through a magic link: a ``cwd`` of
``/proc/self/fd/7`` once led to the host's file system (CVE-2024-21626). Where we ended up is verified besides, and
at once: a seccomp filter that is loaded later need not allow getcwd(2).
"""

from __future__ import annotations

import errno
import os

from pyoci.errors import StepError
from pyoci.syscalls import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_MODE = 0o755
_OUTSIDE = (
    "current working directory is outside of container mount namespace root -- possible container breakout detected"
)
_DENIED = "denied"


def make(init: Init) -> None:
    """Create the directory where it is missing, as runc and crun do; it belongs to the container's root."""
    try:
        os.close(files.make_directory(init.root, init.process.cwd, _MODE))
    except OSError as error:
        raise _explained(init, error) from error


def enter(init: Init) -> None:
    """Enter the directory while still privileged; where root may not (NFS, FUSE), ``enter_as_user`` tries again."""
    try:
        _enter(init)
    except PermissionError:
        init.prepared["process.cwd"] = _DENIED
    except OSError as error:
        raise _explained(init, error) from error


def enter_as_user(init: Init) -> None:
    """Enter the directory as the user if root was denied it."""
    if init.prepared.get("process.cwd") == _DENIED:
        try:
            _enter(init)
        except OSError as error:
            raise _explained(init, error) from error


def verify() -> None:
    """Refuse a working directory that no path from the root leads to.

    The kernel then answers "(unreachable)/…", which the C library turns into ENOENT.
    """
    try:
        inside = os.getcwd().startswith("/")
    except FileNotFoundError:
        inside = False
    if not inside:
        raise StepError(_OUTSIDE, field="process.cwd", call="getcwd(2)")


def _enter(init: Init) -> None:
    """Enter the directory and make sure that it is inside the container."""
    fd = files.open_in_root(init.root, init.process.cwd, os.O_PATH | os.O_DIRECTORY)
    try:
        os.fchdir(fd)
    finally:
        os.close(fd)
    verify()


def _explained(init: Init, error: OSError) -> StepError:
    """As runc words it; ELOOP is how openat2(2) refuses a magic link."""
    cwd = init.process.cwd
    hint = f"a magic link leads out of the container: {_OUTSIDE}" if error.errno == errno.ELOOP else None
    return StepError(f'chdir to cwd ("{cwd}") set in config.json failed: {str(error.strerror).lower()}',
                     field="process.cwd", file=cwd, errno=error.errno, hint=hint)
