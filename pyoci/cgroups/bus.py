"""systemd's manager on D-Bus: starting, changing and stopping units (org.freedesktop.systemd1(5)).

Every call ends within a bound, whatever is at the other end. jeepney does the marshalling and is only imported here;
the connection is made by hand, because in a user namespace our uid is not the one the bus sees: it takes it from the
socket when we name none.
"""

from __future__ import annotations

import itertools
import os
import socket  # noqa: TID253 (jeepney has loaded it)
import struct
import time

from jeepney import DBusAddress, MatchRule, MessageType, new_method_call
from jeepney.bus import get_bus
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection
from jeepney.wrappers import DBusErrorResponse

from pyoci.errors import SystemdError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any, Self

    from jeepney import Message

    Property = tuple[str, tuple[str, object]]
    """Name, D-Bus signature and value."""

SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
_NAME = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_MANAGER = DBusAddress(_PATH, bus_name=_NAME, interface=f"{_NAME}.Manager")
_PROPERTIES = DBusAddress(_PATH, bus_name=_NAME, interface="org.freedesktop.DBus.Properties")
_JOB_REMOVED = MatchRule(type="signal", interface=f"{_NAME}.Manager", member="JobRemoved", path=_PATH)
_NO_REPLY = "org.freedesktop.DBus.Error.NoReply"
_CALL_SECONDS = 10.0
_JOB_SECONDS = 30.0  # as runc


