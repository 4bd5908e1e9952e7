"""EIO, ENOSPC, ENOMEM, EMFILE or EINTR from every system call: one clear line, nothing left, or all went well."""

from __future__ import annotations

import errno
import os

import pytest

from tests.faults.operations import OPERATIONS, Trial, enrich
from tests.faults.tracing import ERRORS, HANGS, Tracer, every

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.tracing import Call
    from tests.support.bundle import Bundle
    from tests.support.runtime import Result, Runtime

pytestmark = [pytest.mark.needs("root", "tracer"), pytest.mark.timeout(7200), pytest.mark.differs("not promised")]

_MAKING = {"create", "run", "run-detached"}


def outcome(trial: Trial, prefix: list[str], what: str) -> str:
    """What is wrong after a call was refused."""
    result = trial.attempt(prefix)
    wrong = [trial.is_described_truly()]
    if result.status:
        wrong.append(_unclear(result))
        if what in _MAKING and not (what == "run" and _is_stopped(trial)):
            wrong.append(trial.leftovers())
    wrong.append(trial.remove())
    return "; ".join(filter(None, wrong))


def _is_stopped(trial: Trial) -> bool:
    """Whether the program has run, and what could not be done was to delete the container: that can be repeated."""
    state = trial.runtime("state", trial.container.id)
    directory = trial.runtime.root / trial.container.id
    return '"status": "stopped"' in state.stdout or (directory.is_dir() and not os.listdir(directory))


def _unclear(result: Result) -> str:
    """What is wrong with how a failure is told."""
    if result.status == HANGS:
        return "it hangs"
    text = result.stderr
    is_clear = text.count("\n") == 1 and not any(word in text for word in ("Traceback", "internal error", "Error:"))
    return "" if is_clear else f"status {result.status} and the words {text!r}"


@pytest.mark.parametrize("what", OPERATIONS)
@pytest.mark.parametrize("kind", ["plain", "rich"])
def test_one_line_says_what_was_refused(
    kind: str, what: str, runtime: Runtime, bundle: Bundle, new_id: Callable[[], str], tracer: Tracer, nth: int
) -> None:
    if kind == "rich":
        enrich(bundle, runtime.directory)
    first = Trial(runtime, bundle, new_id(), OPERATIONS[what])
    first.attempt(tracer.prefix()).ok()
    calls: list[Call] = [call for call in tracer.calls() if call.may_fail()]
    assert first.remove() == ""

    findings, chosen = [], every(nth, calls)
    for position, call in chosen:
        error = ERRORS[position % len(ERRORS)]
        trial = Trial(runtime, bundle, new_id(), OPERATIONS[what])
        if wrong := outcome(trial, tracer.prefix(call, error), what):
            findings.append(f"{errno.errorcode[error]} at {call}: {wrong}")
    print(f"tried {len(chosen)} of {len(calls)}")

    assert findings == []
