from __future__ import annotations

import errno
import os
import signal

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


@pytest.mark.parametrize(
    ("refused", "reason"),
    [pytest.param("ready", "no space left on device", id="answer"), pytest.param("", "bad file descriptor", id="word")],
)
def test_what_fails_before_the_word_of_start_is_told_where_start_listens(refused: str, reason: str) -> None:
    listen, told = os.pipe()
    init = fake_init(start_fd=told, result_fd=told)  # it can be written to, and not be read from
    birth = Birth(init, (), (), ())

    def wait(what: str) -> None:
        if what == refused:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if (pid := os.fork()) == 0:
        init.channel.wait = wait  # type: ignore[method-assign]  # nobody answers
        try:
            birth._be_init()
        finally:
            os._exit(9)
    os.close(told)
    os.waitpid(pid, 0)

    assert f"start: {reason}" in os.read(listen, 4096).decode()
    os.close(listen)
    init.channel.close()
    birth._channel.close()


def test_collects_what_dies_before_it_is_born(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until somebody does, the pid namespace it was to join cannot end."""
    init = fake_init()
    birth = Birth(init, (), (), ())
    birth.on_death = str
    monkeypatch.setattr(birth, "_be_init", lambda: os.kill(os.getpid(), signal.SIGKILL))
    birth.fork()

    with pytest.raises(StepError, match=f"^{signal.SIGKILL.value}$"):
        birth.converse()

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    birth.abort()


def test_goes_on_when_stage_dies_without_saying_whom_it_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    init = fake_init(start_fd=0)  # it waits for the word of start
    birth = Birth(init, (), (), ())
    say = init.channel.send

    def send(message: dict[str, object]) -> None:
        if "forked" in message:
            os.kill(os.getpid(), signal.SIGKILL)
        say(message)

    monkeypatch.setattr(init.channel, "send", send)
    birth.fork()

    birth.converse()

    birth.abort()
