from __future__ import annotations

import os
import threading

import pytest

from pyoci.container.channel import Channel, described, shortened
from pyoci.errors import ConfigError, StepError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """The runtime's end and init's."""
    pair = Channel.pair()
    yield pair
    for end in pair:
        end.close()


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({}, id="empty"),
        pytest.param({"ask": "maps"}, id="request"),
        pytest.param({"error": {"message": "ü\n\0\udcff", "details": {"errno": 2, "file": "/x"}}}, id="odd letters"),
        pytest.param({"warning": "x" * 100_000}, id="large"),
    ],
)
def test_receive_gives_what_was_sent(ends: tuple[Channel, Channel], message: dict[str, object]) -> None:
    runtime, init = ends
    init.send(message)
    assert runtime.receive() == (message, [])


def test_packets_stay_apart_when_several_are_waiting(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    for number in range(3):
        init.send({"number": number})
    assert [runtime.receive()[0] for _ in range(3)] == [{"number": number} for number in range(3)]


def test_descriptors_cross_closed_on_exec_and_the_senders_stay_its_own(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    pipe = os.pipe()
    init.send({"terminal": True}, pipe)
    message, received = runtime.receive()
    assert message == {"terminal": True}
    assert [os.fstat(fd).st_ino for fd in received] == [os.fstat(fd).st_ino for fd in pipe]
    assert not any(os.get_inheritable(fd) for fd in received)
    for fd in (*pipe, *received):
        os.close(fd)


def test_receive_gives_the_last_words_and_then_nothing_when_the_other_side_is_gone(
    ends: tuple[Channel, Channel],
) -> None:
    runtime, init = ends
    init.send({"warning": "last words"})
    init.close()
    assert runtime.receive() == ({"warning": "last words"}, [])
    assert runtime.receive() == (None, [])


def test_receive_gives_the_last_words_of_one_that_did_not_read_ours(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    init.send({"error": "too bad"})
    runtime.answer()

    init.close()

    assert runtime.receive() == ({"error": "too bad"}, [])
    assert runtime.receive() == (None, [])
    runtime.answer()


def test_ask_waits_for_the_answer(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    asking = threading.Thread(target=init.ask, args=("listener",), kwargs={"fd": 7})
    asking.start()
    assert runtime.receive() == ({"ask": "listener", "fd": 7}, [])
    assert asking.is_alive()
    runtime.send({})
    asking.join()


def test_ask_fails_when_the_runtime_goes_away_instead_of_answering(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    caught: list[str] = []

    def ask() -> None:
        try:
            init.ask("hooks")
        except StepError as error:
            caught.append(error.message)

    asking = threading.Thread(target=ask)
    asking.start()
    runtime.receive()
    runtime.close()
    asking.join()
    assert caught == ["the runtime went away instead of answering: hooks"]


def test_plain_packets_need_no_more_than_read_and_write(ends: tuple[Channel, Channel]) -> None:
    """A seccomp filter that is loaded already may forbid everything else."""
    runtime, init = ends
    os.write(runtime.fileno(), b"{}")
    assert os.read(init.fileno(), 10) == b"{}"
    init.send({})
    assert os.read(runtime.fileno(), 10) == b"{}"


@pytest.mark.parametrize("letter", ["x", "\x01", "\udcff", "\U0001f642"])
def test_error_crosses_when_config_json_names_things_very_long(ends: tuple[Channel, Channel], letter: str) -> None:
    runtime, init = ends
    long = letter * 300_000
    error = StepError(long, step=long, field=long, file=long, call=long, hint=long, errno=36)
    init.send({"error": described(error)})
    message, _ = runtime.receive()
    assert message
    report = message["error"]
    assert isinstance(report, dict)
    assert report["message"] == f"{letter * 2048} … {letter * 2048}"
    assert report["details"]["errno"] == 36


def test_error_is_described_whole_when_it_is_short() -> None:
    error = ConfigError("bad", "linux.x", step="a.b", errno=1)
    assert described(error) == {
        "kind": "ConfigError", "message": "linux.x: bad", "details": {"step": "a.b", "errno": 1, "field": "linux.x"},
    }  # fmt: skip
    assert shortened("x" * 4096) == "x" * 4096


def test_keeps_the_reason_of_a_text_that_is_too_long() -> None:
    assert shortened("where: " + "x" * 5000 + ": why").endswith("x: why")


def test_the_kernel_says_who_sent_a_packet(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    if (pid := os.fork()) == 0:
        init.send({"born": True})
        os._exit(0)
    os.waitpid(pid, 0)

    assert runtime.receive() == ({"born": True}, [])
    assert runtime.sender == pid


def test_wait_fails_when_the_runtime_is_gone(ends: tuple[Channel, Channel]) -> None:
    runtime, init = ends
    runtime.close()

    with pytest.raises(StepError, match="went away instead of answering: ready"):
        init.wait("ready")
