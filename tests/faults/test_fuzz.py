"""What nobody writes, through readers, checks and plans: it is taken, or refused in words; never a hang.

Configurations, processes of ``exec``, filters, cgroups, units, ids and command lines; test_fuzz_made.py makes something
of them. CONFIGS says how many, SEED which.
"""

from __future__ import annotations

import contextlib
import json
import os

import pytest

from pyoci import cgroups, cli, config, json_text
from pyoci.cgroups import bus
from pyoci.cgroups.hierarchy import Hierarchy
from pyoci.config.linux import seccomp_program
from pyoci.config.linux.resources import device_settings, devices, settings
from pyoci.config.linux.seccomp import Seccomp
from pyoci.container import store
from pyoci.container.init import Init
from pyoci.errors import BundleError, InvalidId
from pyoci.runtime import create, exec, steps  # noqa: A004 (the command)
from tests.faults.fuzzing import SHARES, Findings, chooser, configs
from tests.faults.mutation import ODD_NAMES, mutated, odd_text, recorded, recorded_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.support.runtime import Runtime

pytestmark = pytest.mark.timeout(7200)
shares = pytest.mark.parametrize("share", range(SHARES))

_EXPLAINED = 0.03
_HOST = [Hierarchy(1, ("cpu", "memory", "devices"), "/sys/fs/cgroup/a", "/"), Hierarchy(2, (), "/sys/fs/cgroup/u", "/")]
_UNIT_NAMES = (*ODD_NAMES, ":", ":", "a-b.slice", ".slice", "-.slice", "system.slice", "pyoci", ".scope")
_ID_NAMES = ("b", "c_", "+", "-", "0", ".", "A" * 60)
_VARIANTS = (
    "true", "'", '"', "[", "]", ",", " ", "uint32 ", "byte ", "int16 ", "double ", "uint64 ", "-1", "0x", "5",
    "9" * 400, "9" * 5000, "1e999", "double nan", "double 1e999", ".5", "\\'", "ü", "\udcff", "\ud800", "[" * 3000,
    "]" * 3000, "@as []",
)  # fmt: skip


def plan(text: bytes, *, explained: bool) -> None:
    """Read, check and plan. What is wrong is *explained* at length, which takes twenty times as long, or not."""
    parsed = config.load(text) if explained else _read(text)
    resources = parsed.linux.resources
    for version in (1, 2):
        list(settings(resources, lambda _, version=version: version))
        list(device_settings(resources, lambda _, version=version: version))
    devices.rules(resources.devices)
    if "seccomp" in parsed.linux:
        seccomp_program.key(parsed.linux.seccomp)
    cgroups.find(parsed.linux.cgroups_path or None, "box", hierarchies=_HOST)


def _read(text: bytes) -> config.Config:
    try:
        value = json_text.loads(text)
    except ValueError as error:
        raise BundleError(str(error)) from None
    return config._translated(config.Config.read(value), value)


@shares
def test_every_configuration_is_accepted_or_refused_in_words(share: int) -> None:
    chosen, known = chooser(share), recorded()

    with Findings() as findings:
        for _ in configs():
            text = json.dumps(mutated(known, chosen)).encode()
            if chosen.random() < 0.05:
                at = chosen.randrange(len(text))
                text = text[:at] + bytes([chosen.randrange(256)]) + text[at + 1 :]
            explained = chosen.random() < _EXPLAINED
            findings.attempt(lambda text=text, explained=explained: plan(text, explained=explained), text)
    print(f"accepted {findings.accepted} of {len(configs())}")

    assert findings.found == {}
    assert findings.accepted > len(configs()) // 100


@shares
def test_every_process_is_accepted_or_refused_in_words(share: int) -> None:
    chosen, known = chooser(share), recorded()
    parsed = [config.load(json.dumps(one).encode()) for one in known]
    processes = recorded_processes()

    def through(given: dict[str, Any], container: config.Config) -> None:
        wanted = exec._read(json_text.loads(json.dumps(given)), container.linux)  # type: ignore[arg-type]  # an object
        init = Init("box", container, wanted, "/bundle")
        names = exec.STAGE + exec.ENTERED + exec.SELF + create.PROCESS + create.LAUNCH + exec.START
        steps.find(tuple(name for name in names if not name.startswith("linux.seccomp")), init)  # it is cached in /run

    with Findings() as findings:
        for _ in configs(2):
            given, container = mutated(processes, chosen), chosen.choice(parsed)
            findings.attempt(lambda given=given, container=container: through(given, container), given)
    print(f"accepted {findings.accepted} of {len(configs(2))}")

    assert findings.found == {}
    assert findings.accepted > len(configs(2)) // 100


