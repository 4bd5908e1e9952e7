"""What the tests of pyoci.syscalls share: a child in namespaces of its own."""

from __future__ import annotations

import os
import pickle
import traceback

import pytest

from pyoci.syscalls import files, mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    Result = TypeVar("Result")


def _run(function: Callable[[], Result], flags: int) -> Result:
    """What *function* returns in a child that has left the namespaces *flags*; its exception is raised here."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            namespaces.unshare(flags)
            if flags & namespaces.CLONE_NEWNS:
                mount.mount(None, "/", None, mount.MS_REC | mount.MS_PRIVATE)
            answer: tuple[object, BaseException | None] = (function(), None)
        except BaseException as raised:  # noqa: BLE001 (a child must not return into pytest)
            raised.add_note(traceback.format_exc())
            answer = (None, raised)
        os.write(writer, pickle.dumps(answer))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert data, f"the child ended with wait status {status}"
    result: Result
    result, failure = pickle.loads(data)  # noqa: S301 (from our own child)
    if failure is not None:
        raise failure
    return result


@pytest.fixture
def in_child() -> Callable[..., Any]:
    """``in_child(function, flags)`` runs *function* in a fork, by default in a mount namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: new namespaces")

    def run(function: Callable[[], Result], flags: int = namespaces.CLONE_NEWNS) -> Result:
        return _run(function, flags)

    return run


@pytest.fixture
def root(tmp_path: object) -> Iterator[int]:
    """An O_PATH descriptor of an empty directory to resolve paths in."""
    fd = os.open(str(tmp_path), os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.fixture
def tmpfs() -> Iterator[int]:
    """A detached mount of an empty tmpfs."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts")
    fd = mount.new_filesystem("tmpfs", "tmpfs", [("mode", "755")])
    assert files.filesystem(fd) == files.TMPFS_MAGIC
    yield fd
    os.close(fd)


@pytest.fixture
def cgroup() -> Iterator[int]:
    """A new cgroup in a cgroup v2 hierarchy, mounted where nobody sees it."""
    try:
        hierarchy = mount.new_filesystem("cgroup2", "cgroup2")
    except OSError:
        pytest.skip("needs root: a mount of cgroup v2")
    name = f"pyoci-test-kernel-{os.getpid()}"
    os.mkdir(name, dir_fd=hierarchy)
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=hierarchy)
    yield fd
    os.close(fd)
    os.rmdir(name, dir_fd=hierarchy)
    os.close(hierarchy)
