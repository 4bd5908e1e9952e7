"""Names become functions before the fork; after it nothing is imported, and a failure says which step it was."""

from __future__ import annotations

import errno
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyoci.config import Config
from pyoci.container.init import Init
from pyoci.errors import ConfigError, StepError
from pyoci.runtime import create, exec, steps  # noqa: A004 (the operation's name)

ISOLATED = [sys.executable, "-I", "-S", "-c"]
TOP = Path(__file__).parents[3]
PROCESS = {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}}
LISTS = (
    create.STAGE, create.ROOTFS, create.SELF, create.PROCESS, create.LAUNCH, create.START,
    exec.STAGE, exec.ENTERED, exec.SELF, exec.START,
)  # fmt: skip
NAMES = sorted({name for names in LISTS for name in names})


def init_of(**sections: Any) -> Init:
    """An Init of a small configuration with *sections*, those of ``process`` and ``linux`` added to what it has."""
    document = {"ociVersion": "1.3.0", "root": {"path": "rootfs"}, **sections,
                "process": {**PROCESS, **sections.get("process", {})}}  # fmt: skip
    config = Config.read(document)
    return Init("test", config, config.process, "/")


@pytest.mark.parametrize("name", NAMES)
def test_name_leads_to_a_function_that_says_what_it_does(name: str) -> None:
    path, _, verb = name.rpartition(".")
    step = getattr(steps.section(path), verb)
    assert inspect.isfunction(step)
    assert [parameter.name for parameter in inspect.signature(step).parameters.values()] == ["init"]
    assert (step.__doc__ or "")[:1].isupper()
    assert inspect.signature(step).return_annotation == "None"


@pytest.mark.parametrize("path", sorted({name.rpartition(".")[0] for name in NAMES}))
def test_preparation_takes_what_a_step_takes(path: str) -> None:
    prepare = getattr(steps.section(path), "prepare", None)
    if prepare:
        assert list(inspect.signature(prepare).parameters) == ["init"]
        assert prepare.__doc__


@pytest.mark.parametrize(
    ("path", "sections", "present"),
    [
        pytest.param("linux.seccomp", {}, False, id="no linux at all"),
        pytest.param("linux.seccomp", {"linux": {}}, False, id="absent"),
        pytest.param("linux.seccomp", {"linux": {"seccomp": None}}, False, id="null is absent"),
        pytest.param("linux.seccomp", {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}}, True, id="present"),
        pytest.param("linux.sysctl", {"linux": {"sysctl": {}}}, True, id="empty is present"),
        pytest.param("process.scheduler", {}, False, id="absent from process"),
        pytest.param("process.scheduler", {"process": {"scheduler": {"policy": "SCHED_BATCH"}}}, True, id="of process"),
        pytest.param("process.session", {}, True, id="no section"),
        pytest.param("linux.loopback", {}, False, id="no section, of an absent one"),
        pytest.param("linux.loopback", {"linux": {}}, True, id="no section of a present one"),
        pytest.param("root", {}, True, id="required"),
        pytest.param("mounts", {}, False, id="absent at the top"),
    ],
)  # fmt: skip
def test_section_is_present_when_config_json_has_it(path: str, sections: dict[str, Any], present: bool) -> None:
    assert steps.is_present(path, init_of(**sections)) is present


def test_absent_sections_are_not_imported_and_present_ones_are() -> None:
    script = f"""if True:
        import sys
        sys.path.insert(0, {str(TOP)!r})
        from pyoci.config import Config
        from pyoci.container.init import Init
        from pyoci.runtime import create, steps
        config = Config.read({{"ociVersion": "1.3.0", "root": {{"path": "/"}}, "process": {PROCESS!r},
                               "linux": {{"namespaces": [{{"type": "mount"}}], "personality": {{"domain": "LINUX"}}}}}})
        init = Init("test", config, config.process, "/")
        steps.find(create.STAGE + create.ROOTFS + create.SELF + create.PROCESS + create.LAUNCH + create.START, init)
        print(*sys.modules)
    """
    done = subprocess.run([*ISOLATED, script], check=True, capture_output=True, text=True, env={})
    loaded = {name.removeprefix("pyoci.config.") for name in done.stdout.split() if name.startswith("pyoci.config.")}
    absent = {"linux.seccomp", "linux.sysctl", "linux.memory_policy", "linux.intel_rdt", "linux.net_devices",
              "linux.resources.memory", "linux.time_offsets", "process.scheduler", "process.io_priority",
              "process.capabilities", "linux.masked_paths", "linux.devices.resources"}  # fmt: skip
    assert not loaded & absent
    assert {"linux.personality", "linux.namespaces", "root", "process.execute", "process.user"} <= loaded


