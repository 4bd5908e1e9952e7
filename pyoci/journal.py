"""The system's own log as a target: ``--log journald:ID`` and ``--log syslog:ID``, as crun has them.

Journal: https://systemd.io/JOURNAL_NATIVE_PROTOCOL. Syslog: the local form of RFC 3164, as syslog(3) writes it.
"""

from __future__ import annotations

import _socket

from pyoci import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKETS = {"journald": "/run/systemd/journal/socket", "syslog": "/dev/log"}
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_USER = 1 << 3  # the facility of what is no daemon


def connect(service: str) -> int:
    """A descriptor on which each write is an entry; the caller owns it. Raises OSError."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        connection.connect(SOCKETS[service])
    except BaseException:
        connection.close()
        raise
    return connection.detach()


def for_journald(identifier: str, fields: Mapping[str, object]) -> bytes:
    """An entry of the journal; what is known besides the message are fields of it."""
    named = {"SYSLOG_IDENTIFIER": identifier, "PRIORITY": _PRIORITIES[str(fields["level"])], "MESSAGE": fields["msg"]}
    others = {f"PYOCI_{name.upper()}": value for name, value in fields.items() if name not in {"level", "msg", "time"}}
    return b"".join(_field(name, value) for name, value in {**named, **others}.items())


def _field(name: str, value: object) -> bytes:
    """One field, in the form that allows line breaks."""
    text = value if isinstance(value, str) else json_text.dumps(value)
    data = text.encode("utf-8", "backslashreplace")
    return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)


def for_syslog(identifier: str, fields: Mapping[str, object]) -> bytes:
    """A line for syslogd, which notes the time itself."""
    line = f"<{_USER | _PRIORITIES[str(fields['level'])]}>{identifier}: {fields['msg']}"
    return line.encode("utf-8", "backslashreplace")
