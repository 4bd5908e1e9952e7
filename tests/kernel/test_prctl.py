from __future__ import annotations

import os
import signal

import pytest

from pyoci.syscalls import prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]

PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_CHILD_SUBREAPER, PR_GET_NO_NEW_PRIVS = 2, 3, 7, 37, 39


@pytest.fixture(params=["python-prctl", "own"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to call: through the library, and without it."""
    if request.param == "own":
        monkeypatch.setattr(prctl, "library", None)
    elif prctl.library is None:
        pytest.skip("needs python-prctl: it cannot be imported here")
    return str(request.param)


@pytest.mark.parametrize(
    ("change", "option"),
    [
        pytest.param(prctl.no_new_privileges, PR_GET_NO_NEW_PRIVS, id="no_new_privileges"),
        pytest.param(lambda: prctl.keep_capabilities(True), PR_GET_KEEPCAPS, id="keep_capabilities"),
    ],
)
def test_switch_is_on_when_set(in_child: InChild, change: Callable[[], None], option: int) -> None:
    def child() -> list[int]:
        before = prctl.prctl(option)
        change()
        return [before, prctl.prctl(option)]

    assert in_child(child, 0) == [0, 1]


def test_dumpable_goes_off_and_on_when_told(in_child: InChild) -> None:
    def child() -> list[int]:
        prctl.dumpable(False)
        off = prctl.prctl(PR_GET_DUMPABLE)
        prctl.dumpable(True)
        return [off, prctl.prctl(PR_GET_DUMPABLE)]

    assert in_child(child, 0) == [0, 1]


def test_child_subreaper_gets_the_orphans_when_on(in_child: InChild) -> None:
    def child() -> bool:
        prctl.child_subreaper(True)
        reader, writer = os.pipe()
        if (middle := os.fork()) == 0:
            if (orphan := os.fork()) == 0:
                os._exit(0)
            os.write(writer, str(orphan).encode())
            os._exit(0)
        os.waitpid(middle, 0)
        return os.wait()[0] == int(os.read(reader, 16))

    assert in_child(child, 0) is True


def test_parent_death_signal_arrives_when_the_parent_ends(in_child: InChild) -> None:
    def child() -> int:
        prctl.child_subreaper(True)
        reader, writer = os.pipe()
        if (middle := os.fork()) == 0:
            if os.fork() == 0:
                prctl.parent_death_signal(signal.SIGTERM)
                os.write(writer, b".")
                signal.pause()
            os.read(reader, 1)
            os._exit(0)
        os.waitpid(middle, 0)
        return os.waitstatus_to_exitcode(os.wait()[1])

    assert in_child(child, 0) == -signal.SIGTERM


def test_error_names_the_call_when_the_kernel_refuses() -> None:
    with pytest.raises(OSError, match="Invalid argument") as caught:
        prctl.prctl(9999)

    assert caught.value.__notes__ == ["prctl(2)"]
