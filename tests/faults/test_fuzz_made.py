"""What nobody writes, made by an installed runtime: success, or an error in one line; and nothing is left.

Containers, processes that join one, hooks, cgroups, state files. CREATES says how many, SEED which.
"""

from __future__ import annotations

import json

import pytest

from tests.faults.fuzzing import SHARES, chooser, creates
from tests.faults.mutation import ODD_NAMES, mutated, odd_text, recorded, recorded_processes
from tests.support.container import leftovers
from tests.support.recorded import filled

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.support.bundle import Bundle
    from tests.support.container import Container
    from tests.support.runtime import Result, Runtime

pytestmark = [
    pytest.mark.needs("root"), pytest.mark.differs("other runtimes do not promise it"), pytest.mark.timeout(7200),
]  # fmt: skip
shares = pytest.mark.parametrize("share", range(SHARES))

_SECONDS = 60
_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_HOOK_LINES = (
    "cat", "cat > /dev/null", "head -c 300000 /dev/urandom", "head -c 300000 /dev/urandom >&2", "exec <&-", "exec >&-",
    "exec 2>&-", "exec >&- 2>&- <&-", r"printf '\377\376\n\r\000\033[2J'", r"printf '%s' \" \' '\' >&2",
    "yes | head -c 3000000", "echo; echo; echo", "sleep 0.01 & exec >&-", "exit 3", "kill -9 $$", "kill -TERM $$",
    "ulimit -n 0; cat /proc/stat",
)  # fmt: skip


def unclear(result: Result) -> str:
    """What is wrong with how a command of ours failed, if it did."""
    said = result.stderr
    is_clear = not result.status or (said.count("\n") == 1 and not _is_internal(said))
    return "" if is_clear else str(result)


def _is_internal(said: str) -> bool:
    return "internal error" in said or "Traceback" in said


def harmless(given: dict[str, Any], bundle: Bundle, cgroup: str) -> dict[str, Any]:
    """*given* without all that could change something of the machine's own, however the words fall."""
    given["root"] = {"path": str(bundle.rootfs)}
    mounts = given.get("mounts")
    given["mounts"] = [entry for entry in (mounts if isinstance(mounts, list) else []) if "bind" not in str(entry)]
    given["hooks"] = {}
    linux = given.get("linux")
    if isinstance(linux, dict):
        for name in ("netDevices", "uidMappings", "gidMappings"):
            linux.pop(name, None)
        linux["cgroupsPath"] = cgroup
        linux["namespaces"] = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]
    if isinstance(given.get("process"), dict):
        given["process"] |= {"args": ["true"], "cwd": "/", "rlimits": [], "terminal": False}
    return given


@shares
def test_every_create_succeeds_or_fails_in_one_line(
    share: int, runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]
) -> None:
    chosen, known = chooser(share), recorded()
    findings, created = [], 0

    for _ in creates():
        container_id = new_id()
        name = odd_text(chosen, (*ODD_NAMES, "tasks", "cgroup.procs")) if chosen.random() < 0.3 else "x"
        given = json.dumps(harmless(mutated(known, chosen), bundle, f"/{container_id}/{name}"))
        (bundle.path / "config.json").write_text(given)
        result = runtime("create", "--bundle", bundle.path, container_id, timeout=_SECONDS)
        created += result.status == 0
        wrong = [unclear(result)]
        if result.status == 0:
            wrong.append(unclear(runtime("delete", "--force", container_id)))
        wrong += [str(found) for found in leftovers(runtime, container_id).values()]
        findings += [f"{what} for {given[:3000]}" for what in wrong if what]
    print(f"created {created} of {len(creates())}")

    assert findings == []
    assert created or len(creates()) < 20


@shares
def test_every_exec_succeeds_or_fails_in_one_line(share: int, container: Container, place: Path) -> None:
    chosen = chooser(share)
    known = [{**process, "args": ["true", "a"], "terminal": False} for process in recorded_processes()]
    container.up()
    alone = len(container.runtime("ps", container.id).ok().stdout.splitlines())
    findings, succeeded = [], 0

    for _ in creates(2):
        given = mutated(known, chosen)
        (place / "process.json").write_text(json.dumps(given))
        result = container.exec(flags=["--process", str(place / "process.json")], timeout=_SECONDS)
        succeeded += result.status == 0
        # What the program says is its own, if it was executed.
        if unclear(result) if result.status == 255 else _is_internal(result.stderr):
            findings.append(f"{result} for {json.dumps(given)[:3000]}")
    print(f"succeeded {succeeded} of {len(creates(2))}")

    assert findings == []
    assert succeeded or len(creates(2)) < 20
    assert container.status == "running"
    assert len(container.runtime("ps", container.id).ok().stdout.splitlines()) == alone


def hook(chosen: random.Random) -> dict[str, Any]:
    """A hook that says what nobody expects, or is none."""
    # A script with a few letters changed could write anywhere: only its name is.
    whole = {"path": "/bin/sh", "args": ["sh", "-c", "SCRIPT"], "env": ["PATH=/bin:/usr/bin"], "timeout": 10}
    script = "; ".join(chosen.choice(_HOOK_LINES) for _ in range(chosen.randint(1, 3)))
    made: dict[str, Any] = filled(mutated([whole], chosen) if chosen.random() < 0.4 else whole, {"SCRIPT": script})
    return made


@shares
def test_whatever_hooks_say_ends_in_one_line(
    share: int, runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]
) -> None:
    chosen = chooser(share)
    findings, started = [], 0

    for _ in creates(4):
        bundle.config["hooks"] = {kind: [hook(chosen)] for kind in chosen.sample(_HOOKS, 2)}
        container_id = new_id()
        wrong = [unclear(made := runtime("create", "--bundle", bundle.write(), container_id, timeout=_SECONDS))]
        if made.status == 0:
            wrong.append(unclear(start := runtime("start", container_id, timeout=_SECONDS)))
            started += start.status == 0
            deleted = runtime("delete", "--force", container_id, timeout=_SECONDS)
            wrong.append(str(deleted) if deleted.status or _is_internal(deleted.stderr) else "")
        wrong += [str(found) for found in leftovers(runtime, container_id).values()]
        findings += [f"{what} for {bundle.config['hooks']}" for what in wrong if what]
    print(f"started {started} of {len(creates(4))}")

    assert findings == []


@shares
def test_a_damaged_state_is_named_by_every_command_that_looks(
    share: int, container: Container, runtime: Runtime
) -> None:
    chosen = chooser(share)
    container.up()
    path = runtime.root / container.id / "state.json"
    whole = path.read_bytes()
    document = json.loads(whole)
    findings = []

    for _ in creates(8):
        name = chosen.choice(sorted(document))
        text = chosen.choice((
            whole[: chosen.randrange(len(whole))],
            json.dumps({**document, name: chosen.choice([None, [], {}, -1, "x", 2**70])}).encode(),
            json.dumps(mutated([document], chosen)).encode(),
        ))  # fmt: skip
        path.write_bytes(text)
        for words in (["state", container.id], ["list"], ["ps", container.id], ["events", "--stats", container.id]):
            result = runtime(*words, timeout=_SECONDS)
            if (words[0] != "list" and unclear(result)) or _is_internal(result.stderr):
                findings.append(f"{result} for {text!r}")
    path.write_bytes(whole)

    assert findings == []
