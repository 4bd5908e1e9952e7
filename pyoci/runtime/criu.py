"""criu(8), which checkpoints and restores processes: one of it at the other end of a socket.

::

    runtime                                        criu swrk FD
    VERSION, FEATURE_CHECK ─────────────────────▶
    DUMP, PRE_DUMP or RESTORE, with options ────▶
      what has to be done now ◀───────────────────  NOTIFY: setup-namespaces, orphan-pts-master + fd, post-restore …
      done ─────────────────────────────────────▶  goes on; or gives up, if it could not be done
      ◀──────────────────────────────────────────  it is done, or what went wrong

Its RPC rather than its command line: what we have to do while criu waits — hooks, limits, passing a terminal on — would
else be done by a script of ours, in another process, and a restored init could not be our child. The numbers below are
those of criu's images/rpc.proto.
"""

from __future__ import annotations

import _socket
import os

from pyoci import log, protobuf
from pyoci.container.channel import shortened
from pyoci.errors import ContainerError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    Fields = dict[int, int | bytes]
    One = int | str | tuple[int | str, ...]
    Value = One | Sequence[One]

OLDEST = (3, 16)  # the first in which --lsm-profile works
TYPES = {"DUMP": 1, "RESTORE": 2, "PRE_DUMP": 4, "NOTIFY": 6, "FEATURE_CHECK": 9, "VERSION": 10}
OPTIONS = {
    "images_dir_fd": 1, "pid": 2, "leave_running": 3, "ext_unix_sk": 4, "tcp_established": 5, "evasive_devices": 6,
    "shell_job": 7, "file_locks": 8, "log_level": 9, "log_file": 10, "ps": 11, "notify_scripts": 12, "root": 13,
    "parent_img": 14, "track_mem": 15, "auto_dedup": 16, "work_dir_fd": 17, "link_remap": 18, "ext_mnt": 23,
    "manage_cgroups": 24, "cg_root": 25, "rst_sibling": 26, "inherit_fd": 27, "manage_cgroups_mode": 34, "external": 37,
    "empty_ns": 38, "join_ns": 39, "freeze_cgroup": 44, "tcp_skip_in_flight": 46, "lazy_pages": 48,
    "orphan_pts_master": 50, "config_file": 51, "tcp_close": 52, "lsm_profile": 53, "lsm_mount_context": 63,
    "network_lock": 64,
}  # fmt: skip
NO_NETWORK_LOCK, HAS_NO_NETWORK_LOCK = 3, (3, 18)
CGROUP_MODES = {"ignore": 0, "soft": 3, "full": 4, "strict": 5}
FEATURES = {"mem_track": 1, "lazy_pages": 2}
# Fields of a request and of a response.
_TYPE, _OPTIONS, _NOTIFY_SUCCESS, _KEEP_OPEN, _FEATURES = 1, 2, 3, 4, 5
_SUCCESS, _NOTIFY, _ERRNO, _FOUND_FEATURES, _ERROR, _VERSION = 2, 5, 7, 8, 9, 10

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ERROR_MARK, _ERRORS_SHOWN = "Error (", 4
_SIGPIPE = 13  # which Python ignores
_LARGEST = 1 << 16
_FD_SIZE = 4


def program() -> str:
    """The path of criu, or "" when it is not installed."""
    for directory in _PATH.split(":"):
        if os.access(f"{directory}/criu", os.X_OK):
            return f"{directory}/criu"
    return ""


def environment() -> dict[str, str]:
    """What criu runs with: it calls ip, iptables, nft and tar by their names, which no caller shall choose."""
    return {**os.environ, "PATH": _PATH}


def installed() -> str:
    """The path of criu. Raises Unsupported."""
    if path := program():
        return path
    raise Unsupported('cannot checkpoint or restore: executable file not found in $PATH: "criu"',
                      hint="install the package criu")


def request(kind: str, options: Mapping[str, Value] | None = None, *more: tuple[int, int | bytes]) -> bytes:
    """A request of *kind* with *options* of criu by name.

    A list is an option given several times; a tuple is a message, whose fields are numbered from 1.
    """
    fields = [(_TYPE, TYPES[kind]), *more]
    if options:
        fields.append((_OPTIONS, protobuf.encode([
            (OPTIONS[name], protobuf.encode(enumerate(one, 1)) if isinstance(one, tuple) else one)
            for name, value in options.items()
            for one in _all(value)
        ])))  # fmt: skip
    return protobuf.encode(fields)


def _all(value: Value) -> Sequence[One]:
    return value if isinstance(value, list) else [value]  # type: ignore[list-item]  # no other sequence is one of values


