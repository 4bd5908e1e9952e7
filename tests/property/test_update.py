"""What holds for every update: of the resources remembered, of the device rules of v1, of what is put back."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyoci.cgroups import inverse
from pyoci.cli.update import size
from pyoci.config.linux.resources import Resources, devices, merge
from pyoci.errors import ConfigError

AMOUNTS = st.sampled_from([-1, 0, 1, 5, 2**40])
NATURAL = st.sampled_from([0, 1, 5, 2**40])


def section(**properties):
    """Any of the properties, or none."""
    return st.fixed_dictionaries({}, optional=properties)


def entries(**properties):
    return st.lists(st.fixed_dictionaries(properties), max_size=3)


DEVICE = {"major": st.sampled_from([8, 9]), "minor": st.sampled_from([0, 1])}
RESOURCES = section(
    memory=section(limit=AMOUNTS, swap=AMOUNTS, reservation=AMOUNTS, swappiness=st.sampled_from([0, 100]),
                   disableOOMKiller=st.booleans(), checkBeforeUpdate=st.booleans()),
    cpu=section(shares=NATURAL, quota=AMOUNTS, period=NATURAL, burst=NATURAL, idle=st.sampled_from([0, 1]),
                cpus=st.sampled_from(["", "0", "0-1"])),
    pids=section(limit=AMOUNTS),
    blockIO=section(weight=st.sampled_from([0, 10, 1000]), throttleReadBpsDevice=entries(**DEVICE, rate=NATURAL),
                    weightDevice=entries(**DEVICE, weight=st.sampled_from([10, 20]))),
    hugepageLimits=entries(pageSize=st.sampled_from(["2MB", "1GB"]), limit=NATURAL),
    network=section(classID=NATURAL.filter(lambda number: number < 2**32),
                    priorities=entries(name=st.sampled_from(["a", "b"]), priority=st.integers(0, 9))),
    rdma=st.dictionaries(st.sampled_from("xy"), st.fixed_dictionaries({"hcaHandles": st.integers(0, 9)}), max_size=2),
    unified=st.dictionaries(st.sampled_from(["memory.high", "pids.max"]), st.sampled_from(["1", "max"])),
    devices=st.lists(st.fixed_dictionaries({"allow": st.booleans(), "major": st.integers(1, 3)}), max_size=2),
)  # fmt: skip


def read(document):
    try:
        return Resources.read(document)
    except ConfigError:
        assume(False)  # it contradicts itself
        raise


def merged(before, asked):
    try:
        return merge.merged(before, asked)
    except ConfigError:
        assume(False)  # they contradict each other
        raise


@given(RESOURCES)
def test_record_describes_itself(document) -> None:
    record = read(document)

    assert record.document() == document
    assert Resources.read(record.document()) == record


@given(RESOURCES)
def test_update_without_anything_changes_nothing(document) -> None:
    before = read(document)

    assert merged(before, Resources()) == before
    assert merge.to_write(Resources(), before) == Resources()


@given(RESOURCES, RESOURCES)
def test_the_same_update_again_changes_nothing(before, asked) -> None:
    update = read(asked)
    once = merged(read(before), update)

    assert merged(once, update) == once


@given(RESOURCES, RESOURCES)
def test_what_is_asked_for_is_written_and_what_is_written_is_remembered(before, asked) -> None:
    update = read(asked)
    after = merged(read(before), update)
    written = merge.to_write(update, after)

    for name, value in merge.given(update).items():
        if name in {"memory", "cpu", "pids"}:
            assert merge.given(value).items() <= vars(getattr(written, name)).items()
            assert vars(getattr(written, name)).items() <= vars(getattr(after, name)).items()


RULES = st.lists(
    st.builds(
        devices.Device, allow=st.booleans(), type=st.sampled_from("abc"), major=st.sampled_from([-1, 1, 8]),
        minor=st.sampled_from([-1, 0, 3]), access=st.sampled_from(["r", "w", "rw", "rwm"]),
    ),
    max_size=5,
).map(tuple)  # fmt: skip


def exceptions(rules):
    try:
        return devices.exceptions_from_rules(devices.rules(rules))
    except ConfigError:
        assume(False)  # v1 cannot express it
        raise


def applied(state, settings):
    """The default and the exceptions the kernel has after *settings* (devcgroup_update_access)."""
    default, kept = state[0], dict(state[1])
    for name, value in settings:
        if value == "a":
            default, kept = name == "devices.allow", {}
            continue
        device, _, access = value.rpartition(" ")
        letters = set(kept.get(device, ""))
        letters = letters | set(access) if (name == "devices.allow") != default else letters - set(access)
        kept[device] = letters
    return default, {device: set(letters) for device, letters in kept.items() if letters}


def state_of(rules):
    default, found = exceptions(rules)
    return default, {devices._text(device): set(access) for device, access in found.items()}


@given(RULES, RULES)
def test_changes_of_device_rules_lead_from_the_old_ones_to_the_new_ones(before, after) -> None:
    changes = list(devices.legacy_change(before, after)) if exceptions(before) and exceptions(after) else []

    assert applied(state_of(before), changes) == state_of(after)


@given(RULES, RULES)
def test_changes_of_device_rules_never_forbid_what_both_allow(before, after) -> None:
    (default, old), (allow, new) = state_of(before), state_of(after)
    assume(default == allow)
    state = (default, old)

    for change in devices.legacy_change(before, after):
        state = applied(state, [change])
        for device in old.keys() & new.keys():
            assert old[device] & new[device] <= state[1][device]


FILES = st.dictionaries(
    st.sampled_from(["8:0", "8:16", "254:0"]),
    st.fixed_dictionaries({name: st.sampled_from(["max", "1", "999"]) for name in ("rbps", "wbps", "riops", "wiops")}),
)


def io_max(limits):
    """The file io.max, which lists devices with a limit."""
    lines = [f"{device} {' '.join(f'{name}={value}' for name, value in values.items())}"
             for device, values in limits.items() if set(values.values()) != {"max"}]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


@given(FILES, st.sampled_from(["8:0", "8:16"]), st.sampled_from(["rbps=7", "wiops=max", "rbps=5 wbps=6"]))
def test_inverse_puts_a_device_back(limits, device, change) -> None:
    def write(state, value):
        key, _, items = value.partition(" ")
        none = dict.fromkeys(("rbps", "wbps", "riops", "wiops"), "max")
        return {**state, key: {**state.get(key, none), **dict(item.split("=") for item in items.split())}}

    undo = inverse.of(io_max(limits), "io.max", f"{device} {change}")

    assert sorted(io_max(write(write(limits, f"{device} {change}"), undo)).splitlines()) == sorted(
        io_max(limits).splitlines()
    )


_SIZE = re.compile(r"(\d+)(?:\.(\d+))? ?([kmgtp])?i?b?", re.ASCII | re.IGNORECASE)


@given(st.from_regex(_SIZE, fullmatch=True) | st.text("0123456789.kKmMgib -+x", max_size=8))
def test_size_is_what_gos_units_say(text) -> None:
    match = _SIZE.fullmatch(text)
    if match:
        whole, fraction, unit = match.groups()
        scale = 1024 ** (1 + "kmgtp".index(unit.lower())) if unit else 1
        assert size(text) == int(whole + (fraction or "")) * scale // 10 ** len(fraction or "")
    elif text != "-1":
        with pytest.raises(ValueError, match="invalid size"):
            size(text)
