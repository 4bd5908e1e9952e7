"""Settings, rules and annotations as systemd's properties."""

from __future__ import annotations

import pytest

from pyoci.cgroups import unit_properties
from pyoci.cgroups.unit_properties import INFINITY
from pyoci.errors import ConfigError

NEW, OLD = 257, 239
DENY_ALL = (False, "a", -1, -1, "rwm")


def properties(*settings: tuple[str, str], version: int = NEW) -> dict[str, tuple[str, object]]:
    return dict(unit_properties.from_settings(settings, version))


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        pytest.param(("memory.max", "67108864"), "MemoryMax", ("t", 67108864), id="memory"),
        pytest.param(("memory.max", "max"), "MemoryMax", ("t", INFINITY), id="no limit"),
        pytest.param(("memory.swap.max?", "0"), "MemorySwapMax", ("t", 0), id="swap, where there is any"),
        pytest.param(("memory.limit_in_bytes", "-1"), "MemoryLimit", ("t", INFINITY), id="v1, no limit"),
        pytest.param(("cpu.weight", "59"), "CPUWeight", ("t", 59), id="weight"),
        pytest.param(("cpu.shares", "512"), "CPUShares", ("t", 512), id="shares"),
        pytest.param(("cpu.idle", "1"), "CPUWeight", ("t", 0), id="idle"),
        pytest.param(("cpu.idle", "0"), "CPUWeight", ("t", INFINITY), id="no longer idle"),
        pytest.param(("memory.zswap.max", "4096"), "MemoryZSwapMax", ("t", 4096), id="compressed swap"),
        pytest.param(("io.bfq.weight|io.weight", "100|default 910"), "IOWeight", ("t", 910), id="one of two files"),
        pytest.param(("pids.max", "max"), "TasksMax", ("t", INFINITY), id="any number of tasks"),
        pytest.param(("pids.max", "0"), "TasksMax", ("t", 1), id="no task, which systemd does not know"),
        pytest.param(("cpuset.cpus", "0,2-3,9"), "AllowedCPUs", ("ay", b"\x0d\x02"), id="processors"),
        pytest.param(("cpuset.mems", "0"), "AllowedMemoryNodes", ("ay", b"\x01"), id="memory nodes"),
    ],
)
def test_settings_have_a_property(setting: tuple[str, str], name: str, value: tuple[str, object]) -> None:
    assert properties(setting) == {name: value}


@pytest.mark.parametrize("name", ["hugetlb.2MB.max", "rdma.max", "memory.oom.group", "net_cls.classid"])
def test_settings_systemd_does_not_know_are_left_out(name: str) -> None:
    assert properties((name, "1")) == {}


@pytest.mark.parametrize("setting", [("io.bfq.weight|io.weight", "8:0 500|8:0 4950"), ("io.weight", "8:0 100")])
def test_weights_of_one_device_are_not_those_of_the_unit(setting: tuple[str, str]) -> None:
    assert properties(setting) == {}


def test_a_weight_holds_when_it_is_no_longer_idle() -> None:
    assert properties(("cpu.weight", "59"), ("cpu.idle", "0")) == {"CPUWeight": ("t", 59)}


@pytest.mark.parametrize(
    "setting", [("cpuset.cpus", "0"), ("cpuset.mems", "0"), ("cpu.idle", "1"), ("memory.zswap.max", "0")]
)
def test_settings_an_old_systemd_does_not_know_are_left_out(setting: tuple[str, str]) -> None:
    assert properties(setting, version=OLD) == {}


@pytest.mark.parametrize(
    ("quota", "period", "per_second"),
    [(20_000, 100_000, 200_000), (1, 100_000, 10_000), (33_333, 100_000, 340_000), (250_000, 50_000, 5_000_000)],
)
def test_a_quota_is_rounded_up_to_a_hundredth(quota: int, period: int, per_second: int) -> None:
    expected = {"CPUQuotaPerSecUSec": ("t", per_second), "CPUQuotaPeriodUSec": ("t", period)}

    assert properties(("cpu.max", f"{quota} {period}")) == expected
    assert properties(("cpu.cfs_period_us", str(period)), ("cpu.cfs_quota_us", str(quota))) == expected


def test_no_quota_is_infinite() -> None:
    assert properties(("cpu.max", "max 100000"), version=OLD) == {"CPUQuotaPerSecUSec": ("t", INFINITY)}
    assert properties(("cpu.cfs_quota_us", "-1"), version=OLD) == {"CPUQuotaPerSecUSec": ("t", INFINITY)}


