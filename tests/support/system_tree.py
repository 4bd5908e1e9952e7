"""A root filesystem with systemd in it: that of this machine, seen through a layer of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SECONDS = 30
_UNITS = {
    "first.service": """
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sh -c 'echo first up >> /var/order'
        ExecStop=/bin/sh -c 'echo first down >> /var/order'
    """,
    "second.service": """
        [Unit]
        Requires=first.service
        After=first.service
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sh -c 'echo second up >> /var/order'
        ExecStop=/bin/sh -c 'echo second down >> /var/order'
    """,
    "sleeper.service": """
        [Service]
        ExecStart=/bin/sleep infinity
        MemoryMax=32M
        TasksMax=7
        User=daemon
    """,
}


@contextlib.contextmanager
def layered(place: Path, first_id: int = 0) -> Iterator[Path]:
    """The tree below *place*, whose root is *first_id*, without what is enabled here and with units of our own."""
    root, upper, work, lower = (place / name for name in ("debian", "upper", "work", "lower"))
    for path in (root, upper, work, lower):
        path.mkdir()
    (upper / "tmp").mkdir()
    os.setxattr(upper / "tmp", "trusted.overlay.opaque", b"y")  # in it are these layers, which cannot be looked up
    (upper / "tmp").chmod(0o1777)
    for path in (upper, upper / "tmp"):
        os.chown(path, first_id, first_id)
    # Private: what other tests mount meanwhile would appear in it, and it could not be unmounted. Read-only: it is "/".
    mapped = f",X-mount.idmap=b:0:{first_id}:65536" if first_id else ""
    _mount("--make-private", "-o", f"bind,ro{mapped}", "/", lower)
    _mount("-t", "overlay", "overlay", root, "-o", f"lowerdir={lower},upperdir={upper},workdir={work}")
    units = root / "etc/systemd/system"
    shutil.rmtree(units)
    (units / "multi-user.target.wants").mkdir(parents=True)
    for name, text in _UNITS.items():
        (units / name).write_text(re.sub(r"^ +", "", text, flags=re.MULTILINE))
        (units / "multi-user.target.wants" / name).symlink_to(f"../{name}")
    for name in ("machine-id", "fstab"):
        (root / "etc" / name).write_text("")
    os.chown(root / "etc/machine-id", first_id, first_id)
    yield root
    subprocess.run(["umount", root, lower], check=True)


def wait_for_boot(pid: int, state: Callable[[], str]) -> None:
    """Wait until the systemd *pid* has nothing left to do, as *state* says: what "is-system-running" prints in there.

    That is asked by a process in the container, which may not be there while systemd divides its cgroup.
    """
    wait_for(Path(f"/proc/{pid}/root/run/systemd/private").is_socket, "systemd to listen", _SECONDS)
    wait_for(lambda: state() not in {"", "offline", "initializing", "starting"}, "the boot", _SECONDS)


def order(root: Path) -> list[str]:
    """In which order the units have been started and stopped."""
    return (root / "var/order").read_text().splitlines()


def _mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)
