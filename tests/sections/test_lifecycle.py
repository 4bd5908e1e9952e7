"""The state and the five operations of the specification (runtime.md)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.container import Container, cgroups_named
from tests.support.limits import MOUNT_POINT
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.hook import HookScript
    from tests.support.runtime import Runtime

SCHEMA = Path(__file__).resolve().parents[2] / "spec/state.schema.json"


def agrees_with_schema(state: dict[str, object]) -> bool:
    """Whether *state* has what the schema demands (``paused`` is a status of its own, which it allows for)."""
    schema = json.loads(SCHEMA.read_text())["definitions"]["state"] if "definitions" in SCHEMA.read_text() else {}
    required = schema.get("required", ["ociVersion", "id", "status", "bundle"])
    return all(isinstance(state.get(name), str) for name in required if name != "pid")


@pytest.mark.clause("state.fields", "state.pid", "state.created", "state.running", "state.stopped",
                    "state.extra-fields", "create.program-waits", "start.runs-program")  # fmt: skip
def test_state_tells_how_far_the_container_is_when_it_lives(container: Container, place: Path) -> None:
    container.bundle.script("echo ran >/ran; exec sleep 1000")

    container.create("--pid-file", place / "pid").ok()
    created = container.state()
    assert not (container.bundle.rootfs / "ran").exists()
    container.start().ok()
    container.wait_for_file("/ran")
    running = container.state()
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    stopped = container.state()

    states = (created, running, stopped)
    assert all(agrees_with_schema(state) for state in states)
    assert [state["status"] for state in states] == ["created", "running", "stopped"]
    assert created["pid"] == running["pid"] == int((place / "pid").read_text()) > 0
    assert stopped["pid"] == 0
    assert all(state["bundle"] == str(container.bundle.path) and state["id"] == container.id for state in states)
    assert all(state["rootfs"] == str(container.bundle.rootfs) for state in states)


@pytest.mark.clause("state.creating")
def test_state_is_creating_when_create_has_not_ended(
    container: Container, hook_script: Callable[..., HookScript], place: Path
) -> None:
    go = place / "go"
    script = hook_script(f"echo here; until [ -e {go} ]; do sleep 0.01; done")
    container.bundle.config["hooks"] = {"createRuntime": [script.entry()]}
    creator = container.runtime.spawn("create", "-b", container.bundle.write(), container.id, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)  # fmt: skip
    wait_for(script.text, "the hook")

    status = container.runtime("state", container.id)
    started = container.start()
    killed = container.kill("KILL") if status.status else None

    go.touch()
    assert creator.wait(20) == 0
    assert status.status != 0 or json.loads(status.stdout)["status"] in {"creating", "stopped"}
    assert started.status != 0
    assert killed is None or killed.status != 0
    assert container.status == "created"


@pytest.mark.differs("runc 1.1 knows no container that is still being created")
@pytest.mark.clause("state.creating")
def test_state_says_creating_when_create_has_not_ended(
    container: Container, hook_script: Callable[..., HookScript]
) -> None:
    script = hook_script(f"{container.runtime.path} --root {container.runtime.root} state {container.id}")
    container.bundle.config["hooks"] = {"createRuntime": [script.entry()]}

    container.create().ok()

    assert json.loads(script.text())["status"] == "creating"


@pytest.mark.clause("state.paused", "operations.pause")
def test_state_is_paused_when_the_container_is(container: Container) -> None:
    container.up()
    container.runtime("pause", container.id).ok()
    assert container.status == "paused"
    container.runtime("resume", container.id).ok()
    assert container.status == "running"


@pytest.mark.clause("state.missing", "start.missing", "kill.missing", "delete.missing", "create.arguments")
@pytest.mark.parametrize("command", ["state", "start", "kill", "delete"])
def test_operation_fails_when_the_id_is_missing_or_unknown(runtime: Runtime, command: str) -> None:
    assert runtime(command).status != 0
    runtime(command, "nobody").failed("does not exist")
    assert not (runtime.root / "nobody").exists()


@pytest.mark.clause("create.arguments")
def test_create_fails_when_id_or_bundle_is_missing(container: Container, place: Path) -> None:
    container.bundle.write()

    assert container.runtime("create", "-b", container.bundle.path).status != 0
    container.runtime("create", container.id, cwd=place).failed("config.json")
    container.runtime("create", "-b", place / "nowhere", container.id).failed()

    assert not container.runtime.root.exists() or list(container.runtime.root.iterdir()) == []


@pytest.mark.clause("create.id-taken", "state.unique-id")
@pytest.mark.parametrize("state", ["created", "running", "stopped"])
def test_create_changes_nothing_when_the_id_is_taken(container: Container, state: str) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()
    if state != "created":
        container.start().ok()
    if state == "stopped":
        container.kill("KILL").ok()
        container.wait_for_status("stopped")
    before = container.state()

    container.create().failed()

    assert container.state() == before


@pytest.mark.clause("create.id-taken")
@pytest.mark.parametrize("invalid", ["", ".", "..", "a/b", "../x", "a b", "é", "x\n"])
def test_create_makes_nothing_when_the_id_is_invalid(container: Container, invalid: str) -> None:
    container.runtime("create", "-b", container.bundle.write(), invalid).failed()

    assert not container.runtime.root.exists() or list(container.runtime.root.iterdir()) == []


@pytest.mark.clause("create.applies-everything")
def test_everything_but_the_program_is_in_effect_when_create_has_ended(container: Container) -> None:
    container.bundle.config["root"]["readonly"] = True
    container.bundle.linux["sysctl"] = {"kernel.shmmax": "12345"}
    container.bundle.linux["resources"]["pids"] = {"limit": 77}
    container.bundle.mount("/m", "tmpfs", "here", "ro")
    container.create().ok()

    pid = container.pid
    mounts = Path(f"/proc/{pid}/mountinfo").read_text()
    assert " /m ro" in mounts
    assert " / / ro" in mounts or "rootfs / ro" in mounts
    container.exec("sh", "-c", 'test "$(cat /proc/sys/kernel/shmmax)" = 12345 && test "$(hostname)" = bundle').ok()
    limits = [Path(group, "pids.max").read_text() for group in cgroups_named(container.id)
              if Path(group, "pids.max").exists()]  # fmt: skip
    assert "77\n" in limits


@pytest.mark.differs("runc wants a process at create already")
@pytest.mark.clause("create.without-process", "start.without-process")
def test_container_can_be_created_but_not_started_when_there_is_no_process(container: Container) -> None:
    del container.bundle.config["process"]

    container.create().ok()
    assert container.status == "created"
    container.start().failed("process")

    container.delete("--force").ok()


@pytest.mark.clause("start.only-created")
def test_start_changes_nothing_when_the_container_is_not_created(container: Container) -> None:
    container.bundle.script("echo once >>/log; exec sleep 1000")
    container.create().ok()
    container.start().ok()
    container.wait_for_file("/log")
    pid = container.pid

    container.start().failed()
    assert (container.status, container.pid) == ("running", pid)
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    container.start().failed()

    assert container.status == "stopped"
    assert (container.bundle.rootfs / "log").read_text() == "once\n"


@pytest.mark.clause("kill.signal")
@pytest.mark.parametrize("name", ["USR1", "SIGUSR1", "10"])
def test_signal_reaches_the_process_when_it_is_sent(container: Container, name: str) -> None:
    container.bundle.script("trap 'echo got >/got' USR1; echo ready >/ready; while [ ! -e /got ]; do sleep 0.02; done")
    container.create().ok()
    container.start().ok()
    container.wait_for_file("/ready")

    container.kill(name).ok()

    assert container.wait_for_file("/got") == "got\n"


@pytest.mark.clause("kill.signal")
def test_signal_reaches_the_process_when_the_container_is_only_created(container: Container) -> None:
    container.create().ok()

    container.kill("KILL").ok()

    container.wait_for_status("stopped")


@pytest.mark.clause("kill.only-alive")
def test_kill_fails_when_the_container_is_stopped(container: Container) -> None:
    container.create().ok()
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    before = container.state()

    container.kill("TERM").failed("not running")

    assert container.state() == before


@pytest.mark.clause("kill.all")
@pytest.mark.parametrize("pids", ["private", "shared"])
def test_every_process_ends_when_all_are_killed(container: Container, pids: str) -> None:
    if pids == "shared":
        container.bundle.without_namespace("pid")
    container.bundle.script("sleep 1000 & sleep 1000 & echo $! >/pid; wait")
    container.create().ok()
    container.start().ok()
    container.wait_for_file("/pid")

    container.runtime("kill", *(() if pids == "private" else ("--all",)), container.id, "KILL").ok()

    container.wait_for_status("stopped")
    procs = [Path(group, "cgroup.procs") for group in cgroups_named(container.id)]
    wait_for(lambda: not any(path.read_text() for path in procs), "the end of them all")


@pytest.mark.clause("delete.only-stopped", "delete.force")
def test_delete_changes_nothing_when_the_container_runs(container: Container) -> None:
    container.up()
    pid = container.pid

    container.delete().failed()

    assert (container.status, container.pid) == ("running", pid)
    container.delete("--force").ok()
    container.runtime("state", container.id).failed()
    container.delete("--force").ok()


@pytest.mark.clause("delete.created")
def test_delete_ends_the_container_when_it_was_never_started(container: Container) -> None:
    container.create().ok()
    pid = container.pid

    container.delete().ok()

    assert not os.path.exists(f"/proc/{pid}") or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    container.runtime("state", container.id).failed()


@pytest.mark.clause("delete.removes-all", "delete.id-again")
def test_id_can_be_used_again_when_the_container_is_deleted(container: Container) -> None:
    for hostname in ("first", "second"):
        container.bundle.config["hostname"] = hostname
        container.bundle.script("hostname >/name")
        container.create().ok()
        assert cgroups_named(container.id)
        container.start().ok()
        container.wait_for_status("stopped")
        container.delete().ok()

        assert cgroups_named(container.id) == []
        assert not (container.runtime.root / container.id).exists()
        assert (container.bundle.rootfs / "name").read_text() == f"{hostname}\n"


@pytest.mark.clause("delete.removes-only-own")
def test_what_was_there_before_stays_when_the_container_is_deleted(
    container: Container, new_container: Callable[[], Container]
) -> None:
    """A container that joins another's namespaces, with files in its mounts, takes nothing of that along."""
    container.up()
    pid = container.pid
    other = new_container()
    for kind, name in (("network", "net"), ("ipc", "ipc"), ("uts", "uts")):
        other.bundle.namespace(kind, f"/proc/{pid}/ns/{name}")
    del other.bundle.config["hostname"]
    volume = container.bundle.path / "volume"
    volume.mkdir()
    other.bundle.mount("/volume", "none", str(volume), "bind")
    other.bundle.script("echo kept >/volume/file")

    other.run().ok()

    assert container.status == "running"
    assert container.exec("hostname").ok().output == "bundle"
    assert (volume / "file").read_text() == "kept\n"


