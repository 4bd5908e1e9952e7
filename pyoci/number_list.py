"""The kernel's list format for processors and memory nodes: ``0-3,5`` (cpuset(7), "List format")."""

from __future__ import annotations

from pyoci.errors import ConfigError

_END = 1 << 16  # far above what the kernel can number (8192 processors, 1024 nodes): bounds our memory, not the host


def numbers(text: str, field: str = "") -> frozenset[int]:
    """The numbers *text* lists; none for an empty text. Raises ConfigError at *field*."""
    found: set[int] = set()
    for piece in text.split(",") if text else ():
        first, dash, last = piece.strip().partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise ConfigError(f'"{piece}" is neither a number nor a range in "{text}"', field)
        low, high = int(first), int(last or first)
        if low > high or high >= _END:
            raise ConfigError(f'"{piece}" is not a possible range in "{text}"', field)
        found.update(range(low, high + 1))
    return frozenset(found)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(_END))
