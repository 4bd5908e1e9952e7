"""process.ioPriority."""

from __future__ import annotations

import pytest

from tests.support.container import Container

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any


pytestmark = pytest.mark.differs("runc knows it since 1.2")


@pytest.mark.clause("process.io-priority.applied")
@pytest.mark.parametrize(
    ("kind", "priority", "seen"),
    [
        ("IOPRIO_CLASS_BE", 0, "best-effort: prio 0"),
        ("IOPRIO_CLASS_BE", 7, "best-effort: prio 7"),
        ("IOPRIO_CLASS_RT", 3, "realtime: prio 3"),
        ("IOPRIO_CLASS_IDLE", 0, "idle"),
    ],
)
def test_io_priority_is_in_effect(container: Container, kind: str, priority: int, seen: str) -> None:
    container.bundle.process["ioPriority"] = {"class": kind, "priority": priority}

    assert container.output("ionice -p 1").startswith(seen)


@pytest.mark.clause("process.io-priority.range")
@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"class": "IOPRIO_CLASS_NONE", "priority": 0}, "class"),
        ({"class": "IOPRIO_CLASS_BE", "priority": 8}, "priority"),
        ({"class": "IOPRIO_CLASS_BE", "priority": -1}, "priority"),
        ({"class": "IOPRIO_CLASS_BE"}, "priority"),
        ({"priority": 1}, "class"),
    ],
)
def test_io_priority_is_checked(container: Container, value: dict[str, Any], field: str) -> None:
    container.bundle.process["ioPriority"] = value

    container.create().failed(f"process.ioPriority.{field}")
