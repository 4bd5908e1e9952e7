from __future__ import annotations

import os
import socket

import pytest

from pyoci import protobuf
from pyoci.errors import ContainerError, HookError, Unsupported
from pyoci.runtime import criu
from pyoci.runtime.criu import TYPES, Criu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Peer:
    """criu's end of the socket: what it will say is said beforehand, for the socket keeps packets whole."""

    def __init__(self) -> None:
        ours, self.socket = criu.pair()
        self.criu = Criu(ours, 0, "/nonexistent.log")

    def says(self, kind: str, *more, success: bool = True, fds: tuple[int, ...] = ()) -> Peer:
        """Answer, or notify."""
        packet = protobuf.encode([(1, TYPES[kind]), (2, success), *more])
        socket.send_fds(self.socket, [packet], fds)
        return self

    def heard(self) -> dict[int, int | bytes]:
        """The next request."""
        return protobuf.decode(self.socket.recv(4096))


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    with made.criu:
        yield made
    made.socket.close()


def notify(script: str, pid: int = 0) -> tuple[int, bytes]:
    return 5, protobuf.encode([(1, script), (2, pid)])


def version(major: int, minor: int) -> tuple[int, bytes]:
    return 10, protobuf.encode([(1, major), (2, minor)])


def test_request_gives_lists_as_repeated_and_tuples_as_messages() -> None:
    options = {"pid": 7, "leave_running": True, "external": ["a", "b"], "ext_mnt": [("/x", "/y")], "ps": ("::1", 80)}

    packet = criu.request("DUMP", options)

    assert packet == protobuf.encode([(1, 1), (2, protobuf.encode([
        (2, 7), (3, True), (37, "a"), (37, "b"), (23, protobuf.encode([(1, "/x"), (2, "/y")])),
        (11, protobuf.encode([(1, "::1"), (2, 80)])),
    ]))])  # fmt: skip


def test_numbers_of_options_are_all_different() -> None:
    assert len(set(criu.OPTIONS.values())) == len(criu.OPTIONS)


@pytest.mark.parametrize(("found", "good"), [((3, 15), False), ((3, 16), True), ((3, 18), True), ((4, 1), True)])
def test_version_is_new_enough(peer, found, good) -> None:
    peer.says("VERSION", version(*found))

    if good:
        peer.criu.check_version()
        assert peer.criu.version == found
    else:
        with pytest.raises(Unsupported, match=r"criu 3\.15 is too old: at least 3\.16 is needed"):
            peer.criu.check_version()
    assert peer.heard()[4] == 1, "the connection stays open"


def test_feature_is_missed_when_it_is_not_reported(peer) -> None:
    peer.says("FEATURE_CHECK", (8, protobuf.encode([(1, 0)])))

    with pytest.raises(Unsupported, match="criu is missing features: mem_track"):
        peer.criu.check_feature("mem_track")
    assert protobuf.decode(peer.heard()[5]) == {1: 1}


def test_notifications_are_met_in_their_order(peer) -> None:
    met = []
    peer.criu.on_notify = lambda script, pid, fds: met.append((script, pid, [os.close(fd) for fd in fds]))
    peer.says("NOTIFY", notify("setup-namespaces", 7)).says("NOTIFY", notify("orphan-pts-master"), fds=(0,))
    peer.says("RESTORE")

    peer.criu.perform("RESTORE", {"root": "/r"})

    assert met == [("setup-namespaces", 7, []), ("orphan-pts-master", 0, [None])]
    assert [peer.heard()[1] for _ in range(3)] == [TYPES[kind] for kind in ("RESTORE", "NOTIFY", "NOTIFY")]


def test_what_could_not_be_done_is_raised_once_criu_has_given_up(peer) -> None:
    def fail(*_: object) -> None:
        raise HookError("a hook failed")

    peer.criu.on_notify = fail
    peer.says("NOTIFY", notify("setup-namespaces")).says("RESTORE", success=False)

    with pytest.raises(HookError, match="a hook failed"):
        peer.criu.perform("RESTORE", {})
    peer.heard()
    assert peer.heard()[3] == 0


@pytest.mark.parametrize("number", [0, -17])
def test_failure_has_the_errors_of_the_log(peer, tmp_path, number) -> None:
    log = tmp_path / "dump.log"
    log.write_text("(00.1) fine\n(00.2) Error (criu/a.c:1): first\n(00.3)   1: Error (criu/b.c:2): second\n")
    peer.criu._log_file = str(log)
    peer.says("DUMP", (7, number), (9, "words"), success=False)

    with pytest.raises(ContainerError) as caught:
        peer.criu.perform("DUMP", {})

    reasons = "Error (criu/a.c:1): first; Error (criu/b.c:2): second"
    assert caught.value.message == f"criu failed: type DUMP errno {number}: {reasons} (log file: {log})"


def test_failure_without_a_log_has_criu_s_words(peer) -> None:
    peer.says("DUMP", (9, "some words\n"), success=False)

    with pytest.raises(ContainerError, match=r"errno 0: some words \(log file: /nonexistent.log\)"):
        peer.criu.perform("DUMP", {})


def test_end_without_a_word_is_a_failure(peer) -> None:
    peer.socket.shutdown(socket.SHUT_WR)

    with pytest.raises(ContainerError, match=r"criu failed: type DUMP ended unexpectedly \(log file"):
        peer.criu.perform("DUMP", {})


def test_program_is_looked_for_in_the_path(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(criu, "_PATH", str(tmp_path))
    with pytest.raises(Unsupported, match='executable file not found in \\$PATH: "criu"'):
        criu.installed()

    (tmp_path / "criu").touch(mode=0o755)

    assert criu.installed() == f"{tmp_path}/criu"


def test_the_callers_path_does_not_choose_criu(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "criu").write_text("#!/bin/sh\n")
    (tmp_path / "criu").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert not criu.program().startswith(str(tmp_path))
    assert str(tmp_path) not in criu.environment()["PATH"]
