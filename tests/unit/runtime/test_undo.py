from __future__ import annotations

import os

import pytest

from pyoci.runtime.undo import Undo


class Mishap(Exception):
    """What went wrong."""


def test_undo_calls_nothing_when_the_block_succeeds() -> None:
    calls: list[str] = []
    with Undo() as undo:
        undo.push(calls.append, "never")
    assert calls == []


@pytest.mark.clause("general.errors-leave-nothing")
@pytest.mark.parametrize("kind", [Mishap, OSError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_undo_calls_everything_in_reverse_when_the_block_fails(kind: type[BaseException]) -> None:
    calls: list[int] = []
    with pytest.raises(kind), Undo() as undo:  # noqa: PT012 (the block is what is tested)
        for number in range(3):
            undo.push(calls.append, number)
        raise kind
    assert calls == [2, 1, 0]


def test_undo_has_nothing_to_do_when_nothing_was_pushed_yet() -> None:
    with pytest.raises(Mishap), Undo():
        raise Mishap


@pytest.mark.clause("general.errors-leave-nothing")
def test_undo_goes_on_and_notes_it_when_cleaning_up_fails() -> None:
    calls: list[str] = []

    def fail(what: str) -> None:
        raise OSError(16, f"{what} busy")

    with pytest.raises(Mishap) as caught, Undo() as undo:  # noqa: PT012 (the block is what is tested)
        undo.push(calls.append, "last")
        undo.push(fail, "cgroup")
        undo.push(fail, "mount")
        raise Mishap("the first error stays")
    assert calls == ["last"]
    assert str(caught.value) == "the first error stays"
    assert caught.value.__notes__ == [
        "while cleaning up: [Errno 16] mount busy", "while cleaning up: [Errno 16] cgroup busy",
    ]  # fmt: skip


def test_undo_passes_all_arguments_when_called() -> None:
    calls: list[tuple[object, ...]] = []
    with pytest.raises(Mishap), Undo() as undo:  # noqa: PT012 (the block is what is tested)
        undo.push(lambda *given: calls.append(given), 1, "two", None)
        undo.push(lambda *given: calls.append(given))
        raise Mishap
    assert calls == [(), (1, "two", None)]


def test_undo_leaves_everything_alone_when_a_forked_child_fails() -> None:
    """What was acquired is the runtime's; a child that unwinds must not give it back."""
    reader, writer = os.pipe()
    with Undo() as undo:
        undo.push(os.write, writer, b"undone")
        if (pid := os.fork()) == 0:
            try:
                with undo:
                    raise Mishap  # noqa: TRY301 (the block is what is tested)
            except Mishap:
                os._exit(7)
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    os.close(writer)
    assert os.read(reader, 10) == b""
    os.close(reader)
