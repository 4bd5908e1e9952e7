from __future__ import annotations

import pytest

from pyoci.config.process.capabilities import SETS, Capabilities, grant

ALL = dict.fromkeys(SETS, frozenset(range(41)))
CHOWN, KILL = 0, 5
NONE = frozenset[int]()


def granted(ours=ALL, **wanted):
    given, warnings = grant(Capabilities(**wanted), ours)
    return {name: set(numbers) for name, numbers in given.items() if numbers}, warnings


@pytest.mark.clause("process.capabilities.exec")
def test_grant_gives_only_what_is_listed():
    """Nothing moves from one set into another: an inheritable set that grew was CVE-2022-29162."""
    assert granted(bounding=("CAP_CHOWN",), permitted=("CAP_CHOWN",), effective=("CAP_CHOWN",)) == (
        {"bounding": {CHOWN}, "permitted": {CHOWN}, "effective": {CHOWN}},
        [],
    )


def test_grant_gives_nothing_when_the_object_is_empty():
    assert granted() == ({}, [])


@pytest.mark.parametrize("name", ["CAP_NEW", "chown", "cap_chown", "CHOWN", "", "CAP_CHOWN "])
@pytest.mark.clause("process.capabilities.unknown")
def test_grant_warns_of_a_name_it_does_not_know(name):
    assert granted(bounding=(name, "CAP_KILL")) == (
        {"bounding": {KILL}},
        [f"process.capabilities.bounding: ignoring unknown or unavailable capabilities: [{name}]"],
    )


@pytest.mark.parametrize(
    ("wanted", "ours", "left"),
    [
        pytest.param({"bounding": ("CAP_KILL",)}, {"bounding": NONE}, {}, id="not in our bounding set"),
        pytest.param({"permitted": ("CAP_KILL",)}, {"permitted": NONE}, {}, id="not ours"),
        pytest.param({"effective": ("CAP_KILL",)}, {}, {}, id="effective needs permitted"),
        pytest.param({"inheritable": ("CAP_KILL",)}, {"inheritable": NONE}, {}, id="inheritable needs bounding"),
        pytest.param({"inheritable": ("CAP_KILL",)}, {}, {"inheritable": {KILL}}, id="inheritable already"),
        pytest.param(
            {"inheritable": ("CAP_KILL",), "bounding": ("CAP_KILL",)},
            {"inheritable": NONE},
            {"inheritable": {KILL}, "bounding": {KILL}},
            id="inheritable from the bounding set",
        ),
        pytest.param(
            {"ambient": ("CAP_KILL",), "permitted": ("CAP_KILL",)}, {}, {"permitted": {KILL}}, id="not inheritable"
        ),
        pytest.param(
            {"ambient": ("CAP_KILL",), "inheritable": ("CAP_KILL",)}, {}, {"inheritable": {KILL}}, id="not permitted"
        ),
    ],
)
@pytest.mark.clause("process.capabilities.ambient")
def test_grant_stays_within_what_the_kernel_would_allow(wanted, ours, left):
    given, warnings = granted({**ALL, **ours}, **wanted)
    assert (left, len(wanted) - len(left)) == (given, len(warnings))
