from __future__ import annotations

import os

import pytest

from pyoci.errors import StepError
from pyoci.runtime.birth import Birth
from tests.support.fake_init import fake_init


def test_refuses_another_birth_when_init_is_born() -> None:
    """Whoever took init over could have us wait for another process of the host, and kill it (CVE-2016-9962)."""
    init = fake_init()
    birth = Birth(init, (), (), ())
    birth.stage_pid = birth._channel.sender = 5
    birth._meet({"born": True}, [])
    birth._channel.sender = 7

    with pytest.raises(StepError, match="born twice"):
        birth._meet({"born": True}, [])

    assert birth.pid == 5
    init.channel.close()
    birth._channel.close()


def test_what_fails_before_the_word_of_start_is_told_where_start_listens() -> None:
    listen, told = os.pipe()
    init = fake_init(start_fd=told, result_fd=told)  # it can be written to, and not be read from
    birth = Birth(init, (), (), ())
    if (pid := os.fork()) == 0:
        birth._say = lambda _: None  # type: ignore[method-assign]  # nobody answers
        try:
            birth._be_init()
        finally:
            os._exit(9)
    os.close(told)
    os.waitpid(pid, 0)

    assert b"start: bad file descriptor" in os.read(listen, 4096)
    os.close(listen)
    init.channel.close()
    birth._channel.close()