class Systemd:
    """A conversation with the system's manager, or with the *user*'s; closed by ``with``."""

    def __init__(self, *, user: bool) -> None:
        self._subscribed = False
        address = _user_bus() if user else os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", SYSTEM_BUS)
        try:
            self._connection = _connected(get_bus(address))
        except (OSError, ValueError, RuntimeError, DBusErrorResponse) as error:  # RuntimeError: an address of no socket
            which, reason = "user" if user else "system", str(error) or "it does not answer"
            raise Unsupported(f"cannot reach systemd on the {which} bus {address}: {reason}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._connection.close()

    def _call(self, method: str, signature: str = "", *body: object, to: DBusAddress = _MANAGER) -> tuple[Any, ...]:
        """The reply. Raises SystemdError.

        systemd leaves the bus when it executes itself anew, as for its own update, and does not answer who has asked.
        """
        try:
            return self._ask(method, signature, *body, to=to)
        except SystemdError as error:
            if error.name != _NO_REPLY:
                raise
            return self._ask(method, signature, *body, to=to)

    def _ask(self, method: str, signature: str, *body: object, to: DBusAddress) -> tuple[Any, ...]:
        """The reply, once. Raises SystemdError."""
        message = new_method_call(to, method, signature or None, body)
        try:
            reply = self._connection.send_and_get_reply(message, timeout=_CALL_SECONDS)
        except (OSError, TimeoutError) as error:
            raise SystemdError(f"systemd does not answer {method}: {str(error) or 'timed out'}") from error
        except (ValueError, struct.error) as error:  # a text that is no Unicode, a number too large for its type
            raise SystemdError(f"D-Bus cannot say what {method} is told: {error}") from error
        if reply.header.message_type == MessageType.error:
            name = reply.header.fields.get(4, "")  # ERROR_NAME
            raise SystemdError(str(reply.body[0]) if reply.body else name, name)
        return tuple(reply.body)

    def _manager_property(self, name: str) -> Any:
        return self._call("Get", "ss", f"{_NAME}.Manager", name, to=_PROPERTIES)[0][1]

    def version(self) -> int:
        """systemd's version, without what distributions add to it."""
        text = str(self._manager_property("Version")).strip('"').removeprefix("v")
        return int("".join(itertools.takewhile(str.isdigit, text)) or 0)

    def control_group(self) -> str:
        """The manager's own place in the cgroups: empty for the system's, else a path with a slash in front."""
        path: str = self._manager_property("ControlGroup")
        return path.removesuffix("/init.scope").rstrip("/")

    def start(self, unit: str, properties: Sequence[Property]) -> None:
        """Start the transient *unit*. One of that name that has failed gives way. Raises SystemdError."""
        try:
            self._start(unit, properties)
        except SystemdError as error:
            if error.name != f"{_NAME}.UnitExists":
                raise
            self._reset_failed(unit)
            self._start(unit, properties)

    def _start(self, unit: str, properties: Sequence[Property]) -> None:
        self._job(unit, "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "replace", [*properties], [])

    def stop(self, unit: str) -> None:
        """Stop *unit* and forget it; one that is not there is no error. Raises SystemdError."""
        with _Gone():
            self._job(unit, "StopUnit", "ss", unit, "replace")
        self._reset_failed(unit)

    def _reset_failed(self, unit: str) -> None:
        """Let systemd forget that *unit* failed."""
        with _Gone():
            self._call("ResetFailedUnit", "s", unit)

    def properties(self, unit: str, names: Collection[str]) -> list[Property]:
        """Those of the properties *names* that *unit* has, a scope or a slice. Raises SystemdError."""
        (path,) = self._call("GetUnit", "s", unit)
        kind = unit.rpartition(".")[2].capitalize()
        place = DBusAddress(path, bus_name=_NAME, interface=_PROPERTIES.interface)
        (found,) = self._call("GetAll", "s", f"{_NAME}.{kind}", to=place)
        return [(name, value) for name, value in found.items() if name in names]

    def change(self, unit: str, properties: Sequence[Property]) -> None:
        """Set *properties* of *unit* until it stops, and wait until its files are written. Raises SystemdError."""
        self._call("SetUnitProperties", "sba(sv)", unit, True, list(properties))
        self.version()  # systemd answers before it writes, but writes before it answers again

    def _subscribe(self) -> None:
        """Have systemd tell us of the ends of jobs. It refuses to be asked twice."""
        if not self._subscribed:
            self._call("AddMatch", "s", _JOB_REMOVED.serialise(), to=message_bus)
            self._call("Subscribe")
            self._subscribed = True

    def attach(self, unit: str, below: str, pid: int) -> None:
        """Move a process into the cgroup of *unit*, or into the one *below* it. Raises SystemdError."""
        self._call("AttachProcessesToUnit", "ssau", unit, below, [pid])

    def _job(self, unit: str, method: str, signature: str, *body: object) -> None:
        """Call *method* and wait until the job it begins is done. Raises SystemdError."""
        self._subscribe()
        with self._connection.filter(_JOB_REMOVED, bufsize=1000) as ended:
            (job,) = self._call(method, signature, *body)
            deadline = time.monotonic() + _JOB_SECONDS
            while True:
                try:
                    message = self._connection.recv_until_filtered(ended, timeout=deadline - time.monotonic())
                except (OSError, TimeoutError) as error:
                    text = f"systemd has not finished {method} of {unit} in {_JOB_SECONDS:.0f} s"
                    raise SystemdError(text) from error
                _id, path, _unit, result = message.body
                if path == job:
                    break
        if result != "done":
            raise SystemdError(f"systemd: the job of {unit} ended as {result!r}")


class _Gone:
    """A context in which it is no error that there is no such unit."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """End."""
        return isinstance(error, SystemdError) and error.name == f"{_NAME}.NoSuchUnit"


def _user_bus() -> str:
    """The address of the user's bus. Raises Unsupported."""
    if address := os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return address
    path = f"{os.environ.get('XDG_RUNTIME_DIR', '')}/bus"
    if path == "/bus" or not os.path.exists(path):
        raise Unsupported(
            "could not find the user's D-Bus: no DBUS_SESSION_BUS_ADDRESS is set, and there is no $XDG_RUNTIME_DIR/bus",
            hint="install dbus-user-session and log in as the user, or use --cgroup-manager cgroupfs",
        )
    return f"unix:path={path}"


class _Connection(DBusConnection):  # type: ignore[misc]  # jeepney has no types
    """One that waits for nothing without end: jeepney would, for the answer to its first call."""

    def receive(self, *, timeout: float | None = None) -> Message:
        """The next message. Raises TimeoutError."""
        return super().receive(timeout=_CALL_SECONDS if timeout is None else timeout)


def _connected(address: str | bytes) -> _Connection:
    """A connection to the bus at *address*, by which it knows us."""
    connection = _authenticated(address)
    try:
        return _Connection(connection)
    except BaseException:
        connection.close()
        raise


def _authenticated(address: str | bytes) -> socket.socket:
    """A socket of the bus at *address*, as whoever the kernel says we are (D-Bus specification, EXTERNAL)."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(_CALL_SECONDS)
        connection.connect(address)
        connection.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        answers = [_line(connection), _line(connection)]  # to AUTH and to DATA
        if not answers[1].startswith(b"OK "):
            raise PermissionError(f"the bus refuses us: {answers}")  # noqa: TRY301 (closed below)
    except BaseException:
        connection.close()
        raise
    return connection


def _line(connection: socket.socket) -> bytes:
    """One line of the handshake; what follows the last one is the bus's first message."""
    line = b""
    while not line.endswith(b"\r\n"):
        part = connection.recv(1)
        if not part:
            raise ConnectionResetError("the bus hung up")
        line += part
    return line
