"""Where containers are remembered: the directory that operations are given, and its default."""

from __future__ import annotations

import os

from pyoci.errors import UsageError

_DEFAULT = "/run/pyoci"
_UID_MAP = "/proc/self/uid_map"
_WHOLE_RANGE = ["0", "0", "4294967295"]


def directory(chosen: str) -> str:
    """The absolute path of the directory *chosen* by ``--root``, or the default. Raises UsageError for ``/``."""
    root = os.path.abspath(chosen or default_root())
    if root.strip("/") == "":
        raise UsageError("--root: / is refused: every directory of the host would be taken for a container")
    return root


def default_root() -> str:
    """Where the command line looks unless told otherwise: below /run, or in the directory of a user's session."""
    private = os.environ.get("XDG_RUNTIME_DIR")
    return f"{private}/pyoci" if private and _lacks_the_host_root() else _DEFAULT


def _lacks_the_host_root() -> bool:
    """Whether /run belongs to somebody else: no root, or root of a user namespace only.

    Inside a user namespace USER=root says that it is a whole system (as runc takes it).
    """
    if os.geteuid() != 0:
        return True
    with open(_UID_MAP, encoding="ascii") as file:
        return file.read().split() != _WHOLE_RANGE and os.environ.get("USER") != "root"
