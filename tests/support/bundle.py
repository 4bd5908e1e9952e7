"""A bundle on disk, built from a complete default configuration and edited by the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support import rootfs

CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")

_PTS = ("ptmxmode=0666", "mode=0620", "gid=5")
_MASKED = ("acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi")
_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")


def _mount(destination: str, fstype: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": fstype, "source": source, "options": list(options)}


def default_mounts() -> list[dict[str, Any]]:
    """The mounts that engines and ``spec`` commands give to every container."""
    quiet = ("nosuid", "noexec", "nodev")
    return [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", *_PTS),
        _mount("/dev/shm", "tmpfs", "shm", *quiet, "mode=1777", "size=65536k"),
        _mount("/dev/mqueue", "mqueue", "mqueue", *quiet),
        _mount("/sys", "sysfs", "sysfs", *quiet, "ro"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", *quiet, "relatime", "ro"),
    ]


def default_config() -> dict[str, Any]:
    """A complete config.json: what ``spec`` prints, without a terminal and with a root that can be written."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["true"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": list(CAPABILITIES),
                "effective": list(CAPABILITIES),
                "permitted": list(CAPABILITIES),
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "bundle",
        "mounts": default_mounts(),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": [f"/proc/{name}" for name in _MASKED] + ["/sys/firmware"],
            "readonlyPaths": [f"/proc/{name}" for name in _READ_ONLY],
        },
    }


class Bundle:
    """A directory with config.json and rootfs. Edit ``config``; the container fixture writes it before use."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.path = path
        self.rootfs = rootfs.make(path / "rootfs")
        self.config: dict[str, Any] = default_config()

    @property
    def process(self) -> dict[str, Any]:
        """The section ``process``."""
        section: dict[str, Any] = self.config["process"]
        return section

    @property
    def linux(self) -> dict[str, Any]:
        """The section ``linux``."""
        section: dict[str, Any] = self.config["linux"]
        return section

    def args(self, *args: str) -> Bundle:
        """Run *args* in the container."""
        self.process["args"] = list(args)
        return self

    def script(self, text: str) -> Bundle:
        """Run *text* with the container's shell."""
        return self.args("sh", "-c", text)

    def env(self, *variables: str) -> Bundle:
        """Add *variables* (``NAME=value``) to the environment."""
        self.process["env"] += variables
        return self

    def mount(self, destination: str, fstype: str, source: str, *options: str) -> Bundle:
        """Add a mount behind the default ones."""
        self.config["mounts"].append(_mount(destination, fstype, source, *options))
        return self

    def namespace(self, kind: str, path: str | None = None) -> Bundle:
        """Ask for a namespace of *kind*: a new one, or the one at *path* on the host."""
        others = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]
        self.linux["namespaces"] = [*others, {"type": kind, "path": path} if path else {"type": kind}]
        return self

    def without_namespace(self, kind: str) -> Bundle:
        """Share the namespace of *kind* with the host."""
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]
        return self

    def user_namespace(self, host_uid: int = 100000, host_gid: int = 100000, size: int = 65536) -> Bundle:
        """Put the container in a user namespace whose ids 0… are *host_uid*… and *host_gid*… outside."""
        self.namespace("user")
        self.linux["uidMappings"] = [{"containerID": 0, "hostID": host_uid, "size": size}]
        self.linux["gidMappings"] = [{"containerID": 0, "hostID": host_gid, "size": size}]
        return self

    def rootless(self, uid: int, gid: int) -> Bundle:
        """Change the configuration to one that the user *uid* can run without any privilege."""
        self.user_namespace(uid, gid, 1)
        self.without_namespace("network")
        self.linux.pop("resources", None)
        self.config["mounts"] = [entry for entry in self.config["mounts"] if entry["type"] not in ("cgroup", "sysfs")]
        for entry in self.config["mounts"]:
            entry["options"] = [option for option in entry["options"] if not option.startswith("gid=")]
        return self.mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")

    def write(self) -> Path:
        """Write config.json and return the bundle's path."""
        (self.path / "config.json").write_text(json.dumps(self.config, indent=1))
        return self.path
