"""Record what engines hand to their runtime: ``python -m tests.support.record [ENGINE[/CASE] …]``, as root.

Each case is run by the engine with a runtime that writes down its calls and becomes runc (or --runtime PATH). With
--keep the fixtures in tests/data/recorded are replaced; without it, it only shows whether the engine was content.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from tests.support import engines, recorded
from tests.support.bundle import Bundle
from tests.support.container import Container, leftovers
from tests.support.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

_RUNC = "/usr/sbin/runc"
_COMMANDS = ("create", "run", "start", "exec", "kill", "delete", "state", "pause", "resume", "ps", "update", "list")
_RECORD_CALL = Path(__file__).with_name("record_call.py")
_IMAGE = engines.IMAGE
_VOLUME = f"{engines.HOME}/volume"

# Options of `podman run` and `docker run` alike.
_COMMON: dict[str, tuple[str, ...]] = {
    "plain": (),
    "terminal": ("--tty", "--interactive"),
    "read-only": ("--read-only", "--tmpfs", "/scratch:rw,size=1m,mode=1770,noexec"),
    "volumes": (
        "-v", f"{_VOLUME}:/plain", "-v", f"{_VOLUME}:/read-only:ro", "-v", f"{engines.HOME}/shared:/shared:rshared",
        "-v", f"{engines.HOME}/shared:/slave:ro,rslave", "--mount", f"type=bind,src={_VOLUME},dst=/mounted,readonly",
        "--mount", "type=tmpfs,dst=/temporary,tmpfs-mode=0700,tmpfs-size=1048576",
    ),
    "devices": ("--device", "/dev/zero:/dev/given:r", "--device", "/dev/full", "--device-cgroup-rule", "c 1:* rm"),
    "limits": ("--ulimit", "core=0", "--ulimit", "nofile=512:1024", "--ulimit", "nproc=100:200"),
    "sysctl": ("--sysctl", "net.ipv4.ip_unprivileged_port_start=80", "--sysctl", "kernel.msgmax=4096"),
    "resources": (
        "--memory=64m", "--memory-swap=96m", "--memory-reservation=32m", "--cpus=0.5", "--cpu-shares=512",
        "--cpuset-cpus=0", "--pids-limit=50", "--oom-score-adj=500", "--shm-size=1m",
    ),
    "capabilities": ("--cap-drop=ALL", "--cap-add=NET_ADMIN", "--cap-add=SYS_TIME", "--cap-add=CHOWN"),
    "unconfined": ("--security-opt", "seccomp=unconfined"),
    "own-seccomp": ("--security-opt", f"seccomp={engines.HOME}/seccomp.json"),
    "no-new-privileges": ("--security-opt", "no-new-privileges", "--user", "1000:1000"),
    "host-namespaces": ("--pid=host", "--ipc=host", "--uts=host", "--network=host"),
    "init": ("--init",),
    "privileged": ("--privileged",),
    "user": (
        "--user", "alice", "--group-add", "audio", "--workdir", "/tmp", "--hostname", "named", "--env", "EXTRA=value",
    ),
}  # fmt: skip

_PODMAN: dict[str, tuple[str, ...]] = {
    "user-namespace": ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"),
    "host-cgroup-namespace": ("--cgroupns=host", "--cap-add=ALL"),
    "private-cgroup-namespace": ("--cgroupns=private",),
    "systemd": ("--systemd=always",),
    "unmask": ("--security-opt", "unmask=ALL", "--security-opt", "proc-opts=hidepid=2"),
    "umask": ("--umask=0077", "--annotation", "org.example=recorded", "--tz=local", "--personality=LINUX32"),
    "odd-volumes": ("-v", f"{_VOLUME}:/odd:ro,nosuid,nodev,noexec,bind,private", "--tmpfs", "/copied:tmpcopyup"),
}  # fmt: skip

_DOCKER: dict[str, tuple[str, ...]] = {
    "domain": ("--domainname", "example.org", "--hostname", "named"),
    "private-cgroup-namespace": ("--cgroupns=private",),
    "masked-nothing": ("--security-opt", "systempaths=unconfined"),
    "block-io": ("--blkio-weight=100", "--memory-swappiness=0", "--oom-kill-disable", "--memory=64m"),
}

_CONTAINERD: dict[str, tuple[str, ...]] = {
    "plain": (),
    "terminal": (),
    "seccomp": ("--seccomp", "--read-only"),
    "privileged": ("--privileged", "--allow-new-privs"),
    "mounts": ("--mount", f"type=bind,src={_VOLUME},dst=/mnt,options=rbind:ro", "--rootfs-propagation=rshared"),
    "resources": ("--memory-limit=67108864", "--cpus=0.5", "--env", "EXTRA=value", "--cwd=/tmp"),
    "host-network": ("--net-host", "--cap-add=CAP_SYS_TIME", "--device=/dev/full"),
}

_BUILDAH: dict[str, tuple[str, ...]] = {
    "plain": (),
    "no-pivot": ("--no-pivot", "--hostname=built"),
    "volumes": ("-v", f"{_VOLUME}:/mnt:ro", "--mount", "type=tmpfs,dst=/temporary", "--user=alice"),
    "host": ("--network=host", "--pid=host", "--ipc=host", "--uts=host"),
    "capabilities": ("--cap-add=CAP_NET_ADMIN", "--cap-drop=CAP_CHOWN", "--workingdir=/tmp", "--env=EXTRA=value"),
}

Steps = list[list[str]]


def _run(*options: str, name: str = "main") -> list[str]:
    network = () if any(option.startswith(("--network", "--pod")) for option in options) else ("--network=none",)
    return ["run", "-d", "--name", name, *network, *options, _IMAGE, "observe"]


_FINISH = [["stop", "-t", "5", "main"], ["rm", "main"]]


def _podman() -> Iterator[tuple[str, Steps]]:
    for name, options in {**_COMMON, **_PODMAN}.items():
        program = ("--init-path=/usr/bin/docker-init",) if name == "init" else ()
        yield name, [_run(*program, *options), ["exec", "main", "observe", "once"], *_FINISH]
    yield "exec-terminal", [_run(), ["exec", "-t", "main", "observe", "once"], *_FINISH]
    yield "exec-options", [
        _run(), ["exec", "--user=1000:29", "--workdir=/tmp", "--env=EXTRA=value", "main", "observe", "once"], *_FINISH
    ]  # fmt: skip
    yield "exec-privileged", [_run(), ["exec", "--privileged", "-d", "main", "observe", "once"], *_FINISH]
    yield "pause", [_run(), ["pause", "main"], ["unpause", "main"], ["rm", "--force", "-t", "0", "main"]]
    yield "never-started", [_run()[:1] and ["create", *_run()[2:]], ["init", "main"], ["start", "main"], *_FINISH]
    yield "first+joining", [
        _run(name="first"), _run("--pid=container:first", "--ipc=container:first", "--network=container:first"),
        ["exec", "main", "observe", "once"], *_FINISH, ["rm", "--force", "-t", "0", "first"],
    ]  # fmt: skip
    yield "pod-infra+pod-member", [
        ["pod", "create", "--name", "p", "--network=none", "--infra-command=observe", f"--infra-image={_IMAGE}"],
        _run("--pod=p"), ["exec", "main", "observe", "once"], *_FINISH, ["pod", "rm", "--force", "-t", "0", "p"],
    ]  # fmt: skip


def _docker() -> Iterator[tuple[str, Steps]]:
    for name, options in {**_COMMON, **_DOCKER}.items():
        yield name, [_run(*options), ["exec", "main", "observe", "once"], *_FINISH]
    yield "exec-options", [
        _run(), ["exec", "--user=1000:29", "--workdir=/tmp", "--env=EXTRA=value", "main", "observe", "once"], *_FINISH
    ]  # fmt: skip
    yield "exec-privileged", [_run(), ["exec", "--privileged", "main", "observe", "once"], *_FINISH]
    yield "pause", [_run(), ["pause", "main"], ["unpause", "main"], ["rm", "--force", "main"]]
    yield "first+joining", [
        _run(name="first"), _run("--pid=container:first", "--network=container:first"),
        ["exec", "main", "observe", "once"], *_FINISH, ["rm", "--force", "first"],
    ]  # fmt: skip


def _containerd() -> Iterator[tuple[str, Steps]]:
    for name, options in _CONTAINERD.items():
        stream = ["-t"] if name == "terminal" else ["--log-uri", f"file://{engines.HOME}/log"]
        terminal = [engines.ON_TERMINAL] if name == "terminal" else []
        yield name, [
            [*terminal, "run", "-d", *stream, *options, _IMAGE, "main", "observe"],
            ["task", "exec", "--exec-id", "e", "main", "observe", "once"],
            ["task", "pause", "main"], ["task", "resume", "main"], ["task", "ps", "main"],
            ["task", "delete", "--force", "main"], ["container", "delete", "main"],
        ]  # fmt: skip


def _buildah(runtime: str) -> Iterator[tuple[str, Steps]]:
    for name, options in _BUILDAH.items():
        network = () if "--network=host" in options else ("--network=none",)
        yield name, [
            ["from", "--name=main", "--pull-never", _IMAGE],
            ["run", "--runtime", runtime, *network, *options, "main", "--", "observe", "once"], ["rm", "main"],
        ]  # fmt: skip


_CASES: dict[str, Callable[[str], Iterator[tuple[str, Steps]]]] = {
    "podman": lambda _: _podman(), "docker": lambda _: _docker(), "containerd": lambda _: _containerd(),
    "buildah": _buildah,
}  # fmt: skip


def _sanitized(value: Any, known: Sequence[tuple[str, str]]) -> Any:
    """*value* without what belongs to this machine: *known* texts become words, the longest first."""
    if isinstance(value, str):
        for text, word in known:
            value = value.replace(text, word)
        return re.sub(r"\b[0-9a-f]{64}\b", "@HEX@", value)
    if isinstance(value, list):
        return [_sanitized(item, known) for item in value]
    if isinstance(value, dict):
        return {_sanitized(key, known): _sanitized(item, known) for key, item in value.items()}
    return value


_VALUES = {
    "--bundle": "@BUNDLE@", "--pid-file": "@PIDFILE@", "--console-socket": "@CONSOLE@", "--process": "@PROCESS@",
    "--log": "@LOG@", "--root": "@ROOT@",
}  # fmt: skip


def _words(argv: list[str]) -> list[str]:
    """The command line with the values of options that name files replaced."""
    words: list[str] = []
    for word in argv:
        name, equals, _ = word.partition("=")
        if words and words[-1] in _VALUES:
            words.append(_VALUES[words[-1]])
        else:
            words.append(f"{name}={_VALUES[name]}" if equals and name in _VALUES else word)
    return words


_PIPES = {"_OCI_SYNCPIPE", "_OCI_STARTPIPE", "_CONTAINERS_USERNS_CONFIGURED"}  # conmon's, buildah's
_EVERYWHERE = ("/dev/", "/proc/", "/sys/")


def _sources(first: dict[str, Any]) -> dict[str, str]:
    """What a replay has to make for the bind mounts; files of the machine become files of the engine."""
    sources = {}
    for mount in first["config"].get("mounts", ()):
        source = mount.get("source", "")
        if source.startswith("/") and not source.startswith(_EVERYWHERE):
            if not source.startswith((f"{engines.HOME}/", f"{first['bundle']}/")):
                mount["source"] = f"{engines.HOME}/host{source}"
            sources[mount["source"]] = first["sources"][source]
    return sources


def _adapt(config: dict[str, Any]) -> None:
    """Replace paths of the machine whose place in *config* says what they are."""
    config["root"]["path"] = "@ROOTFS@"
    for hooks in config.get("hooks", {}).values():
        for hook in hooks:
            hook["path"] = "@HOOK@"
            hook["args"] = [re.sub(r"^[0-9a-f]{12}$", "@HEX@", word) for word in hook.get("args", ())]
    parent, _, base = config["linux"].get("cgroupsPath", "").rpartition("/")
    if parent:
        config["linux"]["cgroupsPath"] = f"@PARENT@/{base}"
    for namespace in config["linux"]["namespaces"]:
        if "path" in namespace:
            path = re.sub(r"^/proc/\d+", "/proc/@OTHER_PID@", namespace["path"])
            namespace["path"] = re.sub(r"^/run/.*/netns/default$", "/proc/@HOST_PID@/ns/net", path)


def _calls(mine: list[dict[str, Any]], bundle: str) -> list[dict[str, Any]]:
    """The calls for one container; an engine that asks for the state again and again asks once."""
    calls: list[dict[str, Any]] = []
    for call in mine:
        argv = _words(call["argv"])
        environment = {name: value for name, value in call["env"].items() if name not in _PIPES}
        entry = {
            "command": next(word for word in argv if word in _COMMANDS), "argv": argv,
            "directory": "@BUNDLE@" if call["directory"] == bundle else "/", "env": environment,
        }  # fmt: skip
        if "process" in call:
            entry["process"] = call["process"]
        if entry not in calls[-1:]:
            calls.append(entry)
    return calls


class Recorder:
    """Turns the calls of one case into fixtures."""

    def __init__(self, engine: str, version: str, calls: Path) -> None:
        self._engine = engine
        self._version = version
        self._calls = calls

    def keep(self, names: list[str], command: str) -> None:
        """Write a fixture for each container of a case; *names* are in the order of their creation."""
        calls = [json.loads(file.read_text()) for file in sorted(self._calls.glob("*.json"))]
        created = [call for call in calls if "config" in call]
        assert len(created) == len(names), [call["argv"] for call in calls]
        other: dict[str, Any] | None = None
        for name, first in zip(names, created, strict=True):
            container_id = first["argv"][-1]
            mine = [call for call in calls if container_id in call["argv"]]
            self._write(name, names[0] if other else "", command, first, mine, other)
            other = first

    def _known(self, first: dict[str, Any], other: dict[str, Any] | None) -> list[tuple[str, str]]:
        """Texts of this machine and the words for them."""
        identity = first["argv"][-1]
        known = [(first["bundle"], "@BUNDLE@"), (identity, "@ID@"), (first["config"]["root"]["path"], "@ROOTFS@")]
        if len(identity) == 64:
            known.append((identity[:12], "@SHORT@"))
        if other:
            known.append((other["argv"][-1], "@OTHER@"))
        host = socket.gethostname()
        known += [(f"HOSTNAME={host}", "HOSTNAME=@HOST@"), (f"hostname: {host}", "hostname: @HOST@")]
        if first["config"].get("hostname") == host:
            first["config"]["hostname"] = "@HOST@"
        return [*sorted(known, key=lambda pair: -len(pair[0])), (engines.HOME, "@ENGINE@")]

    def _write(
        self, name: str, joins: str, command: str, first: dict[str, Any], mine: list[dict[str, Any]],
        other: dict[str, Any] | None,
    ) -> None:  # fmt: skip
        known = self._known(first, other)
        config = first["config"]
        if not config["root"]["path"].startswith("/"):
            known = [pair for pair in known if pair[1] != "@ROOTFS@"]
        directory = recorded.DATA / self._engine / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        sources = _sources(first)
        _adapt(config)
        if "seccomp" in config["linux"]:
            config["linux"]["seccomp"] = self._profile(config["linux"]["seccomp"])
        document: dict[str, Any] = {"engine": self._version, "said": command}
        if joins:
            document["joins"] = joins
        document |= {"sources": sources, "calls": _calls(mine, first["bundle"])}
        _dump(directory / "config.json", _sanitized(config, known))
        _dump(directory / "call.json", _sanitized(document, known))

    def _profile(self, profile: dict[str, Any]) -> str:
        """The name of the file with a seccomp *profile*: they repeat."""
        text = json.dumps(profile, separators=(",", ":"))
        directory = recorded.DATA / "seccomp"
        directory.mkdir(exist_ok=True)
        for file in sorted(directory.iterdir()):
            if json.loads(file.read_text()) == profile:
                return f"seccomp/{file.name}"
        name = f"seccomp/{self._engine}-{len(list(directory.glob(f'{self._engine}-*')))}.json"
        (recorded.DATA / name).write_text(text + "\n")
        return name


def _dump(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n")


_REMOVAL = (  # by whichever engine; the others do not know such a command
    ["rm", "--force", "main"], ["rm", "--force", "first"], ["task", "delete", "--force", "main"],
    ["container", "delete", "main"],
)  # fmt: skip


def _perform(name: str, runtime: str, wanted: Sequence[str], keep: bool, directory: Path) -> list[str]:
    """Let one engine run its cases; the names of those it was not content with."""
    failed = []
    calls = directory / "calls"
    image = directory / "image.tar"
    engines.make_image(image, recorded.OBSERVER)
    with engines.Place(directory) as place:
        wrapper = place.write(
            "bin/runc",
            f'#!/bin/sh\nexec {sys.executable} -I -S {_RECORD_CALL} {calls} {runtime} "$@"\n',
            0o755,
        )
        place.write("seccomp.json", json.dumps(_SECCOMP))
        engine = engines.ENGINES[name](place, wrapper)
        engine.prepare(image)
        recorder = Recorder(name, engine.version_text(), calls)
        for case, steps in _CASES[name](wrapper):
            if wanted and f"{name}/{case}" not in wanted:
                continue
            shutil.rmtree(calls, ignore_errors=True)
            calls.mkdir()
            try:
                for words in steps:
                    engine(*words)
                print(f"{name}/{case}: fine", flush=True)
            except (AssertionError, OSError) as error:
                failed.append(f"{name}/{case}")
                print(f"{name}/{case}: {error}", flush=True)
                for again in _REMOVAL:
                    place.run(engine.command(again))
                continue
            if keep:
                said = next(words for words in steps if {"run", "create"} & set(words))
                recorder.keep(case.split("+"), " ".join([engine.name, *said]).replace(wrapper, "runc"))
        engine.end()
    return failed


_SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "syscalls": [
        {"names": ["swapon", "swapoff"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
    ],
}  # fmt: skip


def write_printed(case: recorded.Case, runtime: str) -> None:
    """Run the fixture with *runtime* and keep what its processes print: what others are compared with."""
    joined = case.joins
    with tempfile.TemporaryDirectory(prefix="pyoci-record-") as name, contextlib.ExitStack() as undo:
        Path(name).chmod(0o755)
        undo.callback(recorded.remove_parents)
        replays: list[recorded.Replay] = []
        for number, one in enumerate([joined, case] if joined else [case]):
            place = Path(name) / str(number)
            place.mkdir()
            container = Container(Runtime(runtime, place), Bundle(place / "bundle"), f"recorded-{number}-{id(case):x}")
            undo.callback(container.remove)
            other = replays[0] if replays else None
            replays.append(recorded.Replay(one, container, place, other).until_started())
        for replay in reversed(replays):
            replay.to_the_end()
            assert not leftovers(replay.container.runtime, replay.container.id)
        (case.path / "printed.txt").write_text("\n".join(replays[-1].printed) + "\n")


def main() -> None:
    """Run the engines, and say which cases failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default=_RUNC)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("wanted", nargs="*")
    options = parser.parse_args()
    failed = []
    for name in engines.ENGINES:
        wanted = [word for word in options.wanted if word.partition("/")[0] == name]
        if options.wanted and not wanted:
            continue
        if name in wanted:
            wanted = []
        if options.keep and not wanted:
            shutil.rmtree(recorded.DATA / name, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="pyoci-record-") as directory:
            failed += _perform(name, options.runtime, wanted, options.keep, Path(directory))
    if options.keep:
        for case in recorded.cases():
            if not case.printed:
                print(f"{case.name}: what it prints", flush=True)
                with contextlib.redirect_stdout(io.StringIO()):
                    write_printed(case, options.runtime)
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
