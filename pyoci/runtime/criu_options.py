"""What a caller may ask of checkpoint and restore: runc's options, and criu's answer to each."""

from __future__ import annotations

import errno
import fcntl
import os

from pyoci.errors import PyociError, UsageError
from pyoci.runtime.criu import CGROUP_MODES, HAS_NO_NETWORK_LOCK, NO_NETWORK_LOCK
from pyoci.runtime.options import Given, Options
from pyoci.syscalls.namespaces import CLONE_NEWNET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyoci.runtime.criu import Criu, Value

_SAME = (  # named alike by runc and criu
    "leave_running", "tcp_established", "tcp_skip_in_flight", "tcp_close", "link_remap", "ext_unix_sk", "shell_job",
    "lazy_pages", "file_locks", "auto_dedup", "lsm_profile", "lsm_mount_context",
)  # fmt: skip
_CONFIG_FILE = "/etc/criu/runc.conf"  # for all who speak runc's dialect
_ANNOTATION = "org.criu.config"


class CriuOptions(Given):
    """The options of both ways, with their defaults."""

    image_path: str = "checkpoint"
    """The directory of the images."""
    work_path: str = ""
    """The directory of criu's log and statistics, if it is another."""
    parent_path: str = ""
    """The directory of an earlier pre-dump, relative to that of the images."""
    tcp_established: bool = False
    tcp_skip_in_flight: bool = False
    link_remap: bool = False
    ext_unix_sk: bool = False
    shell_job: bool = False
    lazy_pages: bool = False
    file_locks: bool = False
    auto_dedup: bool = False
    manage_cgroups_mode: str = ""
    """soft (default), full, strict or ignore."""
    empty_ns: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what criu could not make sense of. Raises UsageError."""
        if self.manage_cgroups_mode and self.manage_cgroups_mode not in CGROUP_MODES:
            raise UsageError(f"invalid manage-cgroups-mode value: {self.manage_cgroups_mode}")
        for kind in self.empty_ns:
            if kind != "network":
                raise UsageError(f'namespace "{kind}" is not supported')
        self._check_parent()

    def _check_parent(self) -> None:
        if self.parent_path.startswith("/"):
            raise UsageError("--parent-path must be relative")
        place = f"{self.image_path}/{self.parent_path}"
        if self.parent_path and not os.path.isdir(place):
            number = errno.ENOTDIR if os.path.exists(place) else errno.ENOENT
            raise UsageError(f"invalid --parent-path: stat {place}: {os.strerror(number).lower()}")

    def log_file(self, name: str) -> str:
        """The path of criu's log *name*."""
        return os.path.abspath(f"{self.work_path or self.image_path}/{name}")

    def for_criu(self, criu: Criu, annotations: Mapping[str, str]) -> dict[str, Value]:
        """What *criu* is told."""
        options: dict[str, Value] = {name: value for name in _SAME if (value := getattr(self, name, False))}
        options.update(
            images_dir_fd=_directory(self.image_path, criu),
            log_level=4,
            notify_scripts=True,
            orphan_pts_master=True,
            manage_cgroups=True,
            manage_cgroups_mode=CGROUP_MODES[self.manage_cgroups_mode or "soft"],
            # Whoever made interfaces makes them anew, in a createRuntime hook: their other ends are not ours.
            empty_ns=CLONE_NEWNET,
        )
        if self.work_path:
            options["work_dir_fd"] = _directory(self.work_path, criu)
        if config_file := annotations.get(_ANNOTATION, _CONFIG_FILE):
            options["config_file"] = config_file
        return options


class CheckpointOptions(CriuOptions):
    """The options of checkpoint."""

    leave_running: bool = False
    pre_dump: bool = False
    """Write the memory only, and let the container go on."""
    page_server: str = ""
    """``ADDRESS:PORT`` to send the memory to."""
    status_fd: int = -1
    """A descriptor to write a NUL to once lazy pages can be asked for."""

    def check(self) -> None:
        """As in CriuOptions, and the descriptor is one that can be written to."""
        super().check()
        self.page_server_address()
        if self.status_fd >= 0:
            self._check_status_fd()

    def _check_status_fd(self) -> None:
        try:
            mode = fcntl.fcntl(self.status_fd, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError as error:
            reason = str(error.strerror).lower()
            raise UsageError(f"invalid --status-fd argument {self.status_fd}: {reason}") from error
        if mode == os.O_RDONLY:
            raise UsageError(f"invalid --status-fd argument {self.status_fd}: not writable")

    def page_server_address(self) -> tuple[str, int] | None:
        """The address and the port of ``page_server``, which may be an IPv6 address in brackets."""
        if not self.page_server:
            return None
        address, _, port = self.page_server.rpartition(":")
        if not address or not port or (":" in address and not address.startswith("[")):
            raise UsageError("use --page-server ADDRESS:PORT to specify page server")
        if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 1 << 16:
            raise UsageError(f"invalid port number: {port}")
        return address.strip("[]"), int(port)

    def for_criu(self, criu: Criu, annotations: Mapping[str, str]) -> dict[str, Value]:
        """As in CriuOptions."""
        options = super().for_criu(criu, annotations)
        if not self.tcp_established and criu.version >= HAS_NO_NETWORK_LOCK:
            options["network_lock"] = NO_NETWORK_LOCK  # nothing can get lost, and iptables may be missing
        if address := self.page_server_address():
            options["ps"] = address
        if self.parent_path:
            options.update(parent_img=self.parent_path, track_mem=True)
        return options


class RestoreOptions(CriuOptions, Options):
    """The options of restore, with those of run."""

    tcp_close: bool = False
    """Close TCP connections instead of restoring them."""
    lsm_profile: str = ""
    """``apparmor:PROFILE`` or ``selinux:LABEL`` instead of what processes had."""
    lsm_mount_context: str = ""
    """The SELinux context of mounts instead of what they had."""

    def for_criu(self, criu: Criu, annotations: Mapping[str, str]) -> dict[str, Value]:
        """As in CriuOptions."""
        return {**super().for_criu(criu, annotations), "rst_sibling": True, "evasive_devices": True}


def _directory(path: str, criu: Criu) -> int:
    """A descriptor of the directory at *path*, which *criu* finds among ours. Raises PyociError.

    It lies in the mount namespace of *criu*, which mounts things in its working directory.
    """
    try:
        fd = os.open(f"/proc/{criu.pid}/root{os.path.abspath(path)}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        reason = str(error.strerror).lower()
        raise PyociError(f"cannot open {path}: {reason}", file=path, errno=error.errno) from error
    criu.directories.append(fd)
    return fd
