from __future__ import annotations

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
