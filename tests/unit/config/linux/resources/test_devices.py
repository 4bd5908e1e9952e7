from __future__ import annotations

import pytest

from pyoci.config.linux.resources import Resources, device_changes, device_settings, devices, settings
from pyoci.errors import ConfigError, Unsupported

DEFAULT = [
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
    "c 136:* rwm", "c 10:200 rwm",
]


def written(*rules):
    resources = Resources.read({"devices": list(rules)})
    return list(device_settings(resources, lambda _: 1))


@pytest.mark.clause("linux.resources.devices.default-list", "linux.resources.devices.legacy")
def test_settings_on_v1_forbid_all_but_the_default_devices_when_there_are_no_rules() -> None:
    expected = [("devices.deny", "a"), *[("devices.allow", text) for text in DEFAULT]]
    assert written() == list(device_settings(Resources.read({}), lambda _: 1)) == expected


@pytest.mark.clause("linux.resources.devices.order", "linux.resources.devices.legacy")
def test_settings_on_v1_add_what_is_allowed_and_take_away_what_is_forbidden_again() -> None:
    rules = [
        {"allow": False, "access": "rwm"}, {"allow": True, "type": "b", "major": 8, "minor": 0, "access": "rw"},
        {"allow": True, "type": "b", "major": 9, "minor": 0}, {"allow": False, "type": "b", "major": 8, "access": "w"},
        {"allow": True, "type": "c", "major": 10, "minor": -1, "access": "r"},
    ]
    texts = [text for _, text in written(*rules)]
    assert texts[:4] == ["a", "b 8:0 r", "b 9:0 rwm", "c 10:* r"]


@pytest.mark.clause("linux.resources.devices.legacy", "linux.resources.devices.defaults")
def test_settings_on_v1_list_what_is_forbidden_when_all_is_allowed() -> None:
    rules = [{"allow": True}, {"allow": False, "type": "b", "major": 8, "minor": 0, "access": "rw"},
             {"allow": False, "type": "c", "major": 1, "minor": 3}]
    assert written(*rules) == [("devices.allow", "a"), ("devices.deny", "b 8:0 rw")]


def test_settings_on_v1_split_a_rule_for_all_types_when_it_is_not_for_everything() -> None:
    texts = [text for _, text in written({"allow": True, "major": 9, "access": "r"})]
    assert texts[:3] == ["a", "b 9:* r", "c 9:* r"]


def test_settings_on_v1_refuse_a_hole_in_a_wider_rule() -> None:
    wide, narrow = ({"allow": True, "type": "b", "major": 8}, {"allow": False, "type": "b", "major": 8, "minor": 1})
    with pytest.raises(ConfigError, match=r"linux\.resources\.devices: b 8:1 rwm: cgroup v1 cannot punch a hole"):
        written(wide, narrow)


def test_settings_leave_devices_alone_when_v2() -> None:
    assert list(device_settings(Resources.read({}), lambda _: 2)) == []


def test_other_settings_leave_devices_alone() -> None:
    assert list(settings(Resources.read({}), lambda _: 1)) == []


def test_settings_refuse_when_nothing_can_confine_devices() -> None:
    with pytest.raises(Unsupported, match="this host has no devices controller"):
        list(device_settings(Resources.read({}), lambda _: 0))


@pytest.mark.clause("linux.resources.devices.order", "linux.resources.devices.default-list")
def test_rules_come_after_a_prohibition_and_before_the_defaults() -> None:
    asked = Resources.read({"devices": [{"allow": True, "type": "c", "major": 4, "access": "r"}]}).devices
    assert devices.rules(asked) == [
        (False, "a", -1, -1, "rwm"), (True, "c", 4, -1, "r"), *devices.DEFAULT,
    ]


def changed(before, after, version=1):
    records = [Resources.read({"devices": rules}) for rules in (before, after)]
    return list(device_changes(*records, lambda _: version))


BASE = {"allow": False, "access": "rwm"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([BASE], [BASE], [], id="nothing"),
        pytest.param([], [BASE], [], id="the same in other words"),
        pytest.param([BASE], [BASE, {"allow": True, "type": "c", "major": 10, "minor": 229}],
                     [("devices.allow", "c 10:229 rwm")], id="one more"),
        pytest.param([BASE, {"allow": True, "type": "c", "major": 10, "minor": 229}], [BASE],
                     [("devices.deny", "c 10:229 rwm")], id="one less"),
        pytest.param([{"allow": True, "type": "b", "major": 8, "minor": 0, "access": "rw"}],
                     [{"allow": True, "type": "b", "major": 8, "minor": 0, "access": "rm"}],
                     [("devices.allow", "b 8:0 m"), ("devices.deny", "b 8:0 w")], id="other access"),
        pytest.param([{"allow": True}], [{"allow": True}, {"allow": False, "type": "c", "major": 1, "minor": 11}],
                     [("devices.deny", "c 1:11 rw")], id="one less of all"),
        pytest.param([{"allow": True}], [BASE], [("devices.deny", "a"), *[("devices.allow", text) for text in DEFAULT]],
                     id="none instead of all"),
        pytest.param([BASE], [{"allow": True}], [("devices.allow", "a")], id="all instead of none"),
    ],
)  # fmt: skip
def test_changes_on_v1_touch_nothing_that_stays(before, after, expected) -> None:
    assert changed(before, after) == expected


def test_changes_need_a_devices_controller_on_v1() -> None:
    with pytest.raises(Unsupported, match="this host has no devices controller"):
        changed([BASE], [{"allow": True}], 0)


def test_changes_say_everything_again_where_systemd_was_told() -> None:
    kept, new = ({"allow": False, "type": "b", "major": number, "minor": 0, "access": "rw"} for number in (8, 9))
    before, after = (Resources.read({"devices": [{"allow": True}, *rules]}) for rules in ([kept], [kept, new]))

    assert list(device_changes(before, after, lambda _: 1)) == [("devices.deny", "b 9:0 rw")]
    assert list(device_changes(before, after, lambda _: 1, told=True)) == [
        ("devices.allow", "a"), ("devices.deny", "b 8:0 rw"), ("devices.deny", "b 9:0 rw"),
    ]  # fmt: skip
