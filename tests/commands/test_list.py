"""``list``: the containers below the root directory."""

from __future__ import annotations

import json

import pytest

from tests.support.container import Container
from tests.support.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def test_prints_a_table(container: Container) -> None:
    container.up()

    header, row = container.runtime("list").ok().stdout.splitlines()

    assert header.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    state = container.state()
    assert row.split()[:3] == [container.id, str(state["pid"]), "running"]
    assert row.split()[3:5] == [state["bundle"], state["created"]]
    assert row.split()[5:] == ["root"]


def test_prints_only_the_header_without_containers(runtime: Runtime) -> None:
    assert runtime("list").ok().stdout.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]


@pytest.mark.parametrize("option", [["--format", "json"], ["--format=json"], ["-f", "json"]], ids=" ".join)
def test_prints_json(new_container: Callable[[], Container], runtime: Runtime, option: list[str]) -> None:
    first, second = new_container(), new_container()
    first.create().ok()
    second.up()

    found = {entry["id"]: entry for entry in json.loads(runtime("list", *option).ok().stdout)}

    assert set(found) == {first.id, second.id}
    for container in (first, second):
        entry, state = found[container.id], container.state()
        assert {key: entry[key] for key in ("pid", "status", "bundle", "rootfs", "created")} == {
            key: state[key] for key in ("pid", "status", "bundle", "rootfs", "created")
        }


def test_prints_null_without_containers(runtime: Runtime) -> None:
    assert runtime("list", "--format", "json").ok().output == "null"


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_prints_ids_alone(new_container: Callable[[], Container], runtime: Runtime, option: str) -> None:
    containers = [new_container(), new_container()]
    for container in containers:
        container.create().ok()

    assert runtime("list", option).ok().stdout.split() == sorted(container.id for container in containers)


def test_shows_a_stopped_container_with_pid_0(container: Container) -> None:
    container.run("--keep").ok()

    assert container.runtime("list").ok().stdout.splitlines()[1].split()[:3] == [container.id, "0", "stopped"]


def test_refuses_an_unknown_format(runtime: Runtime) -> None:
    runtime("list", "--format", "yaml").failed("invalid format")


def test_passes_over_what_is_no_container(container: Container) -> None:
    container.create().ok()
    (container.runtime.root / "stray-file").write_text("")

    assert container.runtime("list", "-q").ok().stdout.split() == [container.id]