def test_imports_are_refused_when_forbidden_but_not_what_is_there() -> None:
    script = f"""if True:
        import sys
        sys.path.insert(0, {str(TOP)!r})
        from pyoci.runtime import steps
        import os
        steps.forbid_imports()
        import os.path, sys
        for name in ("json", "pyoci.config", "_decimal", "encodings.cp1252"):
            try:
                __import__(name)
            except ImportError as error:
                print(error)
    """
    done = subprocess.run([*ISOLATED, script], check=True, capture_output=True, text=True, env={})
    assert done.stdout.splitlines() == [
        f"{name} would be imported inside the container"
        for name in ("json", "pyoci.config", "_decimal", "encodings.cp1252")
    ]


def test_section_is_prepared_once_and_before_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    module = steps.section("linux.personality")
    monkeypatch.setattr(module, "prepare", lambda _: calls.append("prepare"), raising=False)
    monkeypatch.setattr(module, "again", lambda _: calls.append("again"), raising=False)
    monkeypatch.setattr(module, "set", lambda _: calls.append("set"))
    init = init_of(linux={"personality": {"domain": "LINUX"}})
    found = steps.find(("linux.personality.set", "linux.seccomp.load", "linux.personality.again"), init)
    assert calls == ["prepare"]
    steps.take(found, init)
    assert calls == ["prepare", "set", "again"]


def test_preparation_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(_: Init) -> None:
        raise OSError(errno.EACCES, "Permission denied", "/x")

    monkeypatch.setattr(steps.section("linux.personality"), "prepare", prepare, raising=False)
    with pytest.raises(StepError, match=r'^linux\.personality\.prepare: "/x": permission denied$'):
        steps.find(("linux.personality.set",), init_of(linux={"personality": {"domain": "LINUX"}}))


def failing(error: BaseException) -> Any:
    def step(_: Init) -> None:
        raise error

    return step


def test_steps_after_a_failed_one_are_not_taken() -> None:
    init, taken = init_of(), []
    with pytest.raises(StepError) as caught:
        steps.take([
            ("a.first", lambda _: taken.append("first")), ("b.second", failing(OSError(errno.EPERM, "Not permitted"))),
            ("c.third", lambda _: taken.append("third")),
        ], init)  # fmt: skip
    assert taken == ["first"]
    assert caught.value.details == {"step": "b.second", "errno": errno.EPERM}
    assert isinstance(caught.value.__cause__, OSError)


def noted(error: OSError, *notes: str) -> OSError:
    for note in notes:
        error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("name", "error", "message", "details"),
    [
        pytest.param("root.pivot", OSError(errno.EINVAL, "Invalid argument"), "root.pivot: invalid argument",
                     {"step": "root.pivot", "errno": 22}, id="no file, no call"),
        pytest.param("mounts.mount_all", noted(OSError(errno.ENOENT, "No such file", "/src", None, "/dst"), "mount(2)"),
                     'mounts.mount_all: mount(2): "/src" → "/dst": no such file',
                     {"step": "mounts.mount_all", "errno": 2, "file": "/src", "call": "mount(2)"}, id="two files"),
        pytest.param("a.b", noted(OSError(errno.EPERM, "Not permitted", "/f"), "outer(2)", "inner(2)"),
                     'a.b: outer(2): inner(2): "/f": not permitted',
                     {"step": "a.b", "errno": 1, "file": "/f", "call": "outer(2)"}, id="two calls"),
        pytest.param("", OSError(errno.EPERM, "Not permitted"), "not permitted", {"errno": 1}, id="no step"),
        pytest.param("a.b", OSError("no number"), "a.b: no number", {"step": "a.b"}, id="no errno"),
        pytest.param("a.b", OSError(errno.EPERM, "Not permitted", ""), 'a.b: "": not permitted',
                     {"step": "a.b", "errno": 1, "file": ""}, id="empty file name"),
    ],
)  # fmt: skip
def test_error_of_the_kernel_is_explained(name: str, error: OSError, message: str, details: dict[str, object]) -> None:
    explained = steps.explain(name, error)
    assert (explained.message, explained.details) == (message, details)


@pytest.mark.parametrize("given", [None, "another.step"])
def test_error_of_ours_learns_the_step_unless_it_knows_one(given: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        steps.take([("a.b", failing(ConfigError("bad", "linux.x", step=given)))], init_of())
    assert caught.value.details["step"] == (given or "a.b")
    assert caught.value.message == "linux.x: bad"


def test_defect_of_ours_is_not_disguised() -> None:
    with pytest.raises(ZeroDivisionError):
        steps.take([("a.b", failing(ZeroDivisionError()))], init_of())
