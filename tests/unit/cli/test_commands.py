"""Each command makes one call of the runtime of its command line."""

from __future__ import annotations

import os

import pytest

from pyoci import cli

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fake

CREATE = {
    "console_socket": "",
    "pidfd_socket": "",
    "pid_file": "",
    "preserve_fds": 0,
    "no_pivot": False,
    "no_new_keyring": False,
    "cgroup_manager": "cgroupfs",
    "rootless": None,
    "config_file": "config.json",
}
RUN = {**CREATE, "detach": False, "keep": False, "no_subreaper": False}


def call(line: str) -> int:
    return cli.call(["pyoci", *line.split()])


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        pytest.param("create web", {}, id="nothing"),
        pytest.param("create --pid-file /p web", {"pid_file": "/p"}, id="pid-file"),
        pytest.param("create web --pid-file=/p", {"pid_file": "/p"}, id="behind the id"),
        pytest.param("create --console-socket /c --pidfd-socket=/d web",
                     {"console_socket": "/c", "pidfd_socket": "/d"}, id="sockets"),
        pytest.param("create --no-pivot --no-new-keyring --preserve-fds 3 web",
                     {"no_pivot": True, "no_new_keyring": True, "preserve_fds": 3}, id="the rest"),
        pytest.param("create -f other.json web", {"config_file": "other.json"}, id="crun's config"),
        pytest.param("--systemd-cgroup create web", {"cgroup_manager": "systemd"}, id="systemd-cgroup"),
        pytest.param("--systemd-cgroup --systemd-cgroup create web", {"cgroup_manager": "systemd"},
                     id="systemd-cgroup repeated, as conmon-rs does"),
        pytest.param("--systemd-cgroup --cgroup-manager disabled create web", {"cgroup_manager": "disabled"},
                     id="cgroup-manager over systemd-cgroup, as podman gives them"),
        pytest.param("--cgroup-manager=systemd create web", {"cgroup_manager": "systemd"}, id="cgroup-manager"),
        pytest.param("--rootless=true create web", {"rootless": True}, id="rootless"),
        pytest.param("--rootless=false create web", {"rootless": False}, id="not rootless"),
        pytest.param("--rootless auto create web", {"rootless": None}, id="rootless or not"),
    ],
)  # fmt: skip
def test_create_passes_its_options_on(fake: Fake, line: str, changes: dict[str, object]) -> None:
    calls = fake("create", "create")
    assert 0 == call(f"--root /r {line}")
    assert [(("/r", "web", os.getcwd()), {**CREATE, **changes})] == calls


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        pytest.param("run web", {}, id="nothing"),
        pytest.param("run -d web", {"detach": True}, id="detach"),
        pytest.param("run --keep web", {"keep": True}, id="keep"),
        pytest.param("run -no-subreaper web", {"no_subreaper": True}, id="single dash, as go-runc does"),
        pytest.param("run --pid-file /p --no-pivot web", {"pid_file": "/p", "no_pivot": True}, id="those of create"),
    ],
)
def test_run_passes_its_options_on(fake: Fake, line: str, changes: dict[str, object]) -> None:
    calls = fake("run", "run", 137)
    assert 137 == call(f"--root /r {line}")
    assert [(("/r", "web", os.getcwd()), {**RUN, **changes})] == calls


@pytest.mark.parametrize(
    ("line", "options"),
    [
        pytest.param("checkpoint web", {}, id="nothing"),
        pytest.param("checkpoint --image-path /i --work-path=/w --leave-running web",
                     {"image_path": "/i", "work_path": "/w", "leave_running": True}, id="as podman does"),
        pytest.param("checkpoint --pre-dump --parent-path ../p web", {"pre_dump": True, "parent_path": "../p"},
                     id="pre-dump"),
        pytest.param("checkpoint --lazy-pages --status-fd 0 --page-server ::1:5 web",
                     {"lazy_pages": True, "status_fd": 0, "page_server": "::1:5"}, id="lazy pages"),
        pytest.param("checkpoint --empty-ns network --empty-ns=network web", {"empty_ns": ("network", "network")},
                     id="a list"),
        pytest.param("checkpoint --manage-cgroups-mode soft web", {"manage_cgroups_mode": "soft"}, id="cgroups"),
    ],
)
def test_checkpoint_passes_its_options_on(fake: Fake, line: str, options: dict[str, object]) -> None:
    calls = fake("checkpoint", "checkpoint")
    assert 0 == call(f"--root /r {line}")
    assert [(("/r", "web"), options)] == calls


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        pytest.param("restore web", {}, id="nothing"),
        pytest.param("restore --image-path /i --tcp-close web", {"image_path": "/i", "tcp_close": True}, id="criu's"),
        pytest.param("restore --lsm-profile selinux:a --lsm-mount-context b web",
                     {"lsm_profile": "selinux:a", "lsm_mount_context": "b"}, id="labels"),
        pytest.param("restore -d --pid-file /p --console-socket /c web",
                     {"detach": True, "pid_file": "/p", "console_socket": "/c"}, id="as conmon does"),
        pytest.param("restore --work-path /w -no-subreaper web", {"work_path": "/w", "no_subreaper": True},
                     id="as go-runc does"),
    ],
)
def test_restore_passes_its_options_on(fake: Fake, line: str, changes: dict[str, object]) -> None:
    calls = fake("restore", "restore", 7)
    assert 7 == call(f"--root /r {line}")
    assert [(("/r", "web", os.getcwd()), {**CREATE, "detach": False, "no_subreaper": False, **changes})] == calls


