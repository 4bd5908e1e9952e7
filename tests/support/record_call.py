"""A runtime that writes down how it was called and then becomes the real one: ``record_call.py CALLS REAL ARGS…``.

Engines are given a two-line script that starts this; it needs only Python's own library and prints nothing.
"""

from __future__ import annotations

import json
import os
import resource
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def value_of(words: list[str], *names: str) -> str:
    """What an option has in the command line *words*, in either spelling; nothing without it."""
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else words[index + 1]
    return ""


def kind_of(path: str) -> str:
    """What is at *path*, as a fixture has to make it again."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "missing"
    if stat.S_ISDIR(mode):
        return "directory"
    return "program" if mode & 0o111 else "file"


_CAP_SYS_RESOURCE = 24


def with_lower_limits(process: dict[str, Any]) -> dict[str, Any]:
    """*process* as it can start where nobody has CAP_SYS_RESOURCE; what is written down stays as it was."""
    with open("/proc/self/status", encoding="ascii") as file:
        (own,) = [int(line.split()[1], 16) for line in file if line.startswith("CapBnd:")]
    if own >> _CAP_SYS_RESOURCE & 1:
        return process
    limits = [dict(limit) for limit in process.get("rlimits", ())]
    for limit in limits:
        hard = resource.getrlimit(getattr(resource, limit["type"]))[1]
        if hard != resource.RLIM_INFINITY:
            limit.update(soft=min(limit["soft"], hard), hard=min(limit["hard"], hard))
    sets = {
        kind: [name for name in names if name != "CAP_SYS_RESOURCE"]
        for kind, names in process.get("capabilities", {}).items()
    }
    return {**process, "rlimits": limits, "capabilities": sets}


def read(path: str) -> dict[str, Any]:
    """The document at *path*."""
    with open(path, encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


def write(path: str, document: dict[str, Any]) -> None:
    """Give the runtime *document* at *path*."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)


def describe(words: list[str]) -> dict[str, Any]:
    """Everything this call was given."""
    # PWD is the wrapper's shell's, LC_CTYPE this interpreter's.
    environment = {name: value for name, value in os.environ.items() if name not in {"PWD", "LC_CTYPE"}}
    call: dict[str, Any] = {"argv": words, "env": environment, "directory": os.getcwd()}
    if "create" in words or "run" in words:
        call["bundle"] = value_of(words, "--bundle", "-b") or os.getcwd()
        path = os.path.join(call["bundle"], "config.json")
        config = call["config"] = read(path)
        write(path, {**config, "process": with_lower_limits(config["process"])})
        sources = [mount.get("source", "") for mount in config.get("mounts", ())]
        call["sources"] = {source: kind_of(source) for source in sources if source.startswith("/")}
    if "exec" in words and (path := value_of(words, "--process", "-p")):
        call["process"] = read(path)
        write(path, with_lower_limits(call["process"]))
    return call


def main() -> None:
    """Write down and go on as the real runtime."""
    calls, real, *words = sys.argv[1:]
    number = 0
    while True:
        try:
            file = open(f"{calls}/{number:04}.json", "x", encoding="utf-8")  # noqa: SIM115 (closed below)
            break
        except FileExistsError:
            number += 1
    with file:
        json.dump(describe(words), file)
    os.execv(real, [real, *words])  # noqa: S606 (that is its purpose)


if __name__ == "__main__":
    main()
