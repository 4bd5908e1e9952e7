"""Many commands at once on a few containers: some order of them explains every answer, and none says anything odd."""

from __future__ import annotations

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults import history
from tests.faults.history import Event
from tests.support.container import end_processes, leftovers
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.bundle import Bundle
    from tests.support.runtime import Result, Runtime

_NUMBER = int(os.environ.get("OPERATIONS", "0") or 0) or 300
_AT_ONCE = 16
_CONTAINERS = 4
_COMMANDS = {  # with how often they are chosen
    "create": 6, "start": 4, "state": 3, "list": 2, "exec": 2, "kill": 2, "delete": 4, "delete --force": 1,
}  # fmt: skip
_WORDS = {"create": ["create", "--bundle", "{bundle}", "{id}"], "exec": ["exec", "{id}", "true"],
          "kill": ["kill", "{id}", "KILL"], "delete --force": ["delete", "--force", "{id}"]}  # fmt: skip


class Unexplained(Exception):
    """An answer nobody should get."""


def answer(command: str, result: Result) -> str:
    """What the command says, as the model calls it. Raises Unexplained."""
    if command == "list":
        documents = json.loads(result.ok().stdout) or []
        odd = [entry for entry in documents if ("state", entry["status"]) not in history.ANSWERS]
        if odd or result.stderr:
            raise Unexplained(f"{odd} {result}")
        return ""
    if result.status == 0:
        return str(json.loads(result.stdout)["status"]) if command == "state" else ""
    if command == "exec" and result.status == 137:  # it began, and was killed with the container
        return ""
    known = [text for name, text in history.ANSWERS if name == command and text and text in result.stderr]
    if not known or result.stderr.count("\n") != 1:
        raise Unexplained(str(result))
    return known[0]


@pytest.mark.needs("root")
@pytest.mark.differs("runc has no lock")
@pytest.mark.timeout(3600)
def test_every_answer_is_explained_by_one_order(runtime: Runtime, bundle: Bundle, new_id: Callable[[], str]) -> None:
    bundle.args("sleep", "1000").write()
    batch = new_id()
    names = [f"{batch}.{number}" for number in range(_CONTAINERS)]
    seed = os.environ.get("SEED", "1")
    chosen = random.Random(seed)  # noqa: S311 (no secret)
    plan = [
        (chosen.choice(names), command)
        for command in chosen.choices(list(_COMMANDS), weights=list(_COMMANDS.values()), k=_NUMBER)
    ]

    def execute(step: tuple[str, str]) -> tuple[str, Event]:
        name, command = step
        words = ["list", "--format", "json"] if command == "list" else _WORDS.get(command, [command, "{id}"])
        begin = time.monotonic()
        result = runtime(*(word.format(id=name, bundle=bundle.path) for word in words), timeout=120)
        return name, Event(begin, time.monotonic(), command, answer(command, result))

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            events = list(pool.map(execute, plan))
        unexplained = {
            name: history.explain([event for of, event in events if of == name and event.command != "list"])
            for name in names
        }
    finally:
        for name in names:
            runtime("delete", "--force", name)
    left = {}
    for name in names:
        try:
            wait_for(lambda: not leftovers(runtime, name), seconds=5)  # noqa: B023 (called at once)
        except AssertionError:
            left[name] = leftovers(runtime, name)
            end_processes(name)

    assert "\n".join(unexplained.values()).strip() == ""
    assert left == {}


def test_the_model_knows_a_lost_container() -> None:
    lost = [Event(0, 1, "create", ""), Event(2, 3, "state", history.MISSING)]

    assert "nothing explains" in history.explain(lost)


def test_the_model_knows_a_container_given_twice() -> None:
    twice = [Event(0, 2, "create", ""), Event(1, 3, "create", "")]

    assert "nothing explains" in history.explain(twice)


def test_the_model_lets_overlapping_commands_happen_in_either_order() -> None:
    overlapping = [Event(0, 1, "create", ""), Event(2, 5, "delete", ""), Event(3, 4, "state", "created")]

    assert history.explain(overlapping) == ""
