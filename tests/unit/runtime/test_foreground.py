from __future__ import annotations

import _signal
import os
import subprocess

import pytest

from pyoci.runtime.foreground import Foreground


@pytest.mark.timeout(30, method="thread")  # the signal of the other method is taken by what is tested
def test_end_is_noticed_when_the_signal_that_tells_of_it_is_lost() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"as soon as it is waited for")
    child = subprocess.Popen(["sh", "-c", "read line; exit 5"], stdin=subprocess.PIPE)
    assert child.stdin
    let_it_end = child.stdin.close
    front = Foreground(adopt=False)
    try:
        _signal.set_wakeup_fd(-1)
        front.watch(reader, lambda: not let_it_end())

        assert front.wait_for(child.pid) == 5
    finally:
        front.leave()
        child.wait()
        os.close(reader)
        os.close(writer)
