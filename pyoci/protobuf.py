"""Protocol buffers' wire format (protobuf.dev/programming-guides/encoding), as far as criu's messages go.

Which number stands for which field is the business of whoever sends the message.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Value = int | str | bytes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """The message of *fields*, pairs of number and value; a message within is given as its bytes."""
    message = b""
    for number, value in fields:
        if isinstance(value, int):
            message += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            data = value.encode(errors="surrogateescape") if isinstance(value, str) else value
            message += _varint(number << 3 | _BYTES) + _varint(len(data)) + data
    return message


def decode(message: bytes) -> dict[int, int | bytes]:
    """The fields of *message* by number; the last one of those repeated. Raises ValueError for what is no message."""
    fields: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            fields[number], at = _read_varint(message, at)
            continue
        if kind == _BYTES:
            size, at = _read_varint(message, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"field {number} is of the unknown type {kind}")
        if at + size > len(message):
            raise ValueError(f"field {number} is cut off")
        fields[number] = message[at : at + size]
        at += size
    return fields


def signed(value: int) -> int:
    """The number that *value* is as int32 or int64, which are sent as 64 bits."""
    return value - 2**64 if value >= 2**63 else value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64 bits."""
    value &= 2**64 - 1
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at *at*, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number is cut off")
