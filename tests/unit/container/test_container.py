from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from pyoci.container import store
from pyoci.container.container import Container, now
from pyoci.syscalls import process


def complete(container: Container, pid: int, **changes: object) -> Container:
    """*container*, created with *pid* as init, its lock let go."""
    container.born(pid)
    container.record.update(complete=True, **changes)
    container.save()
    store.unlock(container)
    return container


def freezer(tmp_path: Path, state: str) -> dict[str, object]:
    """A cgroup, as it is remembered, that a file says is frozen or not."""
    (tmp_path / "freezer.state").write_text(state)
    directory = {"version": 1, "names": ["freezer"], "mount": str(tmp_path), "path": str(tmp_path), "created": []}
    return {"rootless": False, "directories": [directory]}


@pytest.mark.clause("state.creating")
def test_status_is_creating_when_somebody_is_at_it(home: store.Store, container: Container) -> None:
    assert home.load("box").status == "creating"


@pytest.mark.clause("state.stopped")
def test_status_is_stopped_when_create_died(container: Container) -> None:
    store.unlock(container)
    assert container.status == "stopped"


def listen(container: Container) -> int:
    """Be what init is until ``start``."""
    os.mkfifo(container.fifo)
    return os.open(container.fifo, os.O_RDWR)


@pytest.mark.clause("state.created")
def test_status_is_created_when_somebody_listens_at_the_fifo(container: Container, sleeper: int) -> None:
    complete(container, sleeper)
    listener = listen(container)
    assert container.status == "created"

    os.close(listener)
    assert container.status == "running"


@pytest.mark.clause("state.running")
def test_status_is_running_when_the_fifo_is_gone(container: Container, sleeper: int) -> None:
    assert complete(container, sleeper).status == "running"


@pytest.mark.clause("state.paused")
@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize(("freezing", "paused"), [("FROZEN\n", True), ("FREEZING\n", True), ("THAWED\n", False)])
def test_status_is_paused_when_its_cgroup_is_frozen(
    container: Container, sleeper: int, tmp_path: Path, started: bool, freezing: str, paused: bool
) -> None:
    complete(container, sleeper, cgroup=freezer(tmp_path, freezing))
    if not started:
        listener = listen(container)
    assert container.status == ("paused" if paused else "running" if started else "created")
    if not started:
        os.close(listener)


@pytest.mark.clause("state.stopped")
@pytest.mark.parametrize("fifo", [True, False])
def test_status_is_stopped_when_init_is_gone_whatever_it_left(
    container: Container, tmp_path: Path, fifo: bool
) -> None:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    complete(container, pid, cgroup=freezer(tmp_path, "FROZEN\n"))
    if fifo:
        os.mkfifo(container.fifo)
    assert container.status == "stopped"


def test_status_is_stopped_when_init_waits_to_be_reaped(container: Container) -> None:
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.close(writer)
    os.read(reader, 1)  # until it has exited
    os.close(reader)
    complete(container, pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert container.status == "stopped"
    os.waitpid(pid, 0)


def test_status_is_stopped_when_init_ends_and_has_closed_the_fifo_already(
    container: Container, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(container, sleeper)
    os.mkfifo(container.fifo)
    fields = process.stat(sleeper)
    assert fields
    fields[6] = str(int(fields[6]) | 4).encode()  # PF_EXITING
    monkeypatch.setattr(process, "stat", lambda _: fields)

    assert container.status == "stopped"
    assert container.is_alive()  # it must be waited for


def test_status_is_stopped_when_the_number_belongs_to_another_by_now(container: Container, sleeper: int) -> None:
    complete(container, sleeper)
    container.record["startTime"] = (process.start_time(sleeper) or 0) + 1
    assert not container.is_alive()
    assert container.status == "stopped"


@pytest.mark.clause("state.fields", "state.pid", "state.annotations", "state.extra-fields")
def test_state_tells_all_that_callers_ask(container: Container, sleeper: int) -> None:
    complete(container, sleeper, bundle="/b", rootfs="/b/r", created=now(), annotations={"k": "v"})
    state = container.state()
    assert state == {
        "ociVersion": "1.3.0", "id": "box", "pid": sleeper, "status": "running", "bundle": "/b", "rootfs": "/b/r",
        "created": container.record["created"], "owner": "", "annotations": {"k": "v"},
    }  # fmt: skip


@pytest.mark.clause("state.pid")
def test_state_has_no_pid_when_stopped(container: Container) -> None:
    complete(container, 2**22 + 1)
    assert (container.state()["status"], container.state()["pid"]) == ("stopped", 0)


@pytest.mark.clause("hooks.status")
@pytest.mark.parametrize(("status", "pid"), [("creating", 5), ("created", 5), ("running", 5), ("stopped", 0)])
def test_state_has_the_status_a_hook_shall_see_when_given(container: Container, status: str, pid: int) -> None:
    container.record["pid"] = 5
    assert (container.state(status)["status"], container.state(status)["pid"]) == (status, pid)


@pytest.mark.parametrize(("complete", "name"), [(False, "creating.json"), (True, "state.json")])
def test_save_leaves_one_file_that_only_the_owner_reads(container: Container, complete: bool, name: str) -> None:
    container.record["complete"] = complete
    before = os.umask(0)
    try:
        for _ in range(2):
            container.save()
    finally:
        os.umask(before)
    (file,) = Path(container.path).iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (name, 0o600)


def test_born_notes_when_the_process_started(container: Container, sleeper: int) -> None:
    container.born(sleeper)
    assert container.record["startTime"] == process.start_time(sleeper)
    container.born(2**22 + 1)
    assert container.record["startTime"] == 0


def test_cgroup_is_none_when_create_died_before_it_was_found(container: Container) -> None:
    cgroup = container.cgroup()
    assert (cgroup.pids(), cgroup.is_frozen()) == ([], False)
    cgroup.delete()


def test_now_is_a_time_of_rfc_3339_in_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", now())
    assert now() <= now()
