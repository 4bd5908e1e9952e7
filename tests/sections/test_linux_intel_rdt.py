"""linux.intelRdt where there is no resctrl; what is done with one, tests/unit/config/linux/test_intel_rdt.py shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import abilities
from tests.support.container import Container

pytestmark = pytest.mark.needs("root")


@pytest.fixture(autouse=True)
def no_resctrl() -> None:
    """Skip where there is one: it might be in use."""
    if abilities.has("resctrl"):
        pytest.skip("resctrl is mounted here")


@pytest.mark.clause("linux.intel-rdt.unmounted")
@pytest.mark.parametrize(
    "intel_rdt",
    [{}, {"closID": "/"}, {"closID": "web", "schemata": ["MB:0=20"]}, {"enableMonitoring": True}],
    ids=["empty", "default", "named", "monitoring"],
)  # fmt: skip
@pytest.mark.differs("runc 1.1 words it otherwise, and ignores what it does not know")
def test_is_an_error_without_resctrl(container: Container, intel_rdt: dict[str, Any]) -> None:
    container.bundle.linux["intelRdt"] = intel_rdt

    container.create().failed("Intel RDT is not available: no resctrl filesystem is mounted")


@pytest.mark.clause("linux.intel-rdt.untouched")
@pytest.mark.parametrize("intel_rdt", [None, ...], ids=["null", "absent"])
def test_nothing_is_needed_when_it_is_not_given(container: Container, intel_rdt: object) -> None:
    if intel_rdt is None:
        container.bundle.linux["intelRdt"] = None

    assert container.output("echo alive") == "alive"


@pytest.mark.clause("linux.intel-rdt.clos-id.path")
@pytest.mark.parametrize("name", [".", "..", "a/b", "/a"])
@pytest.mark.differs("runc 1.1 looks for resctrl first")
def test_class_is_one_name(container: Container, name: str) -> None:
    container.bundle.linux["intelRdt"] = {"closID": name}

    container.create().failed("linux.intelRdt.closID")
