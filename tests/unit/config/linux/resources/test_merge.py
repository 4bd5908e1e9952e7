from __future__ import annotations

import pytest

from pyoci.config.linux.resources import Resources, merge, settings
from pyoci.errors import ConfigError


def merged(before, asked):
    return merge.merged(Resources.read(before), Resources.read(asked))


def written(before, asked, version=2):
    after = merged(before, asked)
    return list(settings(merge.to_write(Resources.read(asked), after), lambda _: version))


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        pytest.param({}, {}, {}, id="nothing"),
        pytest.param({"cpu": {"shares": 5}}, {}, {"cpu": {"shares": 5}}, id="what is not named stays"),
        pytest.param({"cpu": {"shares": 5, "quota": 7}}, {"cpu": {"quota": -1}}, {"cpu": {"shares": 5, "quota": -1}},
                     id="one of two"),
        pytest.param({}, {"pids": {"limit": 0}}, {"pids": {"limit": 0}}, id="0 is a limit of processes"),
        pytest.param({"pids": {"limit": 5}}, {"pids": {}}, {"pids": {"limit": 5}}, id="an empty section"),
        pytest.param(
            {"memory": {"limit": 9, "reservation": 3}, "cpu": {"shares": 5, "cpus": "0"}, "blockIO": {"weight": 10}},
            {"memory": {"limit": 0, "swap": 0, "reservation": 0, "kernel": 0},
             "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""}, "blockIO": {"weight": 0}},
            {"memory": {"limit": 9, "reservation": 3}, "cpu": {"shares": 5, "cpus": "0"}, "blockIO": {"weight": 10}},
            id="what docker sends for no change"),
        pytest.param({"cpu": {"burst": 5, "idle": 1}}, {"cpu": {"burst": 0, "idle": 0}},
                     {"cpu": {"burst": 0, "idle": 0}}, id="0 is a burst and an idle"),
        pytest.param({"memory": {"disableOOMKiller": True}}, {"memory": {"disableOOMKiller": False}},
                     {"memory": {"disableOOMKiller": False}}, id="false is an answer"),
        pytest.param({"memory": {"limit": 9, "swap": 12}}, {"memory": {"limit": -1}}, {"memory": {"limit": -1}},
                     id="no limit of memory is none of swap either"),
        pytest.param({"memory": {"limit": 9, "swap": 12}}, {"memory": {"limit": -1, "swap": 5}},
                     {"memory": {"limit": -1, "swap": 5}}, id="unless swap is named"),
        pytest.param(
            {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 20, "leafWeight": 30}],
                         "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}]}},
            {"blockIO": {"weightDevice": [{"major": 8, "minor": 1, "weight": 40},
                                          {"major": 8, "minor": 0, "weight": 50}],
                         "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 0}],
                         "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 7}]}},
            {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 50, "leafWeight": 30},
                                          {"major": 8, "minor": 1, "weight": 40}],
                         "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 0}],
                         "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 7}]}},
            id="devices take each other's place"),
        pytest.param({"hugepageLimits": [{"pageSize": "2MB", "limit": 5}]},
                     {"hugepageLimits": [{"pageSize": "1GB", "limit": 1}, {"pageSize": "2MB", "limit": 0}]},
                     {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}, {"pageSize": "1GB", "limit": 1}]},
                     id="page sizes"),
        pytest.param({"network": {"classID": 5, "priorities": [{"name": "a", "priority": 1}]}},
                     {"network": {"priorities": [{"name": "b", "priority": 2}]}},
                     {"network": {"classID": 5,
                                  "priorities": [{"name": "a", "priority": 1}, {"name": "b", "priority": 2}]}},
                     id="interfaces"),
        pytest.param({"rdma": {"a": {"hcaHandles": 1}}}, {"rdma": {"a": {"hcaObjects": 2}, "b": {"hcaHandles": 3}}},
                     {"rdma": {"a": {"hcaHandles": 1, "hcaObjects": 2}, "b": {"hcaHandles": 3}}}, id="rdma"),
        pytest.param({"unified": {"memory.high": "1", "pids.max": "3"}}, {"unified": {"memory.high": "2"}},
                     {"unified": {"memory.high": "2", "pids.max": "3"}}, id="unified"),
        pytest.param({"devices": [{"allow": True, "major": 1}]}, {"devices": [{"allow": True, "major": 2}]},
                     {"devices": [{"allow": True, "major": 2}]}, id="rules are replaced as a whole"),
        pytest.param({"devices": [{"allow": True, "major": 1}]}, {"devices": []},
                     {"devices": [{"allow": True, "major": 1}]}, id="no rules are no change"),
    ],
)  # fmt: skip
def test_merged(before, asked, after) -> None:
    assert merged(before, asked) == Resources.read(after)