def test_paths_are_the_callers_when_relative(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calls = fake("create", "create")
    call("--root state create -b bundle --pid-file pid web")
    assert (f"{tmp_path}/state", "web", f"{tmp_path}/bundle") == calls[0][0]
    assert f"{tmp_path}/pid" == calls[0][1]["pid_file"]


@pytest.mark.parametrize(
    ("line", "arguments", "options"),
    [
        pytest.param("start web", (), {}, id="start"),
        pytest.param("pause web", (), {}, id="pause"),
        pytest.param("resume web", (), {}, id="resume"),
        pytest.param("delete web", (), {"force": False}, id="delete"),
        pytest.param("delete --force web", (), {"force": True}, id="delete --force"),
        pytest.param("delete web -f", (), {"force": True}, id="delete ID -f"),
        pytest.param("kill web", (15,), {"all": False}, id="kill"),
        pytest.param("kill web 9", (9,), {"all": False}, id="kill ID 9"),
        pytest.param("kill --all web 9", (9,), {"all": True}, id="kill --all ID 9"),
        pytest.param("kill -a web KILL", (9,), {"all": True}, id="kill -a ID KILL"),
    ],
)
def test_calls_the_operation(fake: Fake, line: str, arguments: tuple[object], options: dict[str, object]) -> None:
    name = line.split()[0]
    calls = fake(name, name)
    assert 0 == call(f"--root /r {line}")
    assert [(("/r", "web", *arguments), options)] == calls


def test_state_is_indented_by_two_and_ends_without_a_line_break(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake("state", "state", {"ociVersion": "1.3.0", "id": "web", "annotations": {}})
    assert 0 == call("state web")
    assert ('{\n  "ociVersion": "1.3.0",\n  "id": "web",\n  "annotations": {}\n}', "") == capfd.readouterr()


WEB = {"id": "web", "pid": 7, "status": "running", "bundle": "/a/rather/long/path", "created": "2026", "owner": "root"}
HEADING = "ID          PID         STATUS      BUNDLE                CREATED     OWNER\n"
ROW = "web         7           running     /a/rather/long/path   2026        root\n"
EMPTY_HEADING = "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"


@pytest.mark.parametrize(
    ("line", "found", "expected"),
    [
        pytest.param("list", [], EMPTY_HEADING, id="no container"),
        pytest.param("list", [WEB], HEADING + ROW, id="table"),
        pytest.param("list -q", [WEB, WEB], "web\nweb\n", id="ids"),
        pytest.param("list -q", [], "", id="no ids"),
        pytest.param("list --format=json", [], "null\n", id="json of none"),
        pytest.param("list -f json", [{"id": "web", "pid": 7}], '[{"id":"web","pid":7}]\n', id="json"),
    ],
)
def test_list_prints(
    fake: Fake, capfd: pytest.CaptureFixture[str], line: str, found: list[object], expected: str
) -> None:
    calls = fake("list", "containers", found)
    assert 0 == call(f"--root /r {line}")
    assert (expected, "") == capfd.readouterr()
    assert [(("/r",), {})] == calls


@pytest.mark.parametrize(
    ("pids", "expected"), [pytest.param([1, 2], "[1,2]\n", id="two"), pytest.param([], "[]\n", id="none")]
)
def test_ps_prints_json(fake: Fake, capfd: pytest.CaptureFixture[str], pids: list[int], expected: str) -> None:
    fake("ps", "pids", pids)
    assert 0 == call("ps --format json web")
    assert (expected, "") == capfd.readouterr()


def test_ps_prints_the_table(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    calls = fake("ps", "table", "PID\n1\n")
    assert 0 == call("--root /r ps web -o pid --format=json")
    assert ("PID\n1\n", "") == capfd.readouterr()
    assert [(("/r", "web", ["-o", "pid", "--format=json"]), {})] == calls


def test_wait_prints_what_is_known(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake("wait", "wait", 137)
    assert 0 == call("wait web")
    fake("wait", "wait", None)
    assert 0 == call("wait web")
    assert ("137\nunknown\n", "") == capfd.readouterr()