class Criu:
    """One criu, waiting for requests; owns *socket*, the other end of which it was started with."""

    def __init__(self, socket: _socket.socket, pid: int, log_file: str) -> None:
        self.pid = pid
        self.version = (0, 0)
        self.directories: list[int] = []
        """Descriptors it looks for among ours, until its end."""
        self.on_notify: Callable[[str, int, list[int]], object] = lambda *_: None
        """What is done at a point that criu names: it is told the pid of init and descriptors, which it owns."""
        self._socket = socket
        self._log_file = log_file

    @classmethod
    def started(cls, log_file: str) -> Criu:
        """A new criu, which has nothing to say but in its log. Raises Unsupported when there is none."""
        path = installed()
        ours, theirs = pair()
        silent = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)]
        pid = os.posix_spawn(path, arguments(theirs), environment(), file_actions=silent, setsigdef=[_SIGPIPE])
        theirs.close()
        return cls(ours, pid, log_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, upon which it ends, and wait for that.

        So does the kernel when we are killed. A signal at our death would be worse (PR_SET_PDEATHSIG): it would leave
        the container's processes stopped, with code of criu's in them. When it finds the line dead, it lets them go.
        """
        self._socket.close()
        while self.directories:
            os.close(self.directories.pop())
        if self.pid:
            pid, self.pid = self.pid, 0
            os.waitpid(pid, 0)

    def check_version(self) -> None:
        """Raise Unsupported when it is too old."""
        found = protobuf.decode(_bytes(self._call("VERSION", keep_open=True)[_VERSION]))
        self.version = (_int(found.get(1, 0)), _int(found.get(2, 0)))
        if self.version < OLDEST:
            shown, wanted = [".".join(map(str, version)) for version in (self.version, OLDEST)]
            raise Unsupported(f"criu {shown} is too old: at least {wanted} is needed")

    def check_feature(self, name: str) -> None:
        """Raise Unsupported when *name*, a key of FEATURES, is something criu cannot do with this kernel."""
        number = FEATURES[name]
        wanted = (_FEATURES, protobuf.encode([(number, 1)]))
        answer = self._call("FEATURE_CHECK", None, wanted, keep_open=True)
        if not protobuf.decode(_bytes(answer.get(_FOUND_FEATURES, b""))).get(number):
            raise Unsupported(f"criu is missing features: {name}")

    def perform(self, kind: str, options: Mapping[str, Value]) -> None:
        """Let it dump or restore. Raises ContainerError with the reason criu gives, or what ``on_notify`` raised."""
        log.debug("criu", does=kind, **{name: str(value) for name, value in options.items()})
        self._call(kind, options)

    def _call(
        self, kind: str, options: Mapping[str, Value] | None = None, *more: tuple[int, int | bytes],
        keep_open: bool = False,
    ) -> Fields:
        """What it answers to a request, once everything it wanted done meanwhile is."""
        self._socket.send(request(kind, options, (_KEEP_OPEN, keep_open), *more))
        cause: Exception | None = None
        while True:
            answer, fds = self._receive(kind, cause)
            if not answer.get(_SUCCESS):
                raise cause or self._failure(kind, answer)
            if answer.get(_TYPE) != TYPES["NOTIFY"]:
                return answer
            try:
                self._notify(protobuf.decode(_bytes(answer.get(_NOTIFY, b""))), fds)
            except Exception as error:  # noqa: BLE001 (raised as soon as criu has undone what it did)
                cause = error
            self._socket.send(request("NOTIFY", None, (_NOTIFY_SUCCESS, cause is None)))

    def _notify(self, notify: Fields, fds: list[int]) -> None:
        script = _bytes(notify.get(1, b"")).decode()
        log.debug("criu", notifies=script)
        self.on_notify(script, _int(notify.get(2, 0)), fds)

    def _receive(self, kind: str, cause: Exception | None) -> tuple[Fields, list[int]]:
        """One message and its descriptors."""
        size = _socket.CMSG_SPACE(_FD_SIZE)
        packet, ancillary, _, _ = self._socket.recvmsg(_LARGEST, size, _socket.MSG_CMSG_CLOEXEC)
        if not packet:
            raise cause or self._failure(kind, {})
        fds = [int.from_bytes(rights[:_FD_SIZE], "little") for _, _, rights in ancillary]
        return protobuf.decode(packet), fds

    def _failure(self, kind: str, answer: Fields) -> ContainerError:
        """Why criu failed, by its log."""
        number = protobuf.signed(_int(answer.get(_ERRNO, 0)))
        reason = errors(self._log_file) or _bytes(answer.get(_ERROR, b"")).decode(errors="replace").strip()
        ending = f"errno {number}" if answer else "ended unexpectedly"
        text = f"criu failed: type {kind} {ending}"
        return ContainerError(f"{text}{': ' if reason else ''}{shortened(reason)} (log file: {self._log_file})",
                              file=self._log_file, errno=number or None)


def pair() -> tuple[_socket.socket, _socket.socket]:
    """Two connected sockets, the second one for criu to inherit."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    os.set_inheritable(theirs.fileno(), True)
    return ours, theirs


def arguments(socket: _socket.socket) -> list[str]:
    """The words that start criu with *socket*."""
    return ["criu", "swrk", str(socket.fileno())]


def executing(path: str, socket: _socket.socket) -> Callable[[object], None]:
    """What becomes the criu at *path*, with *socket*."""
    words, variables = arguments(socket), environment()
    return lambda _: os.execve(path, words, variables)  # noqa: S606 (no shell is wanted)


def errors(path: str) -> str:
    """The first errors in criu's log file at *path*, without the time before them: one follows from another."""
    try:
        with open(path, "rb", buffering=0) as file:
            lines = file.readall().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "; ".join([line[line.index(_ERROR_MARK) :] for line in lines if _ERROR_MARK in line][:_ERRORS_SHOWN])


def _int(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""
