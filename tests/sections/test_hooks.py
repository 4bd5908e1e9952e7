"""hooks: all six kinds — when, where, with what, and what a failure means (config.md#posix-platform-hooks)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.support.container import Container, processes_naming
from tests.support.waiting import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.hook import HookScript

CREATE = ("prestart", "createRuntime", "createContainer")
KINDS = (*CREATE, "startContainer", "poststart", "poststop")
NAMESPACES = ("mnt", "pid", "net", "ipc", "uts")
# A hook inside has the container's shell, one outside the host's; both know readlink and cat.
LOOK = f"cd /proc/self/ns && for name in {' '.join(NAMESPACES)}; do readlink $name; done"


class Hooks:
    """Adds hooks to a container's configuration; those of startContainer lie in the container."""

    def __init__(self, container: Container, script: Callable[..., HookScript]) -> None:
        self._config = container.bundle.config.setdefault("hooks", {})
        self._script = script

    def add(self, kind: str, body: str, *args: str, **properties: Any) -> HookScript:
        """Append a hook of *kind* that runs *body*."""
        script = self._script(body, inside=kind == "startContainer")
        self._config.setdefault(kind, []).append(script.entry(*args, **properties))
        return script


@pytest.fixture
def hooks(container: Container, hook_script: Callable[..., HookScript]) -> Hooks:
    """The hooks of this container."""
    return Hooks(container, hook_script)


def through_life(container: Container) -> None:
    """Create, start, wait for the end, delete."""
    container.create().ok()
    container.start().ok()
    container.wait_for_status("stopped")
    container.delete().ok()


@pytest.mark.differs("runc 1.1 runs poststart at create")
@pytest.mark.clause(
    "lifecycle.order", "hooks.order", "hooks.prestart.time", "hooks.create-runtime.time", "hooks.create-container.time",
    "hooks.start-container.time", "hooks.poststart.time", "hooks.poststop.time",
)  # fmt: skip
def test_hooks_run_in_the_order_of_the_lifecycle_when_a_container_lives(container: Container, hooks: Hooks) -> None:
    order = container.bundle.rootfs / "order"
    order.touch()
    order.chmod(0o666)
    for kind in KINDS:
        for number in (1, 2):
            path = "/order" if kind == "startContainer" else order
            hooks.add(kind, f"echo {kind} {number} >>{path}")
    # The program waits for poststart, so that its own line may stand before or behind, but not its end.
    container.bundle.script("echo program >>/order; until grep -q 'poststart 2' /order; do sleep 0.01; done")

    container.create().ok()
    after_create = order.read_text().splitlines()
    container.start().ok()
    after_start = order.read_text().splitlines()
    container.wait_for_status("stopped")
    container.delete().ok()

    assert after_create == [f"{kind} {number}" for kind in CREATE for number in (1, 2)]
    started = after_start[len(after_create) :]
    assert started[:2] == ["startContainer 1", "startContainer 2"]
    assert [line for line in started if line != "program"][2:] == ["poststart 1", "poststart 2"]
    assert order.read_text().splitlines()[-2:] == ["poststop 1", "poststop 2"]


@pytest.mark.clause(
    "hooks.prestart.time", "hooks.create-runtime.time", "hooks.create-container.time", "hooks.start-container.time",
    "hooks.poststart.time", "hooks.poststop.time", "create.applies-everything",
)  # fmt: skip
def test_hooks_run_in_the_namespaces_of_their_kind_when_a_container_lives(container: Container, hooks: Hooks) -> None:
    scripts = {kind: hooks.add(kind, LOOK) for kind in KINDS}
    container.bundle.args("sleep", "1000")
    container.create().ok()
    inside = [os.readlink(f"/proc/{container.pid}/ns/{name}") for name in NAMESPACES]
    outside = [os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES]
    container.start().ok()
    container.delete("--force").ok()

    found = {kind: script.text().split() for kind, script in scripts.items()}

    assert not set(inside) & set(outside)
    assert found == {
        "prestart": outside,
        "createRuntime": outside,
        "createContainer": inside,
        "startContainer": inside,
        "poststart": outside,
        "poststop": outside,
    }


@pytest.mark.clause("hooks.create-container.time", "hooks.prestart.time")
def test_host_is_still_in_sight_when_the_hooks_of_create_run(container: Container, hooks: Hooks, place: Path) -> None:
    (place / "file").write_text("on the host\n")
    container.bundle.mount("/m", "tmpfs", "inside")
    scripts = [hooks.add(kind, f"cat {place}/file; grep -c ' inside ' /proc/self/mountinfo || true") for kind in CREATE]

    container.create().ok()

    # Only the container's own mount namespace has its mounts, at a place below the bundle.
    assert [script.text().splitlines() for script in scripts] == [["on the host", "0"]] * 2 + [["on the host", "1"]]