@shares
def test_every_filter_is_compiled_or_refused_in_words(share: int) -> None:
    chosen = chooser(share)
    known = [one["linux"]["seccomp"] for one in recorded() if one["linux"].get("seccomp")]

    def through(given: dict[str, Any]) -> None:
        section = Seccomp.read(json_text.loads(json.dumps(given)))
        assert len(seccomp_program.make(section)[0]) % 8 == 0

    with Findings() as findings:
        for _ in configs(10):
            given = mutated(known, chosen)
            findings.attempt(lambda given=given: through(given), given)
    print(f"accepted {findings.accepted} of {len(configs(10))}")

    assert findings.found == {}
    assert findings.accepted > len(configs(10)) // 100


@shares
def test_every_cgroup_is_found_again_or_refused_in_words(share: int) -> None:
    chosen = chooser(share)

    def through(path: str) -> None:
        kept = cgroups.find(path, "box", hierarchies=_HOST).state()
        for directory in kept["directories"]:  # type: ignore[attr-defined]  # a list
            inside = os.path.normpath(directory["path"])
            assert inside == directory["path"], "it leads elsewhere than it says"
            assert inside.startswith(directory["mount"] + "/"), "it leads out of its hierarchy"
        assert cgroups.load(json_text.loads(json_text.dumps(kept).encode())).state() == kept  # type: ignore[arg-type]

    with Findings() as findings:
        for _ in configs():
            path = json.loads(json.dumps(odd_text(chosen)))
            findings.attempt(lambda path=path: through(path), path)

    assert findings.found == {}
    assert findings.accepted > len(configs()) // 100


class _Deaf:
    """A bus at which everything can be said, and which answers nothing."""

    def filter(self, *_: object, **__: object) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    def send_and_get_reply(self, message: Any, **_: object) -> None:
        message.serialise(serial=1)
        raise TimeoutError

    def close(self) -> None:
        pass


@shares
def test_every_unit_is_asked_for_or_refused_in_words(share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = chooser(share)
    monkeypatch.setattr(bus, "_connected", lambda _: _Deaf())
    monkeypatch.setattr(bus.Systemd, "_subscribe", lambda _: None)
    asked = 0

    def through(path: str, annotations: dict[str, str]) -> None:
        nonlocal asked
        cgroup = cgroups.find(path, "box", "systemd", annotations=annotations, hierarchies=_HOST)
        asked += 1
        cgroup.adopt(os.getpid())

    with Findings() as findings:
        for _ in configs():
            path = "a.slice:pyoci:name" if chosen.random() < 0.5 else odd_text(chosen, _UNIT_NAMES)
            names = [odd_text(chosen, ("Memory", "Sec", "USec", "ü", "1"), 2) for _ in range(chosen.randint(0, 2))]
            annotations = {f"org.systemd.property.{name}": odd_text(chosen, _VARIANTS) for name in names}
            findings.attempt(lambda p=path, a=annotations: through(p, a), (path, annotations))

    assert findings.found == {}
    assert asked > len(configs()) // 100


@shares
def test_every_id_is_a_name_or_refused_in_words(share: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    chosen = chooser(share)
    there = store.Store(str(tmp_path / "root"))
    commands = (["state"], ["start"], ["kill"], ["ps"], ["pause"], ["update"], ["wait"], ["delete"], ["exec"])

    def claim(name: str) -> None:
        container = there.claim(name)
        assert os.listdir(there.root) == [name]
        store.remove(container)
        store.unlock(container)

    with Findings() as findings:
        for _ in configs(3):
            name = odd_text(chosen, chosen.choice((ODD_NAMES, _ID_NAMES)))
            findings.attempt(lambda name=name: claim(name), name)
            assert os.listdir(tmp_path) in ([], ["root"])
            status = cli.call(["pyoci", "--root", there.root, *chosen.choice(commands), "--", name, "true"])
            said = capfd.readouterr().err
            if status in (0, 130) or said.count("\n") != 1 or "internal error" in said:
                findings.found[said] = name

    assert findings.found == {}
    assert findings.accepted > len(configs(3)) // 100
    with pytest.raises(InvalidId):
        there.claim("..")


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
