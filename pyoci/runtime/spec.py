"""A config.json to begin with (config.md, "Configuration Schema Example")."""

from __future__ import annotations

import os

from pyoci import json_text
from pyoci.config import FILE
from pyoci.errors import PyociError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
# What tells about the host, or about other containers.
_MASKED = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
]  # fmt: skip
# What would change the host.
_READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def template(rootless: bool = False) -> Json:
    """A configuration that runs ``sh`` on a terminal in ``rootfs``; *rootless* for a user without privileges."""
    return {
        "ociVersion": "1.3.0",
        "process": _process(),
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "pyoci",
        "mounts": _mounts(rootless),
        "linux": {
            **(_id_mappings() if rootless else {"resources": {"devices": [{"allow": False, "access": "rwm"}]}}),
            "namespaces": [{"type": kind} for kind in _namespaces(rootless)],
            "maskedPaths": _MASKED,
            "readonlyPaths": _READONLY,
        },
    }


def write_template(bundle: str, rootless: bool = False) -> None:
    """Write ``template`` as config.json of *bundle*, the current directory if empty. An existing one stays."""
    path = os.path.join(bundle, FILE)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise PyociError(f"File {path} exists. Remove it first", file=path) from None
    with open(fd, "wb", buffering=0) as file:
        file.write(f"{json_text.dumps(template(rootless), indent=4)}\n".encode())


def _process() -> Json:
    return {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def _mounts(rootless: bool) -> list[Json]:
    # A new sysfs needs a network namespace of its own; without one the host's is shown.
    sys = (
        _mount("/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro")
        if rootless
        else _mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro")
    )
    terminals = "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"
    return [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        # Group 5 (tty) is not mapped where only one id is.
        _mount("/dev/pts", "devpts", "devpts", terminals if rootless else f"{terminals},gid=5"),
        _mount("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),  # noqa: S108 (the container's)
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        sys,
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"),
    ]


def _mount(destination: str, kind: str, source: str, options: str = "") -> Json:
    mount: Json = {"destination": destination, "type": kind, "source": source}
    return {**mount, "options": options.split(",")} if options else mount


def _namespaces(rootless: bool) -> list[str]:
    # On cgroup v1 the files of the hierarchies cannot show a subtree as their root as usefully.
    unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    return [
        "pid",
        *([] if rootless else ["network"]),
        "ipc",
        "uts",
        "mount",
        *(["cgroup"] if unified else []),
        *(["user"] if rootless else []),
    ]


def _id_mappings() -> Json:
    """The caller as root, and nobody else."""
    return {
        f"{kind}Mappings": [{"containerID": 0, "hostID": host_id, "size": 1}]
        for kind, host_id in (("uid", os.geteuid()), ("gid", os.getegid()))
    }
