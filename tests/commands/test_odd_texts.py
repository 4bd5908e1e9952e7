"""Texts that no encoding has, and texts as long as nobody expects: one line says what is wrong, or all goes well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.container import Container

HALF = "\udcff"
"""Half a surrogate pair: JSON can say it, UTF-8 cannot; Python uses it for a byte that is no UTF-8."""

pytestmark = [pytest.mark.needs("root")]


def test_bundle_may_lie_where_a_name_is_no_utf_8(container: Container, place: Path) -> None:
    moved = place / os.fsdecode(b"b\xff")
    container.bundle.path.rename(moved)
    container.bundle.path, container.bundle.rootfs = moved, moved / "rootfs"
    container.up()

    assert json.loads(container.runtime("state", container.id).ok().stdout)["status"] == "running"


@pytest.mark.clause("annotations.unknown", "state.annotations")
@pytest.mark.differs("Go reads it as U+FFFD")
def test_annotation_comes_back_as_it_was(container: Container) -> None:
    container.bundle.config["annotations"] = {HALF: f"é{HALF}"}
    container.up()

    assert container.state()["annotations"] == {HALF: f"é{HALF}"}


@pytest.mark.clause("general.broken-configurations")
@pytest.mark.differs("Go reads it as U+FFFD")
@pytest.mark.parametrize("where", ["cwd", "args", "mount", "root"])
def test_name_of_a_file_is_told_with_an_escape(container: Container, where: str) -> None:
    match where:
        case "cwd":
            (container.bundle.rootfs / HALF).touch()
            container.bundle.process["cwd"] = f"/{HALF}/x"
        case "args":
            container.bundle.args(f"/none{HALF}")
        case "mount":
            container.bundle.mount("/mnt", "bind", f"/none{HALF}", "bind")
        case "root":
            container.bundle.config["root"]["path"] = HALF

    assert "\\udcff" in container.create().failed().stderr


@pytest.mark.clause("general.broken-configurations")
@pytest.mark.parametrize("where", ["cwd", "args", "mount", "sysctl"])
def test_long_text_is_told_in_short(container: Container, where: str) -> None:
    long = "x" * 300_000
    match where:
        case "cwd":
            container.bundle.process["cwd"] = f"/{long}"
        case "args":
            container.bundle.args(f"/{long}")
        case "mount":
            container.bundle.mount("/mnt", "bind", f"/{long}", "bind")
        case "sysctl":
            container.bundle.linux["sysctl"] = {f"net.{long}": "1"}

    result = container.create().failed()

    assert "xxx" in result.stderr
    assert "internal error" not in result.stderr


@pytest.mark.clause("general.warnings-change-nothing")
def test_long_warning_changes_nothing(container: Container) -> None:
    container.bundle.process["capabilities"]["bounding"] = [f"CAP_{number:020}" for number in range(10_000)]

    assert container.output("echo alive") == "alive"
