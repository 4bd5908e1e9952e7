from __future__ import annotations

import errno
import os
import signal

import pytest

from pyoci.syscalls import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]


@pytest.mark.parametrize("kind", namespaces.FLAGS)
def test_nstype_is_the_flag_when_the_file_is_a_namespace(kind: str) -> None:
    fd = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    try:
        assert namespaces.nstype(fd) == namespaces.FLAGS[kind]
    finally:
        os.close(fd)


def test_nstype_fails_when_the_file_is_no_namespace() -> None:
    fd = os.open("/proc/self/status", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="ioctl") as caught:
            namespaces.nstype(fd)
    finally:
        os.close(fd)

    assert caught.value.errno == errno.ENOTTY


@pytest.mark.parametrize("kind", ["mnt", "net", "ipc", "uts", "cgroup", "user"])
def test_same_tells_when_a_process_has_left_the_namespace(in_child: InChild, kind: str) -> None:
    def child() -> list[bool]:
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            namespaces.unshare(namespaces.FLAGS[kind])
            os.write(writer, b".")
            signal.pause()
        os.read(reader, 1)
        seen = [namespaces.same(kind, pid), namespaces.same("time", pid), namespaces.same(kind, "self")]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return seen

    assert in_child(child, 0) == [False, True, True]


def test_setns_goes_back_when_given_the_former_namespace(in_child: InChild) -> None:
    def child() -> list[bool]:
        former = os.open("/proc/self/ns/uts", os.O_RDONLY)
        namespaces.unshare(namespaces.CLONE_NEWUTS)
        seen = [namespaces.same("uts", os.getppid())]
        namespaces.setns(former, namespaces.CLONE_NEWUTS)
        return [*seen, namespaces.same("uts", os.getppid())]

    assert in_child(child, 0) == [False, True]


def test_setns_names_the_call_when_the_kind_differs(in_child: InChild) -> None:
    def child() -> None:
        namespaces.setns(os.open("/proc/self/ns/net", os.O_RDONLY), namespaces.CLONE_NEWUTS)

    with pytest.raises(OSError, match="Invalid argument") as caught:
        in_child(child, 0)

    assert caught.value.__notes__[0] == "setns(2)"
