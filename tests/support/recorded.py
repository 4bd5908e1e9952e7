"""Configurations that engines really handed to their runtime: loading them, and running them again.

A fixture in tests/data/recorded/ENGINE/CASE is config.json, as the engine wrote it, and call.json: all calls of the
runtime with their arguments and environment. What belongs to the machine it was recorded on is a word like @BUNDLE@.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.support.container import Container, cgroups_named
from tests.support.terminal import ConsoleSocket
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.bundle import Bundle
    from tests.support.runtime import Result

DATA = Path(__file__).resolve().parents[1] / "data/recorded"
_END = "-- end --"

# What a process finds. Paths below /proc and /sys are the kernel's, cgroups the machine's: they are left out.
OBSERVER = rf"""#!/bin/sh
echo "id: $(id)"
echo "cwd: $(pwd)"
echo "hostname: $(hostname)"
echo "umask: $(umask)"
env | grep -v -e ^SHLVL= -e ^_= -e ^PWD= | sort | sed 's/^/env: /'
for letter in c n u; do echo "limit $letter: $(ulimit -S -$letter) $(ulimit -H -$letter)"; done
grep -e ^Uid: -e ^Gid: -e ^Groups: -e ^Cap -e ^NoNewPrivs: -e ^Seccomp: -e ^SigIgn: -e ^SigBlk: /proc/self/status
for file in uid_map gid_map oom_score_adj personality; do
    echo $file: $(cat /proc/self/$file 2>&1)
done
for name in kernel/msgmax kernel/domainname net/ipv4/ping_group_range net/ipv4/ip_unprivileged_port_start; do
    echo $name: $(cat /proc/sys/$name 2>&1)
done
ls /proc/self/fd | sed 's/^/fd: /'
stat -c 'dev: %A %u %g %t:%T %N' /dev/* 2>&1 | sort
awk '{{
    gsub(/,relatime|,noatime/, "", $6)
    for (i = 7; $i != "-"; i++) {{ sub(/:.*/, "", $i); $6 = $6 " " $i }}
    print "mount:", $5, $6, $4 == "/" ? $(i + 1) : "bind"
}}' /proc/self/mountinfo | grep -v -e ' /proc/' -e ' /sys/' | sort
echo "{_END}"
if [ "$1" != once ]; then
    trap 'kill $!; exit 0' TERM
    sleep 1000 &
    wait
fi
"""

_LIMITS = {"RLIMIT_CORE": "limit c", "RLIMIT_NOFILE": "limit n", "RLIMIT_NPROC": "limit u"}
_PARENT = "recorded"
_MODEST = 4096  # what every machine lets a runtime without CAP_SYS_RESOURCE set

# Stands in for an engine's own small init: /dev/init -- PROGRAM ARGS
_FIRST = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
_HOOK = """#!/bin/sh
{ echo "$0 $*"; cat; echo; } >>$0.log
"""


class Case:
    """One fixture."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config: dict[str, Any] = json.loads((path / "config.json").read_text())
        seccomp = self.config.get("linux", {}).get("seccomp")
        if isinstance(seccomp, str):
            self.config["linux"]["seccomp"] = json.loads((DATA / seccomp).read_text())
        self.call: dict[str, Any] = json.loads((path / "call.json").read_text())
        printed = path / "printed.txt"
        self.printed = printed.read_text().splitlines() if printed.exists() else []

    @property
    def name(self) -> str:
        """``engine/case``."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def joins(self) -> Case | None:
        """The case whose container must run, since this one joins its namespaces."""
        name = self.call.get("joins")
        return Case(self.path.parent / name) if name else None


def cases() -> list[Case]:
    """All fixtures."""
    return [Case(file.parent) for file in sorted(DATA.glob("*/*/call.json"))]


def filled(value: Any, words: dict[str, str]) -> Any:
    """*value*, a JSON document, with the words for a machine's paths replaced."""
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
        return value
    if isinstance(value, list):
        return [filled(item, words) for item in value]
    if isinstance(value, dict):
        return {filled(key, words): filled(item, words) for key, item in value.items()}
    return value


