"""process.oomScoreAdj."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import abilities
from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.support.runtime import Result

_LOOK = "cat /proc/self/oom_score_adj"


def _own() -> int:
    return int(Path("/proc/self/oom_score_adj").read_text())


@pytest.mark.clause("process.oom-score-adj.set")
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("value", [999, 1000])
def test_is_what_was_given(container: Container, value: int, uid: int) -> None:
    container.bundle.process.update(oomScoreAdj=value, user={"uid": uid, "gid": uid})

    assert container.output(_LOOK) == str(value)


@pytest.mark.clause("process.oom-score-adj.unset")
@pytest.mark.parametrize("value", [0, 321])
def test_is_left_alone_unless_given(container: Container, value: int) -> None:
    container.bundle.script(_LOOK)

    result = container.run(prefix=["sh", "-c", f'echo {_own() + value} >/proc/self/oom_score_adj; exec "$@"', "-"])

    assert result.ok().output == str(_own() + value)


@pytest.mark.clause("process.oom-score-adj.set")
@pytest.mark.differs("runc leaves the range to the kernel")
@pytest.mark.parametrize("value", [-1001, 1001, 2**40])
def test_has_limits(container: Container, value: int) -> None:
    container.bundle.process["oomScoreAdj"] = value

    container.create().failed("process.oomScoreAdj")


@pytest.mark.clause("process.oom-score-adj.denied")
@pytest.mark.skipif(abilities.has("sys_resource"), reason="CAP_SYS_RESOURCE may lower it")
def test_lowered_without_the_right_to_is_an_error(container: Container) -> None:
    container.bundle.process["oomScoreAdj"] = -1000

    container.create().failed("ermission denied")


@pytest.mark.clause("process.oom-score-adj.denied")
@pytest.mark.needs("userns")
@pytest.mark.differs("runc 1.1 fails")
def test_lowered_by_a_user_is_left_as_it_is(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.script(_LOOK).process["oomScoreAdj"] = -1000

    assert container.run(**as_user).ok().output == str(_own())


@pytest.mark.clause("process.oom-score-adj.set")
@pytest.mark.needs("userns")
def test_is_set_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace().process["oomScoreAdj"] = 555

    assert container.output(_LOOK) == "555"


@pytest.mark.clause("process.oom-score-adj.set")
@pytest.mark.differs("runc sets it for the first process alone")
def test_of_an_exec_is_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.process["oomScoreAdj"] = 500
    container.up()

    assert exec_process(oomScoreAdj=600, args=["sh", "-c", _LOOK]).ok().output == "600"
