"""What ``state`` and ``features`` print agrees with the schemas in spec/."""

from __future__ import annotations

import json

import jsonschema
import pytest

from pyoci.config import schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.container import Container
    from tests.support.runtime import Runtime


def mistakes(name: str, text: str) -> list[str]:
    """What the schema *name* finds wrong with the document in *text*."""
    return [error.message for error in jsonschema.Draft202012Validator(schema.load(name)).iter_errors(json.loads(text))]


@pytest.mark.clause("state.fields", "state.extra-fields")
def test_state_agrees_with_its_schema_when_created_running_paused_and_stopped(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()
    for command in ("", "start", "pause", "resume", "kill"):
        if command:
            container.runtime(command, container.id, *(["KILL"] if command == "kill" else [])).ok()
        if command == "kill":
            container.wait_for_status("stopped")
        text = container.runtime("state", container.id).ok().stdout
        assert mistakes("state", text) == []
        assert {"rootfs", "created", "owner"} <= json.loads(text).keys()
    assert json.loads(text)["pid"] == 0


@pytest.mark.clause("features.schema")
@pytest.mark.differs("other runtimes list what the specification does not know")
def test_features_agree_with_their_schema_when_printed(runtime: Runtime) -> None:
    assert mistakes("features", runtime("features").ok().stdout) == []
