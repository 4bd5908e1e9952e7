"""What a command prints."""

from __future__ import annotations

import os

_STDOUT = 1
_SIGPIPE = 13


def say(text: str) -> None:
    """Print *text* on stdout, as it is. Ends the program quietly when nobody reads."""
    try:
        data = memoryview(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # half a surrogate pair, out of a damaged file
        data = memoryview(text.encode("utf-8", "backslashreplace"))
    try:
        while data:
            data = data[os.write(_STDOUT, data) :]
    except BrokenPipeError:
        raise SystemExit(128 + _SIGPIPE) from None
