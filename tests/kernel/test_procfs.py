from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyoci.syscalls import files, mount, namespaces, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]


def test_open_private_is_not_fooled_when_proc_is_covered(in_child: InChild) -> None:
    def child() -> tuple[bool, str]:
        mount.mount("tmpfs", "/proc", "tmpfs")
        fd = procfs.open_private()
        return os.path.exists("/proc/self"), procfs.read(fd, "self/comm")

    covered, name = in_child(child)
    assert not covered
    assert name.endswith("\n")


def test_open_private_shows_our_pid_namespace_when_we_are_pid_1(in_child: InChild) -> None:
    def child() -> bytes:
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            os.write(writer, procfs.read(procfs.open_private(), "self/stat").split()[0].encode())
            os._exit(0)
        os.waitpid(pid, 0)
        return os.read(reader, 16)

    assert in_child(child, namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNS) == b"1"


def test_open_private_falls_back_to_proc_when_it_may_not_mount(in_child: InChild) -> None:
    def child() -> bool:
        os.setresuid(65534, 65534, 65534)
        fd = procfs.open_private()
        return files.filesystem(fd) == files.PROC_SUPER_MAGIC and procfs.read(fd, "self/stat") != ""

    assert in_child(child) is True


def test_open_private_refuses_when_what_is_on_proc_is_none(in_child: InChild) -> None:
    def child() -> None:
        mount.mount("tmpfs", "/proc", "tmpfs")
        os.setresuid(65534, 65534, 65534)
        procfs.open_private()

    with pytest.raises(OSError, match="there is no procfs"):
        in_child(child)


@pytest.mark.parametrize(
    ("source", "target", "path"),
    [
        pytest.param("/dev/null", "/proc/sys/kernel/domainname", "sys/kernel/domainname", id="a file"),
        pytest.param("/proc/sys/kernel", "/proc/sys/net", "sys/net/hostname", id="another part of procfs"),
    ],
)
def test_write_refuses_when_something_lies_over_the_file(
    in_child: InChild, source: str, target: str, path: str
) -> None:
    def child() -> None:
        mount.mount(source, target, None, mount.MS_BIND)
        procfs.write(os.open("/proc", os.O_PATH), path, "x")

    with pytest.raises(OSError, match=r"[Cc]ross-device") as caught:
        in_child(child, namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS)

    assert caught.value.errno == errno.EXDEV


@pytest.mark.parametrize(
    ("path", "number"),
    [
        pytest.param("self/root/etc/passwd", errno.ELOOP, id="magic link"),
        pytest.param("self/fd/0", errno.ELOOP, id="magic link at the end"),
        pytest.param("../etc/passwd", errno.EXDEV, id="above"),
        pytest.param("/etc/passwd", errno.EXDEV, id="absolute"),
        pytest.param("sys/net/nope", errno.ENOENT, id="missing"),
    ],
)
def test_open_stays_in_procfs_when_the_path_is_odd(path: str, number: int) -> None:
    fd = procfs.open_private()
    try:
        with pytest.raises(OSError) as caught:
            procfs.open(fd, path)
    finally:
        os.close(fd)

    assert (caught.value.errno, caught.value.filename) == (number, path)


def test_write_and_read_reach_our_own_files_when_self_is_a_link(in_child: InChild) -> None:
    def child() -> tuple[str, str, str]:
        fd = procfs.open_private()
        procfs.write(fd, "sys/kernel/hostname", "other")
        procfs.write(fd, "self/comm", "renamed")
        procfs.write(fd, "thread-self/comm", "again")
        return procfs.read(fd, "sys/kernel/hostname"), procfs.read(fd, "self/comm"), os.uname().nodename

    assert in_child(child, namespaces.CLONE_NEWUTS) == ("other\n", "again\n", "other")