@pytest.mark.varies("cgroup2")
@pytest.mark.clause("delete.removes-only-own")
def test_cgroup_above_stays_when_it_was_there_before(container: Container) -> None:
    hierarchy = next(path for path in (MOUNT_POINT / "pids", MOUNT_POINT) if path.is_dir())
    parent = hierarchy / f"parent-of-{container.id}"
    parent.mkdir()
    try:
        container.bundle.linux["cgroupsPath"] = f"/{parent.name}/{container.id}"
        container.run().ok()

        assert parent.is_dir()
        assert not (parent / container.id).exists()
    finally:
        for group in cgroups_named(parent.name):
            os.rmdir(group)


@pytest.mark.differs("runc 1.1 forgets what it made before it wrote down the state")
@pytest.mark.clause("general.errors-leave-nothing")
def test_nothing_is_left_when_create_is_killed_and_the_container_is_deleted(
    container: Container, hook_script: Callable[..., HookScript]
) -> None:
    script = hook_script("echo here; exec sleep 1000")
    container.bundle.config["hooks"] = {"createRuntime": [script.entry()]}
    creator = container.runtime.spawn("create", "-b", container.bundle.write(), container.id, start_new_session=True,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    wait_for(script.text, "the hook")
    hook = [int(pid) for pid in Path(f"/proc/{creator.pid}/task/{creator.pid}/children").read_text().split()]

    creator.send_signal(signal.SIGKILL)
    creator.wait(10)
    container.delete("--force").ok()

    for pid in hook:
        if os.path.exists(f"/proc/{pid}") and b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


@pytest.mark.clause("operations.exec", "operations.list", "operations.ps", "operations.run")
def test_further_operations_know_the_container_when_it_runs(container: Container) -> None:
    container.up()
    second = container.exec("sleep", "1000", flags=["--detach"]).ok()

    listed = container.runtime("list", "--quiet").ok().output
    pids = json.loads(container.runtime("ps", "--format", "json", container.id).ok().output)

    assert second.output == ""
    assert listed == container.id
    assert len(pids) == 2
    assert container.pid in pids
    for pid in pids:
        for name in ("mnt", "net", "pid"):
            assert os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/{container.pid}/ns/{name}")


@pytest.mark.clause("operations.spec", "operations.run", "default-filesystems.template")
def test_template_can_be_run_when_it_is_written(container: Container, place: Path) -> None:
    container.runtime("spec", cwd=place).ok()
    container.bundle.config = json.loads((place / "config.json").read_text())
    container.bundle.process.update(terminal=False, args=["sh", "-c", "echo ran; exit 7"])

    result = container.run()

    assert (result.status, result.output) == (7, "ran")
    container.runtime("state", container.id).failed()
