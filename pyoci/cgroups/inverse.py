"""What has to be written to a control file to make it again as it is now.

Files of one value are read and written alike. Others have a line for each device or resource; such a line is read and
written alike too, but those without a limit are not listed.
"""

from __future__ import annotations


def of(text: str, name: str, value: str) -> str:
    """The value that undoes the write of *value* to the file *name*, which has *text* so far."""
    lines = text.strip().split("\n")
    key, space, wanted = value.partition(" ")
    if not space or _is_number(key):
        return _alone(lines)
    return next((line for line in lines if line.startswith(key + " ")), f"{key} {_unlimited(name, wanted)}")


def _is_number(word: str) -> bool:
    """Whether *word* is a value, as in cpu.max, and no name."""
    return word == "max" or word.isdecimal()


def _alone(lines: list[str]) -> str:
    """The value of a file; of one with names, as memory.oom_control (v1) is, that of the first."""
    return lines[0] if len(lines) == 1 else lines[0].rpartition(" ")[2]


def _unlimited(name: str, wanted: str) -> str:
    """What *wanted* is for a device that has no line in the file *name*."""
    if "=" in wanted:
        return " ".join([f"{item.partition('=')[0]}=max" for item in wanted.split()])
    return "default" if "weight" in name else "0"