def test_write_names_the_file_when_the_kernel_refuses_the_value(in_child: InChild) -> None:
    def child() -> None:
        procfs.write(procfs.open_private(), "self/oom_score_adj", "2000")

    with pytest.raises(OSError, match="self/oom_score_adj") as caught:
        in_child(child, 0)

    assert caught.value.errno == errno.EINVAL


def test_read_returns_all_when_the_file_is_long() -> None:
    fd = procfs.open_private()

    assert procfs.read(fd, "kallsyms").count("\n") == Path("/proc/kallsyms").read_text().count("\n") > 10000
    os.close(fd)


def test_what_a_container_around_us_masks_is_written_through_proc(in_child: InChild) -> None:
    """Nested LXC: with root of a user namespace the kernel shares no more of procfs than is to be seen on /proc."""

    def child() -> tuple[list[str], str, str]:
        for masked in ("/proc/keys", "/proc/timer_list"):
            mount.mount("/dev/null", masked, None, mount.MS_BIND)
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS)
        refused = []
        for attempt in (procfs._new, procfs._copy):
            try:
                os.close(attempt())
            except OSError as error:
                refused.append(errno.errorcode[error.errno])
        fd = procfs.open_private()
        procfs.write(fd, "sys/kernel/domainname", "inner")
        with pytest.raises(OSError, match=r"[Cc]ross-device"):
            procfs.read(fd, "keys")
        return refused, procfs.read(fd, "sys/kernel/domainname"), procfs.read(fd, "self/stat").split()[0]

    refused, name, pid = in_child(child, namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS)
    assert refused == ["EPERM", "EINVAL"]
    assert (name, pid.isdecimal()) == ("inner\n", True)


def deny(call: str) -> None:
    """Refuse *call* to this process with EACCES, as AppArmor and the filters of engines do."""
    import pyseccomp

    program = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    program.add_rule(pyseccomp.ERRNO(errno.EACCES), call)
    program.load()


@pytest.mark.parametrize("calls", [("fsopen",), ("fsmount",), ("fsopen", "open_tree"), ("fsmount", "open_tree")])
def test_open_private_falls_back_when_the_mount_api_is_denied(in_child: InChild, calls: tuple[str, ...]) -> None:
    def child() -> tuple[bool, str]:
        for call in calls:
            deny(call)
        fd = procfs.open_private()
        procfs.write(fd, "sys/kernel/domainname", "other")
        return files.filesystem(fd) == files.PROC_SUPER_MAGIC, procfs.read(fd, "sys/kernel/domainname")

    assert in_child(child, namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS) == (True, "other\n")


def test_the_fallback_is_not_fooled_when_something_lies_over_the_file(in_child: InChild) -> None:
    def child() -> None:
        mount.mount("/dev/null", "/proc/sys/kernel/domainname", None, mount.MS_BIND)
        for call in ("fsopen", "open_tree"):
            deny(call)
        procfs.write(procfs.open_private(), "sys/kernel/domainname", "other")

    with pytest.raises(OSError, match=r"[Cc]ross-device"):
        in_child(child, namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS)


def test_write_goes_to_proc_when_what_is_mounted_nowhere_is_denied(
    in_child: InChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As AppArmor does it in LXC: the mount is made, but no file in it can be opened."""
    openat2 = files.openat2

    def child() -> str:
        private = procfs.open_private()

        def denied(dirfd: int, path: str, *args: Any, **kwargs: Any) -> int:
            if dirfd == private:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return openat2(dirfd, path, *args, **kwargs)

        monkeypatch.setattr(files, "openat2", denied)
        procfs.write(private, "sys/kernel/domainname", "other")
        return procfs.read(private, "sys/kernel/domainname")

    assert in_child(child, namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS) == "other\n"


def test_a_denied_write_stays_denied_when_proc_denies_it_too(in_child: InChild) -> None:
    def child() -> None:
        private = procfs.open_private()
        os.setresuid(65534, 65534, 65534)
        procfs.write(private, "sys/kernel/domainname", "other")

    with pytest.raises(PermissionError, match="domainname"):
        in_child(child)
