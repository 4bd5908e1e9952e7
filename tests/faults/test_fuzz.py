"""Mutated configurations, ids, command lines, state files: an error in one line or success, and never a hang.

CONFIGS and CREATES say how many, SEED which.
"""

from __future__ import annotations

import json
import os
import random
import signal

import pytest

from pyoci import cgroups, config, json_text
from pyoci.cgroups.hierarchy import Hierarchy
from pyoci.config.linux.resources import devices, settings
from pyoci.config.linux.seccomp_program import key
from pyoci.errors import BundleError, PyociError
from tests.faults.mutation import mutated, recorded
from tests.support.container import leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.bundle import Bundle
    from tests.support.container import Container
    from tests.support.runtime import Runtime

_CONFIGS = int(os.environ.get("CONFIGS", "0") or 0) or 1500
_CREATES = int(os.environ.get("CREATES", "0") or 0) or 25
_SECONDS = 20
_EXPLAINED = 0.03
_HOST = [Hierarchy(1, ("cpu", "memory", "devices"), "/sys/fs/cgroup/a", "/"), Hierarchy(2, (), "/sys/fs/cgroup/u", "/")]


@pytest.fixture
def chosen() -> random.Random:
    """What chooses, the same each time."""
    return random.Random(os.environ.get("SEED") or "1")  # noqa: S311 (no secret)


@pytest.fixture
def alarm() -> Iterator[Callable[[int], object]]:
    """Raises TimeoutError after a number of seconds."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    yield signal.alarm
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def plan(text: bytes, *, explained: bool) -> bool:
    """Read, check and plan; whether it was accepted. Raises what is no PyociError.

    What is wrong is *explained* at length, which takes twenty times as long, or not.
    """
    try:
        parsed = config.load(text) if explained else _read(text)
        resources = parsed.linux.resources
        for version in (1, 2):
            list(settings(resources, lambda _, version=version: version))
        devices.rules(resources.devices)
        if "seccomp" in parsed.linux:
            key(parsed.linux.seccomp)
        cgroups.find(parsed.linux.cgroups_path or None, "box", hierarchies=_HOST)
    except PyociError as error:
        return not str(error)
    return True


def _read(text: bytes) -> config.Config:
    try:
        value = json_text.loads(text)
    except ValueError as error:
        raise BundleError(str(error)) from None
    return config._translated(config.Config.read(value), value)


@pytest.mark.timeout(7200)
def test_every_configuration_is_accepted_or_refused_in_words(
    chosen: random.Random, alarm: Callable[[int], object]
) -> None:
    configs = recorded()
    accepted, findings = 0, {}

    for _ in range(_CONFIGS):
        text = json.dumps(mutated(configs, chosen)).encode()
        if chosen.random() < 0.05:
            at = chosen.randrange(len(text))
            text = text[:at] + bytes([chosen.randrange(256)]) + text[at + 1 :]
        alarm(_SECONDS)
        try:
            accepted += plan(text, explained=chosen.random() < _EXPLAINED)
        except Exception as error:  # noqa: BLE001 (what is looked for)
            trace = error.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            assert trace
            findings[f"{type(error).__name__}: {error} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"] = text
        alarm(0)
    print(f"accepted {accepted} of {_CONFIGS}")

    assert list(findings) == []
    assert accepted > _CONFIGS // 100


@pytest.mark.needs("root")
@pytest.mark.differs("other runtimes do not promise it")
@pytest.mark.timeout(7200)
def test_every_create_succeeds_or_fails_in_one_line(
    runtime: Runtime, bundle: Bundle, new_id: Callable[[], str], chosen: random.Random
) -> None:
    configs = [{**recorded_one, "hooks": {}} for recorded_one in recorded()]
    findings, created = [], 0

    for _ in range(_CREATES):
        given = mutated(configs, chosen)
        # Of the machine's own nothing is to be changed, however the words fall.
        given["root"] = {"path": str(bundle.rootfs)}
        given["mounts"] = [
            entry for entry in given.get("mounts") or [] if isinstance(entry, dict) and entry.get("type") != "bind"
        ]
        given["hooks"] = {}
        linux = given.get("linux")
        if isinstance(linux, dict):
            linux.pop("cgroupsPath", None)
            linux.pop("netDevices", None)
            linux.pop("uidMappings", None)
            linux.pop("gidMappings", None)
        if isinstance(given.get("process"), dict):
            given["process"] |= {"args": ["true"], "cwd": "/", "rlimits": [], "terminal": False}
            linux["namespaces"] = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]
        (bundle.path / "config.json").write_text(json.dumps(given))
        container_id = new_id()
        result = runtime("create", "--bundle", bundle.path, container_id, timeout=60)
        created += result.status == 0
        words = result.stderr
        if result.status and (words.count("\n") != 1 or "internal error" in words or "Traceback" in words):
            findings.append(f"{result} for {json.dumps(given)[:2000]}")
        if result.status == 0:
            runtime("delete", "--force", container_id).ok()
        if left := leftovers(runtime, container_id):
            findings.append(f"{left} of {json.dumps(given)[:2000]}")
    print(f"created {created} of {_CREATES}")

    assert findings == []


@pytest.mark.differs("other runtimes say less")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["state", "\udcff"], id="no UTF-8"),
        pytest.param(["state", "../x"], id="a path"),
        pytest.param(["state", "x" * 300], id="long"),
        pytest.param(["state", ""], id="empty"),
        pytest.param(["kill", "x", "99999999999999999999"], id="large signal"),
        pytest.param(["kill", "x", "-"], id="no signal"),
        pytest.param(["create", "--bundle", "\udcff\n", "x"], id="odd bundle"),
        pytest.param(["exec", "--cwd"], id="half an option"),
        pytest.param(["--log-format", "\udcff", "list"], id="odd format"),
        pytest.param(["update", "--memory", "9" * 400, "x"], id="large number"),
        pytest.param(["\n"], id="a newline"),
    ],
)
def test_odd_words_are_refused_in_one_line(runtime: Runtime, words: list[str]) -> None:
    result = runtime(*words)

    assert result.status != 0
    assert result.stderr.count("\n") == 1
    assert "internal error" not in result.stderr


@pytest.mark.needs("root")
@pytest.mark.differs("other runtimes keep other files")
def test_a_damaged_state_is_named_by_every_command(
    container: Container, runtime: Runtime, chosen: random.Random
) -> None:
    container.create().ok()
    path = runtime.root / container.id / "state.json"
    whole = path.read_bytes()

    for _ in range(12):
        document = json.loads(whole)
        name = chosen.choice(sorted(document))
        at = chosen.randrange(len(whole))
        texts = [whole[:at], json.dumps({**document, name: chosen.choice([None, [], {}, -1, "x", 2**70])}).encode()]
        path.write_bytes(chosen.choice(texts))
        for command in ("state", "list", "ps", "exec"):
            words = {"list": ["list"], "exec": ["exec", container.id, "true"]}.get(command, [command, container.id])
            result = runtime(*words)
            assert "internal error" not in result.stderr, (path.read_bytes(), str(result))
            assert "Traceback" not in result.stderr
    path.write_bytes(whole)
