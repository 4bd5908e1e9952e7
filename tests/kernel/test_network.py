from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from pyoci.syscalls import mount, namespaces, network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    InChild = Callable[..., Any]


def test_bring_up_makes_loopback_reachable_when_it_was_down(in_child: InChild, tmp_path: Path) -> None:
    def child() -> list[object]:
        mount.mount("sysfs", str(tmp_path), "sysfs")  # of this network namespace
        flags = tmp_path / "class/net/lo/flags"
        before = flags.read_text()
        network.bring_up("lo")
        network.bring_up("lo")
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            return [before, flags.read_text()]

    assert in_child(child, namespaces.CLONE_NEWNET | namespaces.CLONE_NEWNS) == ["0x8\n", "0x9\n"]


@pytest.mark.parametrize("name", ["nope0", "", "x" * 15, "x" * 16, "lo\x00"])
def test_bring_up_says_enodev_when_there_is_no_such_interface(in_child: InChild, name: str) -> None:
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        in_child(lambda: network.bring_up(name), namespaces.CLONE_NEWNET)

    assert caught.value.errno == errno.ENODEV
    assert caught.value.filename == name
