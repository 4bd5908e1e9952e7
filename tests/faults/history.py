"""Did it happen in some order? A history of commands on one container, against a model of the lifecycle.

Commands overlap. They are right if each can be given a moment between its begin and its end so that, in the order of
these moments, a model of the lifecycle that does one thing at a time would have answered the same (linearizability).
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The model: what a command's answer says of the status it met, and the status it leaves. A container that was killed is
# "dying": for a while it may pass for what it was, or be found stopped.
ABSENT, CREATING, CREATED, RUNNING, DYING, STOPPED = "absent", "creating", "created", "running", "dying", "stopped"
PRESENT = (CREATING, CREATED, RUNNING, DYING, STOPPED)

Taken = frozenset[tuple[int, int]]
Steps = tuple[dict[str, str], ...]  # each: the statuses it may meet, with what becomes of them


def _met(*statuses: str, **leaves: str) -> Steps:
    return ({status: leaves.get(status, status) for status in statuses},)


MISSING = "does not exist"
ANSWERS: dict[tuple[str, str], Steps] = {
    ("create", ""): ({ABSENT: CREATING}, {CREATING: CREATED}),
    ("create", "already exists"): _met(*PRESENT),
    ("start", ""): _met(CREATED, DYING, created=RUNNING),
    ("start", "already running"): _met(RUNNING, DYING),
    ("start", "has stopped"): _met(STOPPED, DYING),
    ("start", "still being created"): _met(CREATING),
    ("kill", ""): ({CREATED: DYING, RUNNING: DYING, DYING: DYING},),
    ("kill", "not running"): _met(STOPPED, DYING, CREATING),
    ("delete", ""): ({CREATED: DYING, DYING: DYING, STOPPED: STOPPED}, {STOPPED: ABSENT}),
    ("delete", "not stopped: running"): _met(RUNNING, DYING),
    ("delete", "not stopped: creating"): _met(CREATING),
    ("delete --force", ""): (
        {ABSENT: ABSENT, CREATING: STOPPED, CREATED: DYING, RUNNING: DYING, DYING: DYING, STOPPED: STOPPED},
        {ABSENT: ABSENT, STOPPED: ABSENT},
    ),
    ("exec", ""): _met(CREATED, RUNNING, DYING),
    ("exec", "stopped container"): _met(STOPPED, DYING),
    ("exec", "still being created"): _met(CREATING),
    ("exec", "unable to start"): _met(DYING, STOPPED, ABSENT),
    ("state", "created"): _met(CREATED, DYING),
    ("state", "running"): _met(RUNNING, DYING),
    ("state", "stopped"): _met(STOPPED, DYING),
    ("state", "creating"): _met(CREATING),
    **{(command, MISSING): _met(ABSENT) for command in ("start", "kill", "delete", "exec", "state")},
}


class Event(NamedTuple):
    """One command: when it began and ended, what it was, and what it answered, a key of ANSWERS."""

    begin: float
    end: float
    command: str
    answer: str


def steps(event: Event) -> Steps:
    """What the model says of the event. Raises KeyError for an answer nobody should get."""
    return ANSWERS[event.command, event.answer]


def explain(events: list[Event]) -> str:
    """Why no order explains *events*: how far one gets; empty if there is one. The container is absent at first."""
    ordered = sorted(events)
    start = (0, frozenset[tuple[int, int]](), ABSENT)
    seen, waiting, furthest = {start}, [start], 0
    while waiting:
        first, taken, status = waiting.pop()
        furthest = max(furthest, first)
        if first == len(ordered):
            return ""
        for following in _moves(ordered, first, taken, status):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    around = "\n".join(map(str, ordered[max(0, furthest - 12) : furthest + 12]))
    return f"nothing explains {ordered[furthest]} among\n{around}"


def _moves(ordered: list[Event], first: int, taken: Taken, status: str) -> Iterator[tuple[int, Taken, str]]:
    """What may happen next. *taken* are steps of the events from *first* on that happened already."""
    done = dict(taken)
    if status == DYING:
        yield first, taken, STOPPED
    horizon = min(event.end for at, event in enumerate(ordered[first:], first) if done.get(at, 0) < len(steps(event)))
    for at in range(first, len(ordered)):
        event = ordered[at]
        if event.begin > horizon:
            break
        step = done.get(at, 0)
        if step == len(steps(event)):
            continue
        if (leaves := steps(event)[step].get(status)) is not None:
            yield _advance(ordered, first, {**done, at: step + 1}, leaves)


def _advance(ordered: list[Event], first: int, done: dict[int, int], status: str) -> tuple[int, Taken, str]:
    while first < len(ordered) and done.get(first, 0) == len(steps(ordered[first])):
        done.pop(first)
        first += 1
    return first, frozenset(done.items()), status