@pytest.mark.differs("runc 1.1 runs poststart at create")
@pytest.mark.clause("hooks.stdin", "hooks.status", "state.creating", "state.pid", "state.pid-inside", "state.fields",
                    "annotations.unknown")  # fmt: skip
def test_hooks_read_the_state_when_they_look_at_their_input(container: Container, hooks: Hooks) -> None:
    container.bundle.config["annotations"] = {"org.example.unknown": 'va"lue\n', "empty": ""}
    scripts = {kind: hooks.add(kind, "cat") for kind in KINDS}
    container.bundle.args("sleep", "1000")
    container.create().ok()
    pid = container.pid
    container.start().ok()
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    container.delete().ok()

    states = {kind: json.loads(script.text()) for kind, script in scripts.items()}

    for state in states.values():
        assert state["ociVersion"].startswith("1.")
        assert state["id"] == container.id
        assert state["bundle"] == str(container.bundle.path)
        assert state["annotations"].items() >= {"org.example.unknown": 'va"lue\n', "empty": ""}.items()
    assert [states[kind]["status"] for kind in KINDS] == ["creating"] * 3 + ["created", "running", "stopped"]
    assert [states[kind].get("pid", 0) for kind in KINDS] == [pid, pid, 1, 1, pid, 0]


@pytest.mark.clause("hooks.args", "hooks.env")
def test_hooks_get_their_own_words_and_variables_alone_when_they_run(container: Container, hooks: Hooks) -> None:
    shell = {"createContainer": "/bin/sh", "prestart": "/bin/sh", "startContainer": "/bin/sh"}
    scripts = {}
    for kind in shell:
        scripts[kind] = hooks.add(kind, 'cat /proc/$$/environ | tr "\\0" "\\n"; echo $#:$*', "one", "two words",
                                  env=["KEY=value", "EMPTY=", "KEY2=a=b"])  # fmt: skip
        hooks.add(kind, "env | grep -c -e SECRET; true")
    container.bundle.env("SECRET=process")

    container.create(env={**os.environ, "SECRET": "caller"}).ok()
    container.start().ok()

    for kind, script in scripts.items():
        if kind != "createContainer":  # the host's /proc does not know a shell's own idea of its pid there
            assert script.text().splitlines()[:3] == ["KEY=value", "EMPTY=", "KEY2=a=b"]
        assert script.text().splitlines()[-1] == "2:one two words"


@pytest.mark.differs("runc 1.1 gives its own environment then")
@pytest.mark.clause("hooks.env")
def test_hooks_have_an_empty_environment_when_none_is_given(container: Container, hooks: Hooks) -> None:
    script = hooks.add("createRuntime", "wc -c </proc/$$/environ")

    container.create().ok()

    assert script.text().strip() == "0"


@pytest.mark.clause("hooks.args")
@pytest.mark.parametrize(("args", "expected"), [(None, "/bin/busybox"), (["cat", "/proc/self/cmdline"], "cat")])
def test_hook_has_the_path_as_its_first_word_when_there_are_no_args(
    container: Container, place: Path, args: list[str] | None, expected: str
) -> None:
    """busybox does what its name says; without args its name is its path, which as an applet it does not know."""
    entry: dict[str, Any] = {"path": "/bin/busybox"}
    if args:
        entry["args"] = args
    container.bundle.config["hooks"] = {"createRuntime": [entry, {"path": "/bin/false"}]}

    said = container.create().failed("hook #1").stderr

    assert expected
    assert "hook #0" not in said


@pytest.mark.clause("hooks.stdin")
@pytest.mark.parametrize("kind", KINDS)
def test_hook_need_not_read_the_state_when_it_is_long(container: Container, hooks: Hooks, kind: str) -> None:
    """The state is longer than a pipe holds: writing it must neither block nor fail (EPIPE)."""
    container.bundle.config["annotations"] = {f"key{number}": "x" * 4000 for number in range(40)}
    hooks.add(kind, "exec <&-; exit 0")
    reader = hooks.add(kind, "wc -c")

    through_life(container)

    assert int(reader.text()) > 160000


@pytest.mark.clause("hooks.prestart.failure", "hooks.create-runtime.failure", "hooks.create-container.failure",
                    "hooks.failure.poststop-runs", "general.errors-leave-nothing")  # fmt: skip
@pytest.mark.parametrize("kind", CREATE)
def test_create_fails_and_leaves_nothing_when_a_hook_of_create_fails(
    container: Container, hooks: Hooks, kind: str
) -> None:
    first = hooks.add(kind, "echo ran")
    hooks.add(kind, "exit 3")
    later = [hooks.add(name, "echo ran") for name in KINDS[KINDS.index(kind) :] if name != "poststop"]

    container.create().failed("hook #1", "exit status 3")

    container.runtime("state", container.id).failed()
    assert first.text() == "ran\n"
    assert [script.text() for script in later] == [""] * len(later)