def test_device_rules_are_nodes_or_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n"
    monkeypatch.setattr(unit_properties, "read", lambda _path: text)
    rules = [
        (True, "a", -1, -1, "rwm"), DENY_ALL, (True, "c", -1, -1, "m"), (True, "c", 1, 3, "rwm"),
        (True, "c", 136, -1, "rw"), (True, "b", 8, -1, "r"), (False, "c", 1, 3, "w"), (True, "a", 8, 1, "r"),
    ]  # fmt: skip

    assert dict(unit_properties.from_device_rules(rules)) == {
        "DevicePolicy": ("s", "strict"),
        "DeviceAllow": ("a(ss)", [
            ("char-*", "m"), ("/dev/char/1:3", "rm"), ("char-pts", "rw"), ("block-sd", "r"),
            ("/dev/block/8:1", "r"), ("/dev/char/8:1", "r"),
        ]),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("refusal", "left"),
    [
        pytest.param((False, "c", 1, 3, "rwm"), ["/dev/char/1:5"], id="one"),
        pytest.param((False, "c", 1, -1, "rwm"), [], id="a driver's"),
        pytest.param((False, "a", 1, 5, "mrw"), ["/dev/char/1:3"], id="of both kinds"),
        pytest.param((False, "b", -1, -1, "rwm"), ["/dev/char/1:3", "/dev/char/1:5"], id="of the other kind"),
    ],
)
def test_a_refusal_takes_away_what_it_covers(refusal: tuple[bool, str, int, int, str], left: list[str]) -> None:
    rules = [DENY_ALL, (True, "c", 1, 3, "rwm"), (True, "c", 1, 5, "rw"), refusal]

    found = dict(unit_properties.from_device_rules(rules))["DeviceAllow"][1]

    assert [name for name, _ in found] == left  # type: ignore[attr-defined]  # a list of pairs


def test_device_rules_are_none_when_everything_is_allowed() -> None:
    rules = [DENY_ALL, (True, "a", -1, -1, "rwm"), (True, "c", 1, 3, "rwm")]
    assert dict(unit_properties.from_device_rules(rules)) == {
        "DevicePolicy": ("s", "auto"), "DeviceAllow": ("a(ss)", []),
    }  # fmt: skip


def test_device_rules_are_an_exception_for_everything_when_v1_allows_it() -> None:
    rules = [DENY_ALL, (True, "a", -1, -1, "rwm"), (True, "c", 1, 3, "rwm")]
    assert dict(unit_properties.from_device_rules(rules, legacy=True)) == {
        "DevicePolicy": ("s", "strict"), "DeviceAllow": ("a(ss)", [("block-*", "rwm"), ("char-*", "rwm")]),
    }  # fmt: skip


def test_device_rules_take_the_place_of_those_before() -> None:
    found = list(unit_properties.from_device_rules([DENY_ALL, (True, "c", 1, 3, "rwm")]))

    assert [value for name, value in found if name == "DeviceAllow"] == [
        ("a(ss)", []), ("a(ss)", [("/dev/char/1:3", "rwm")]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        pytest.param("KillSignal", "15", ("KillSignal", ("i", 15)), id="a number"),
        pytest.param("KillSignal", "uint32 0x0f", ("KillSignal", ("u", 15)), id="of a type"),
        pytest.param("TimeoutStopUSec", "uint64 5000000", ("TimeoutStopUSec", ("t", 5_000_000)), id="microseconds"),
        pytest.param("TimeoutStopSec", "uint64 5", ("TimeoutStopUSec", ("t", 5_000_000)), id="seconds"),
        pytest.param("TimeoutStopSec", "0.5", ("TimeoutStopUSec", ("t", 500_000)), id="half a second"),
        pytest.param("CollectMode", "'inactive-or-failed'", ("CollectMode", ("s", "inactive-or-failed")), id="a text"),
        pytest.param("SendSIGHUP", "true", ("SendSIGHUP", ("b", True)), id="a boolean"),
        pytest.param("After", "['a.service', 'b.service']", ("After", ("as", ["a.service", "b.service"])), id="a list"),
    ],
)
def test_annotations_are_properties(key: str, text: str, expected: object) -> None:
    assert list(unit_properties.from_annotations({f"org.systemd.property.{key}": text, "other": "x"})) == [expected]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Kill9", "1"), ("ab", "1"), ("Käse", "1"), ("", "1"), ("KillSignal", ""), ("KillSignal", "x"),
        ("After", "[1, 'a']"), ("After", "[]"), ("KillSignal", "uint99 1"), ("TimeoutStopSec", "'soon'"),
        ("TimeoutStopSec", "double nan"), ("TimeoutStopSec", "double inf"), ("After", f"{'[' * 5000}{']' * 5000}"),
    ],
)  # fmt: skip
def test_annotations_that_cannot_be_understood_are_refused(key: str, text: str) -> None:
    with pytest.raises(ConfigError, match=r"annotations\.org\.systemd\.property"):
        list(unit_properties.from_annotations({f"org.systemd.property.{key}": text}))