@pytest.mark.parametrize(
    ("before", "asked", "place"),
    [
        pytest.param({"memory": {"swap": 10}}, {"memory": {"limit": 11}}, "memory.swap", id="memory above swap"),
        pytest.param({"memory": {"limit": 10}}, {"memory": {"swap": 9}}, "memory.swap", id="swap below memory"),
        pytest.param({"cpu": {"burst": 10}}, {"cpu": {"quota": 9}}, "cpu.burst", id="quota below burst"),
    ],
)
def test_merged_refuses_what_contradicts_what_is_there(before, asked, place) -> None:
    with pytest.raises(ConfigError) as caught:
        merged(before, asked)
    assert caught.value.field == place


@pytest.mark.parametrize(
    ("before", "asked", "expected"),
    [
        pytest.param({"cpu": {"period": 50000}}, {"cpu": {"quota": 7}}, [("cpu.max", "7 50000")], id="quota alone"),
        pytest.param({"cpu": {"quota": 7}}, {"cpu": {"period": 50000}}, [("cpu.max", "7 50000")], id="period alone"),
        pytest.param({"cpu": {"quota": 7, "shares": 2}}, {"cpu": {"cpus": "0"}}, [("cpuset.cpus", "0")],
                     id="what has nothing to do with it is left alone"),
        pytest.param({"memory": {"limit": 10, "swap": 30}}, {"memory": {"limit": 20}},
                     [("memory.swap.max", "10"), ("memory.max", "20")], id="the sum of memory and swap stays"),
        pytest.param({"memory": {"limit": 10}}, {"memory": {"swap": 30}},
                     [("memory.swap.max", "20"), ("memory.max", "10")], id="swap alone"),
        pytest.param({"memory": {"limit": 10, "swap": 30}}, {"memory": {"reservation": 5}}, [("memory.low", "5")],
                     id="a reservation"),
        pytest.param({"memory": {"limit": 10, "swap": 30}}, {"memory": {"limit": -1}},
                     [("memory.swap.max?", "max"), ("memory.max", "max")], id="no limit"),
        pytest.param({"cpu": {"shares": 1024, "idle": 1}}, {"cpu": {"idle": 0}},
                     [("cpu.weight", "100"), ("cpu.idle", "0")], id="shares count again when it is no longer idle"),
        pytest.param({"unified": {"memory.high": "1"}}, {"unified": {"memory.min": "2"}}, [("memory.min", "2")],
                     id="unified"),
        pytest.param({}, {"devices": [{"allow": True}]}, [], id="rules about devices are no settings here"),
    ],
)  # fmt: skip
def test_to_write_on_v2(before, asked, expected) -> None:
    assert written(before, asked) == expected


def test_to_write_on_v1_changes_only_what_was_asked_for() -> None:
    before = {"cpu": {"quota": 7, "period": 1000, "shares": 9}, "memory": {"limit": 5}, "pids": {"limit": 3}}
    assert written(before, {"pids": {"limit": -1}, "cpu": {"quota": -1}}, 1) == [
        ("cpu.cfs_period_us", "1000"), ("cpu.cfs_quota_us", "-1"), ("pids.max", "max"),
    ]  # fmt: skip