@pytest.mark.clause("hooks.failure.poststop-runs")
@pytest.mark.parametrize("kind", CREATE)
def test_poststop_hooks_run_when_a_hook_of_create_failed(container: Container, hooks: Hooks, kind: str) -> None:
    hooks.add(kind, "exit 3")
    script = hooks.add("poststop", f"ls {container.runtime.root}; cat")

    container.create().failed()

    listed, _, state = script.text().rpartition("\n")
    assert json.loads(state)["status"] == "stopped"
    assert container.id not in listed.split()


@pytest.mark.differs("runc 1.1 does not tell start")
@pytest.mark.clause("hooks.start-container.failure")
def test_start_fails_and_the_program_does_not_run_when_a_hook_of_start_fails(
    container: Container, hooks: Hooks
) -> None:
    hooks.add("startContainer", "echo what went wrong >&2; exit 4")
    later = hooks.add("startContainer", "echo ran")
    poststart = hooks.add("poststart", "echo ran")
    poststop = hooks.add("poststop", "echo ran")
    container.bundle.script("echo ran >/program")
    container.create().ok()

    result = container.start()

    assert result.status != 0
    container.wait_for_status("stopped")
    container.delete().ok()
    assert not (container.bundle.rootfs / "program").exists()
    assert (later.text(), poststart.text(), poststop.text()) == ("", "", "ran\n")


@pytest.mark.differs("runc 1.1 tells the caller of create, if anybody")
@pytest.mark.clause("hooks.start-container.failure", "hooks.stderr")
def test_start_says_what_the_hook_wrote_when_a_hook_of_start_fails(container: Container, hooks: Hooks) -> None:
    hooks.add("startContainer", "echo what went wrong >&2; exit 4")
    container.create().ok()

    container.start().failed("startContainer hook #0", "exit status 4", "what went wrong")


@pytest.mark.differs("runc 1.1 runs poststart at create")
@pytest.mark.clause("hooks.poststart.failure")
def test_start_fails_and_the_container_is_stopped_when_a_poststart_hook_fails(
    container: Container, hooks: Hooks
) -> None:
    hooks.add("poststart", "exit 5")
    later = hooks.add("poststart", "echo ran")
    poststop = hooks.add("poststop", "echo ran")
    container.bundle.args("sleep", "1000")
    container.create().ok()

    container.start().failed("hook #0", "exit status 5")

    container.wait_for_status("stopped")
    container.delete().ok()
    assert (later.text(), poststop.text()) == ("", "ran\n")


@pytest.mark.differs("runc 1.1 logs an error")
@pytest.mark.clause("hooks.poststop.failure", "general.warnings-change-nothing")
def test_delete_succeeds_with_a_warning_when_a_poststop_hook_fails(
    container: Container, hooks: Hooks, place: Path
) -> None:
    hooks.add("poststop", "exit 6")
    later = hooks.add("poststop", "echo ran")
    container.create().ok()
    container.kill("KILL").ok()
    container.wait_for_status("stopped")

    container.runtime("delete", container.id, options=["--log", str(place / "log")]).ok()

    assert "exit status 6" in (place / "log").read_text()
    assert "level=warning" in (place / "log").read_text()
    assert later.text() == "ran\n"
    container.runtime("state", container.id).failed()


@pytest.mark.clause("hooks.poststop.time", "delete.removes-all")
def test_container_is_gone_when_the_poststop_hooks_run(container: Container, hooks: Hooks) -> None:
    script = hooks.add("poststop", f"find /sys/fs/cgroup -name {container.id}; ls {container.runtime.root}; echo end")

    through_life(container)

    assert script.text() == "end\n"


@pytest.mark.clause("hooks.stderr")
@pytest.mark.parametrize("kind", CREATE)
def test_error_has_what_the_hook_wrote_when_it_fails(container: Container, hooks: Hooks, kind: str) -> None:
    hooks.add(kind, "echo 'the \"reason\" is' >&2; echo here >&2; exit 1")

    container.create().failed("reason", "here")


@pytest.mark.clause("hooks.timeout")
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_hook_is_killed_and_has_failed_when_its_time_is_over(container: Container, hooks: Hooks, kind: str) -> None:
    hooks.add(kind, "exec sleep 999", timeout=1)
    started = time.monotonic()

    container.create().failed("hook #0")

    assert 0.9 < time.monotonic() - started < 5 * PATIENCE
    assert not [line for line in processes_naming("sleep 999") if "pytest" not in line]


