"""SIGKILL at every step: what is left is described truly, and ``delete --force`` removes all of it.

Both the process that makes the call dies, and the runtime while one of its children makes it.
"""

from __future__ import annotations

import pytest

from tests.faults.operations import OPERATIONS, Trial, enrich
from tests.faults.tracing import HANGS, Tracer, every

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.tracing import Call
    from tests.support.bundle import Bundle
    from tests.support.runtime import Runtime

pytestmark = [pytest.mark.needs("root", "tracer"), pytest.mark.timeout(7200), pytest.mark.differs("not promised")]


def trial_of(kind: str, what: str, runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]) -> Callable[[], Trial]:
    """A maker of trials of the operation *what*."""
    if kind == "rich":
        enrich(bundle, runtime.directory)
    return lambda: Trial(runtime, bundle, new_id(), OPERATIONS[what])


def points(trial: Trial, tracer: Tracer) -> list[Call]:
    """The calls of the operation, when nothing happens to it."""
    trial.attempt(tracer.prefix()).ok()
    calls = tracer.calls()
    assert trial.remove() == ""
    return calls


def outcome(trial: Trial, prefix: list[str]) -> str:
    """What is wrong after the operation died."""
    result = trial.attempt(prefix)
    hung = f"it hangs: {result}" if result.status == HANGS else ""
    return "; ".join(filter(None, (hung, trial.is_described_truly(), trial.remove())))


@pytest.mark.parametrize("what", OPERATIONS)
@pytest.mark.parametrize("kind", ["plain", "rich"])
def test_leaves_nothing_that_delete_does_not_remove(
    kind: str, what: str, runtime: Runtime, bundle: Bundle, new_id: Callable[[], str], tracer: Tracer, nth: int
) -> None:
    new_trial = trial_of(kind, what, runtime, bundle, new_id)
    calls = [call for call in points(new_trial(), tracer) if call.changes()]
    cases = [(call, "kill") for call in calls] + [(call, "orphan") for call in calls if call.process]

    findings, chosen = [], every(nth, cases)
    for _, (call, action) in chosen:
        if wrong := outcome(new_trial(), tracer.prefix(call, action)):
            findings.append(f"{action} at {call}: {wrong}")
    print(f"tried {len(chosen)} of {len(cases)}")

    assert findings == []
