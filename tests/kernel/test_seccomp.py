from __future__ import annotations

import errno
import os
import struct
import threading

import pytest

from pyoci.syscalls import prctl, seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]

RET_ALLOW, RET_ERRNO, RET_LOG, RET_NOTIFY = 0x7FFF_0000, 0x0005_0000, 0x7FFC_0000, 0x7FC0_0000
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
UNAME = {"x86_64": 63}.get(os.uname().machine, 160)


def _program(action: int) -> bytes:
    """The filter that answers uname(2) by *action* and allows the rest."""
    instructions = [(LOAD_NUMBER, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, UNAME), (RETURN, 0, 0, action),
                    (RETURN, 0, 0, RET_ALLOW)]  # fmt: skip
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


@pytest.mark.parametrize(
    "flags",
    [pytest.param(0, id="none"), pytest.param(seccomp.FILTER_FLAG_TSYNC, id="tsync"),
     pytest.param(seccomp.FILTER_FLAG_LOG | seccomp.FILTER_FLAG_SPEC_ALLOW, id="log and spec_allow")],
)  # fmt: skip
def test_filter_works_when_loaded(in_child: InChild, flags: int) -> None:
    def child() -> tuple[int, int | None]:
        prctl.no_new_privileges()
        result = seccomp.set_mode_filter(_program(RET_ERRNO | errno.ENOTUNIQ), flags)
        try:
            os.uname()
        except OSError as failure:
            return result, failure.errno
        return result, None

    assert in_child(child, 0) == (0, errno.ENOTUNIQ)


def test_listener_is_a_descriptor_when_asked_for(in_child: InChild) -> None:
    def child() -> tuple[str, bool]:
        prctl.no_new_privileges()
        flags = seccomp.FILTER_FLAG_NEW_LISTENER | seccomp.FILTER_FLAG_TSYNC
        fd = seccomp.set_mode_filter(_program(RET_NOTIFY), flags)
        return os.readlink(f"/proc/self/fd/{fd}"), os.get_inheritable(fd)

    assert in_child(child, 0) == ("anon_inode:seccomp notify", False)


def test_filter_is_refused_when_privileges_may_grow(in_child: InChild) -> None:
    def child() -> None:
        os.setresuid(65534, 65534, 65534)
        seccomp.set_mode_filter(_program(RET_ALLOW))

    with pytest.raises(OSError, match="Permission denied") as caught:
        in_child(child, 0)

    assert caught.value.__notes__[0] == "seccomp(2)"


def test_tsync_raises_when_a_thread_has_another_filter(in_child: InChild) -> None:
    def child() -> int | None:
        prctl.no_new_privileges()
        ready, done = threading.Event(), threading.Event()

        def diverge() -> None:
            seccomp.set_mode_filter(_program(RET_ALLOW))
            ready.set()
            done.wait()

        thread = threading.Thread(target=diverge)
        thread.start()
        ready.wait()
        try:
            seccomp.set_mode_filter(_program(RET_ALLOW), seccomp.FILTER_FLAG_TSYNC)
        except OSError as failure:
            return failure.errno
        finally:
            done.set()
            thread.join()
        return None

    assert in_child(child, 0) == errno.ESRCH


@pytest.mark.parametrize("program", [pytest.param(b"", id="empty"), pytest.param(b"x" * 9, id="half an instruction"),
                                     pytest.param(b"\xff" * 8, id="no such instruction")])  # fmt: skip
def test_filter_is_refused_when_it_is_none(in_child: InChild, program: bytes) -> None:
    def child() -> None:
        prctl.no_new_privileges()
        seccomp.set_mode_filter(program)

    with pytest.raises(OSError, match="Invalid argument"):
        in_child(child, 0)


@pytest.mark.parametrize(
    ("action", "known"),
    [pytest.param(RET_ALLOW, True, id="allow"), pytest.param(RET_LOG, True, id="log"),
     pytest.param(RET_NOTIFY, True, id="notify"), pytest.param(0x1234_0000, False, id="unknown")],
)  # fmt: skip
def test_action_available_tells_what_the_kernel_knows_when_asked(action: int, known: bool) -> None:
    assert seccomp.action_available(action) is known


@pytest.mark.parametrize(
    ("flag", "known"),
    [pytest.param(seccomp.FILTER_FLAG_TSYNC, True, id="tsync"),
     pytest.param(seccomp.FILTER_FLAG_NEW_LISTENER, True, id="new_listener"),
     pytest.param(seccomp.FILTER_FLAG_WAIT_KILLABLE_RECV, True, id="wait_killable_recv"),
     pytest.param(1 << 30, False, id="unknown")],
)  # fmt: skip
def test_flag_available_tells_what_the_kernel_knows_when_asked(flag: int, known: bool) -> None:
    assert seccomp.flag_available(flag) is known