@pytest.mark.differs("others start it")
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_hook_needs_a_name_to_be_called_by(container: Container, kind: str) -> None:
    container.bundle.config["hooks"] = {kind: [{"path": "/bin/true", "args": [""]}]}

    result = container.create().failed("hook #0: fork/exec /bin/true: ")

    assert "internal error" not in result.stderr


@pytest.mark.clause("hooks.timeout")
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
@pytest.mark.parametrize("timeout", [2**31, 2**33])
def test_hook_may_have_more_time_than_there_is(container: Container, hooks: Hooks, kind: str, timeout: int) -> None:
    hooks.add(kind, "true", timeout=timeout)

    container.create().ok()


@pytest.mark.differs("runc 1.1 waits for the end of its pipes")
@pytest.mark.clause("hooks.timeout")
def test_hook_succeeds_when_it_ends_in_time_and_leaves_a_daemon(container: Container, hooks: Hooks) -> None:
    """The daemon keeps the pipes open; who waits for their end finds the hook's time over."""
    script = hooks.add("createRuntime", "sleep 1000 & echo $!", timeout=20)

    container.create().ok()

    os.kill(int(script.text()), 9)


@pytest.mark.differs("runc takes it for no limit")
@pytest.mark.clause("hooks.timeout")
@pytest.mark.parametrize("timeout", [0, -1])
def test_create_fails_when_a_timeout_is_not_above_zero(container: Container, hooks: Hooks, timeout: int) -> None:
    hooks.add("poststop", "true", timeout=timeout)

    container.create().failed("hooks.poststop[0].timeout")


@pytest.mark.differs("runc 1.1 looks only when the hook runs")
@pytest.mark.clause("hooks.path")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entry", [{"path": "relative"}, {"path": ""}, {}], ids=["relative", "empty", "absent"])
def test_create_fails_when_a_hook_has_no_absolute_path(container: Container, kind: str, entry: dict[str, str]) -> None:
    container.bundle.config["hooks"] = {kind: [entry]}

    container.create().failed(f"hooks.{kind}[0].path")


@pytest.mark.clause("hooks.path")
@pytest.mark.parametrize("kind", CREATE)
@pytest.mark.parametrize("path", ["/no/such/hook", "/etc/passwd", "/etc"])
def test_create_names_the_hook_when_it_cannot_be_executed(container: Container, kind: str, path: str) -> None:
    container.bundle.config["hooks"] = {kind: [{"path": path}]}

    container.create().failed("hook #0", path)


@pytest.mark.clause("hooks.start-container.time")
def test_path_is_one_of_the_container_when_the_hook_is_of_start(container: Container) -> None:
    inside = container.bundle.rootfs / "only-inside"
    inside.write_text("#!/bin/sh\npwd >/seen; hostname >>/seen\n")
    inside.chmod(0o755)
    container.bundle.config["hooks"] = {"startContainer": [{"path": "/only-inside"}]}

    through_life(container)

    assert (container.bundle.rootfs / "seen").read_text().splitlines()[-1] == "bundle"


@pytest.mark.clause("hooks.stdin")
def test_hooks_have_no_further_descriptors_when_the_runtime_was_given_some(container: Container, hooks: Hooks) -> None:
    scripts = [hooks.add(kind, "ls -l /proc/$$/fd") for kind in ("prestart", "startContainer", "poststart")]
    given = {"prefix": ["sh", "-c", 'exec "$@" 7</etc/hostname', "-"]}

    container.create(**given).ok()
    container.start(**given).ok()

    assert [script.text().count("/etc/hostname") for script in scripts] == [0, 0, 0]
    assert all(" 0 -> " in script.text() for script in scripts)


@pytest.mark.differs("runc 1.1 runs poststart at create")
@pytest.mark.clause("hooks.order", "delete.created")
def test_hooks_of_the_start_do_not_run_when_the_container_is_never_started(container: Container, hooks: Hooks) -> None:
    scripts = {kind: hooks.add(kind, "echo ran") for kind in KINDS}

    container.create().ok()
    container.delete("--force").ok()

    assert [kind for kind, script in scripts.items() if script.text()] == [*CREATE, "poststop"]


@pytest.mark.varies("cgroup2")
def test_limits_are_set_when_a_create_container_hook_runs(container: Container, hooks: Hooks, place: Path) -> None:
    container.bundle.linux["cgroupsPath"] = f"/{container.id}"
    container.bundle.linux["resources"] = {"pids": {"limit": 77}}
    files = f"/sys/fs/cgroup/pids/{container.id}/pids.max /sys/fs/cgroup/{container.id}/pids.max"
    hooks.add("createContainer", f"cat {files} >{place}/limit 2>/dev/null; :")

    container.create().ok()

    assert (place / "limit").read_text() == "77\n"
