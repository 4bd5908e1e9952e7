from __future__ import annotations

import os

import pytest

from pyoci.errors import UsageError
from pyoci.runtime.criu import OPTIONS, Criu, pair
from pyoci.runtime.criu_options import CheckpointOptions, RestoreOptions


@pytest.fixture
def criu():
    """A criu that is this very process."""
    ours, theirs = pair()
    theirs.close()
    with Criu(ours, os.getpid(), "") as made:
        yield made
        made.pid = 0


def told(options, criu, annotations=None):
    """What criu is told, without the numbers of descriptors."""
    found = options.for_criu(criu, annotations or {})
    assert criu.directories == [found.pop(name) for name in ("images_dir_fd", "work_dir_fd") if name in found]
    return found


BOTH = {
    "log_level": 4, "notify_scripts": True, "orphan_pts_master": True, "manage_cgroups": True, "manage_cgroups_mode": 3,
    "empty_ns": 0x4000_0000, "config_file": "/etc/criu/runc.conf",
}  # fmt: skip


def test_defaults_of_checkpoint(tmp_path, criu) -> None:
    assert told(CheckpointOptions(image_path=str(tmp_path)), criu) == BOTH


def test_defaults_of_restore(tmp_path, criu) -> None:
    expected = {**BOTH, "rst_sibling": True, "evasive_devices": True}
    assert told(RestoreOptions(image_path=str(tmp_path)), criu) == expected


@pytest.mark.parametrize(
    "name",
    ["tcp_established", "tcp_skip_in_flight", "link_remap", "ext_unix_sk", "shell_job", "lazy_pages", "file_locks",
     "auto_dedup", "leave_running"],
)  # fmt: skip
def test_flags_are_passed_on(tmp_path, criu, name) -> None:
    assert told(CheckpointOptions(image_path=str(tmp_path), **{name: True}), criu) == {**BOTH, name: True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"tcp_close": True}, {"tcp_close": True}, id="tcp-close"),
        pytest.param({"lsm_profile": "apparmor:x"}, {"lsm_profile": "apparmor:x"}, id="lsm-profile"),
        pytest.param({"lsm_mount_context": "c"}, {"lsm_mount_context": "c"}, id="lsm-mount-context"),
        pytest.param({"manage_cgroups_mode": "ignore"}, {"manage_cgroups_mode": 0}, id="cgroups"),
    ],
)
def test_options_of_restore(tmp_path, criu, given, expected) -> None:
    found = told(RestoreOptions(image_path=str(tmp_path), **given), criu)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({"org.criu.config": "/c"}, "/c", id="another"),
        pytest.param({"org.criu.config": ""}, None, id="none"),
        pytest.param({}, "/etc/criu/runc.conf", id="default"),
    ],
)
def test_configuration_file_is_the_one_of_the_annotation(tmp_path, criu, annotations, expected) -> None:
    assert told(RestoreOptions(image_path=str(tmp_path)), criu, annotations).get("config_file") == expected


@pytest.mark.parametrize(("version", "locks"), [((3, 17), True), ((3, 18), False), ((4, 1), False)])
@pytest.mark.parametrize("established", [False, True])
def test_network_is_locked_for_connections_alone(tmp_path, criu, version, locks, established) -> None:
    criu.version = version
    found = told(CheckpointOptions(image_path=str(tmp_path), tcp_established=established), criu)
    assert ("network_lock" not in found) == (established or locks)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("", None, id="none"),
        pytest.param("127.0.0.1:80", ("127.0.0.1", 80), id="IPv4"),
        pytest.param("[::1]:65535", ("::1", 65535), id="IPv6"),
        pytest.param("host:1", ("host", 1), id="name"),
    ],
)
def test_page_server_is_an_address_and_a_port(text, address) -> None:
    assert CheckpointOptions(page_server=text).page_server_address() == address


@pytest.mark.parametrize("text", ["host", ":80", "host:", "::1:80", "host:0", "host:65536", "host:x", "host:-1"])
def test_page_server_is_refused(text) -> None:
    with pytest.raises(UsageError, match=r"page-server|port"):
        CheckpointOptions(page_server=text).check()


def test_parent_is_below_the_images(tmp_path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    (tmp_path / "file").touch()
    images = str(tmp_path / "second")

    CheckpointOptions(image_path=images, parent_path="../first").check()

    for path, reason in (("/x", "must be relative"), ("../x", "no such file"), ("../file", "not a directory")):
        with pytest.raises(UsageError, match=reason):
            CheckpointOptions(image_path=images, parent_path=path).check()


def test_status_fd_can_be_written_to() -> None:
    reading, writing = os.pipe()
    try:
        CheckpointOptions(status_fd=writing).check()
        with pytest.raises(UsageError, match=f"invalid --status-fd argument {reading}: not writable"):
            CheckpointOptions(status_fd=reading).check()
    finally:
        os.close(reading)
        os.close(writing)
    with pytest.raises(UsageError, match="bad file descriptor"):
        CheckpointOptions(status_fd=writing).check()


def test_only_the_network_namespace_can_be_left_empty() -> None:
    RestoreOptions(empty_ns=("network",)).check()
    with pytest.raises(UsageError, match='namespace "ipc" is not supported'):
        RestoreOptions(empty_ns=("ipc",)).check()


def test_every_option_is_one_of_criu_s(tmp_path, criu) -> None:
    everything = dict.fromkeys(("tcp_established", "lazy_pages", "file_locks", "leave_running"), True)
    found = told(CheckpointOptions(image_path=str(tmp_path), page_server="h:1", parent_path=".", **everything), criu)
    assert set(found) <= set(OPTIONS)