class Replay:
    """One case on this machine: its calls in the order and the form in which they were recorded."""

    def __init__(self, case: Case, container: Container, place: Path, other: Replay | None = None) -> None:
        self.case = case
        self.container = container
        self.bundle: Bundle = container.bundle
        self.place = place
        self.printed: list[str] = []
        self._calls: list[dict[str, Any]] = list(case.call["calls"])
        self._consoles: list[ConsoleSocket] = []
        self.words = {
            "@BUNDLE@": str(self.bundle.path), "@ROOTFS@": str(self.bundle.rootfs), "@ID@": container.id,
            "@SHORT@": container.id[-12:].lstrip("-"), "@ENGINE@": str(place / "engine"),
            "@ROOT@": str(container.runtime.root), "@PIDFILE@": str(place / "pid"), "@LOG@": str(place / "log"),
            "@PROCESS@": str(place / "process.json"), "@HOOK@": str(place / "hook"),
            "@PARENT@": f"/{_PARENT}-{os.getpid()}", "@HOST_PID@": str(os.getpid()),
            "@OTHER_PID@": str(other.container.pid if other else 0), "@OTHER@": other.container.id if other else "",
        }  # fmt: skip
        self._adapt()

    def _adapt(self) -> None:
        """Make what the configuration refers to outside of itself, and write it."""
        self.bundle.config = filled(self.case.config, self.words)
        _write_program(self.bundle.rootfs / "bin/observe", OBSERVER)
        _write_program(self.place / "hook", _HOOK)
        for source, kind in self.case.call["sources"].items():
            self._make_source(Path(filled(source, self.words)), kind)
        for mapping in self.bundle.linux.get("uidMappings", ())[:1]:  # engines give the image to the container's root
            subprocess.run(["chown", "-R", f"{mapping['hostID']}:{mapping['hostID']}", self.bundle.rootfs], check=True)
        _be_modest(self.bundle.process)
        self.bundle.write()

    def _make_source(self, path: Path, kind: str) -> None:
        """Make what a bind mount takes from the engine. Raises AssertionError for what is not in this test's place.

        A fixture names files: whatever it says, none of the machine's may be written, so only new ones are made.
        """
        assert path.is_relative_to(self.place), f"{self.case.name} wants to make {path}"
        assert ".." not in path.parts, path
        if kind == "directory":
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(_FIRST if kind == "program" else "127.0.0.1 localhost\n")
        path.chmod(0o755 if kind == "program" else 0o644)

    def until_started(self) -> Replay:
        """Repeat the calls until the program has said what it found."""
        while self._next() != "start":
            pass
        if "once" not in self.bundle.process["args"]:
            self.printed += [f"init: own namespace: {kind}" for kind in self._own_namespaces()]
        return self

    def to_the_end(self) -> Replay:
        """Repeat the calls that are left."""
        while self._calls:
            self._next()
        for console in self._consoles:
            console.close()
        return self

    def hook_log(self) -> str:
        """What the hooks were given, if there are some."""
        log = self.place / "hook.log"
        return log.read_text() if log.exists() else ""

    def _next(self) -> str:
        """Repeat one call; the command's name."""
        call = self._calls.pop(0)
        command: str = call["command"]
        if command == "delete" and "--force" not in call["argv"]:
            self.container.wait_for_status("stopped")
        if "process" in call:
            process = filled(call["process"], self.words)
            _be_modest(process)
            (self.place / "process.json").write_text(json.dumps(process))
        socket = self.place / f"c{len(self._calls)}"
        words = {**self.words, "@CONSOLE@": str(socket)}
        console = None
        if any("@CONSOLE@" in word for word in call["argv"]):
            console = ConsoleSocket(socket)
            self._consoles.append(console)
        result = self.container.runtime(
            *filled(call["argv"], words), env=filled(call["env"], words),
            cwd=self.bundle.path if call["directory"] == "@BUNDLE@" else "/",
        )  # fmt: skip
        if command not in {"kill", "state"}:  # engines ask and kill although the container may have ended
            result.ok()
        self._look(command, result, console)
        return command

    def _look(self, command: str, result: Result, console: ConsoleSocket | None) -> None:
        """Keep what the program of *command* prints; that of ``create`` prints after ``start``."""
        if command == "create":
            terminal = console.terminal() if console else None
            self._created = lambda: terminal.text if terminal and terminal.read_until(_END) else result.stdout
        elif command == "start":
            self._keep("init", self._created)
        elif command == "exec":
            terminal = console.terminal() if console else None
            self._keep("exec", lambda: terminal.read_until(_END) if terminal else result.stdout)
        else:
            assert not result.stderr or result.status, str(result)

    def _keep(self, who: str, said: Callable[[], str]) -> None:
        wait_for(lambda: _END in said(), f"what {who} observes")
        text = said().replace("\r", "").replace(self.container.id, "@ID@").replace(self.words["@SHORT@"], "@SHORT@")
        self.printed += [f"{who}: {line}" for line in text.splitlines() if self._is_the_containers(line)]

    def _is_the_containers(self, line: str) -> bool:
        """Whether *line* of the observer tells about the container, not about the machine."""
        hosts = f"/proc/{self.words['@HOST_PID@']}/"
        own = {entry["type"] for entry in self.bundle.linux["namespaces"] if hosts not in entry.get("path", "")}
        limits = {entry["type"] for entry in self.bundle.process.get("rlimits", ())}
        not_set = [text for kind, text in _LIMITS.items() if kind not in limits]
        not_set += [] if "uts" in own else ["hostname"]
        not_set += [] if "ipc" in own else ["kernel/msgmax"]
        not_set += [] if "network" in own else ["net/"]
        return line != _END and not line.startswith(tuple(not_set))

    def _own_namespaces(self) -> list[str]:
        """The kinds of namespace that are not ours."""
        own, theirs = Path("/proc/self/ns"), Path(f"/proc/{self.container.pid}/ns")
        kinds = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
        return [kind for kind in kinds if os.readlink(own / kind) != os.readlink(theirs / kind)]


def remove_parents() -> None:
    """Remove the cgroups that are the engine's own and outlive its containers. Raises OSError if one is in use."""
    for parent in reversed(cgroups_named(f"{_PARENT}-{os.getpid()}")):
        os.rmdir(parent)


def _be_modest(process: dict[str, Any]) -> None:
    """Ask for no more than machines without CAP_SYS_RESOURCE can give."""
    for names in process.get("capabilities", {}).values():
        names[:] = [name for name in names if name != "CAP_SYS_RESOURCE"]
    for limit in process.get("rlimits", ()):
        limit.update({kind: min(limit[kind], _MODEST) for kind in ("soft", "hard")})


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
