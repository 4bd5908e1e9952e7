"""What is read from control files, and that v1 and v2 give the same object."""

from __future__ import annotations

import pytest

from pyoci import cgroups
from pyoci.cgroups import statistics

PSI = "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.25 avg300=0.00 total=5\n"
PSI_READ = {"some": {"avg10": 1.5, "avg60": 0.0, "avg300": 0.0, "total": 77},
            "full": {"avg10": 0.0, "avg60": 0.25, "avg300": 0.0, "total": 5}}  # fmt: skip
FLAGS = dict.fromkeys(statistics.CPUSET_FLAGS, 0)
NO_MEMORY = {"limit": 0, "failcnt": 0}


@pytest.fixture
def on_v1(make_legacy_tree):
    """``on_v1("cpu", cpu__stat="…")``: the statistics of a container with that hierarchy alone."""

    def read(*names, **files):
        tree = make_legacy_tree(*names)
        tree.cgroup("a", **files)
        return statistics.of(cgroups.find("/a", "box", hierarchies=[tree.hierarchy()]))

    return read


@pytest.fixture
def on_v2(unified_tree):
    """``on_v2(cpu__stat="…")``: the statistics of a container on v2."""

    def read(**files):
        unified_tree.cgroup("a", **files)
        return statistics.of(cgroups.find("/a", "box", hierarchies=[unified_tree.hierarchy()]))

    return read


def test_sections_are_as_runc_leaves_them_when_there_is_no_controller(on_v1) -> None:
    assert on_v1("name=systemd") == {
        "cpu": {"usage": {"kernel": 0, "user": 0}, "throttling": {}}, "cpuset": FLAGS,
        "memory": dict.fromkeys(("usage", "swap", "kernel", "kernelTCP"), NO_MEMORY),
        "pids": {}, "blkio": {}, "hugetlb": {},
    }  # fmt: skip


def test_sections_are_as_runc_leaves_them_when_no_controller_of_v2_is_on(on_v2) -> None:
    assert on_v2() == {
        "cpu": {"usage": {"kernel": 0, "user": 0}, "throttling": {}}, "cpuset": FLAGS,
        "memory": dict.fromkeys(("usage", "swap", "kernel", "kernelTCP"), NO_MEMORY),
        "pids": {}, "blkio": {}, "hugetlb": {},
    }  # fmt: skip


def test_cpu_on_v1_is_in_nanoseconds(on_v1) -> None:
    found = on_v1(
        "cpu", "cpuacct", cpu__stat="nr_periods 3\nnr_throttled 2\nthrottled_time 500\n", cpuacct__usage="12345\n",
        cpuacct__usage_percpu="12000 345 \n", cpuacct__usage_all="cpu user system\n0 5000 7000\n1 300 45\n",
        cpuacct__stat="user 3\nsystem 7\n",
    )["cpu"]  # fmt: skip
    assert found == {
        "usage": {"total": 12345, "percpu": [12000, 345], "percpu_kernel": [7000, 45], "percpu_user": [5000, 300],
                  "kernel": 70_000_000, "user": 30_000_000},
        "throttling": {"periods": 3, "throttledPeriods": 2, "throttledTime": 500},
    }  # fmt: skip


def test_cpu_on_v2_is_in_nanoseconds_too(on_v2) -> None:
    text = "usage_usec 12\nuser_usec 5\nsystem_usec 7\nnr_periods 0\nnr_throttled 2\nthrottled_usec 3\n"
    assert on_v2(cpu__stat=text, cpu__pressure=PSI)["cpu"] == {
        "usage": {"total": 12000, "kernel": 7000, "user": 5000},
        "throttling": {"throttledPeriods": 2, "throttledTime": 3000}, "psi": PSI_READ,
    }  # fmt: skip


def test_cpuset_on_v1(on_v1) -> None:
    found = on_v1("cpuset", cpuset__cpus="0-2,5\n", cpuset__mems="0\n", cpuset__sched_load_balance="1\n",
                  cpuset__sched_relax_domain_level="-1\n")["cpuset"]  # fmt: skip
    assert found == {"cpus": [0, 1, 2, 5], "mems": [0], **FLAGS, "sched_load_balance": 1,
                     "sched_relax_domain_level": -1}  # fmt: skip


def test_cpuset_on_v2_is_what_is_in_effect(on_v2) -> None:
    files = {"cpuset__cpus": "\n", "cpuset__cpus__effective": "0-1\n", "cpuset__mems__effective": "0\n"}
    assert on_v2(**files)["cpuset"] == {"cpus": [0, 1], "mems": [0], **FLAGS}


def test_memory_on_v1(on_v1) -> None:
    files = {f"memory__{kind}{name}": f"{number}\n" for kind, base in (("", 0), ("memsw__", 10), ("kmem__", 20))
             for number, name in enumerate(("limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt"), base)}
    found = on_v1("memory", memory__stat="cache 5\nrss 0\n",
                  memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", **files)["memory"]  # fmt: skip
    assert found == {
        "cache": 5, "usage": {"limit": 0, "usage": 1, "max": 2, "failcnt": 3},
        "swap": {"limit": 10, "usage": 11, "max": 12, "failcnt": 13},
        "kernel": {"limit": 20, "usage": 21, "max": 22, "failcnt": 23}, "kernelTCP": NO_MEMORY,
        "raw": {"cache": 5, "rss": 0}, "events": {"oom_kill": 4},
    }  # fmt: skip


def test_memory_on_v2_has_the_shape_of_v1(on_v2) -> None:
    found = on_v2(
        memory__stat="anon 3\nfile 5\n", memory__current="8\n", memory__max="100\n", memory__peak="9\n",
        memory__events="low 0\nhigh 0\nmax 6\noom 1\noom_kill 1\n", memory__swap__current="2\n",
        memory__swap__max="50\n", memory__swap__events="high 0\nmax 7\nfail 0\n", memory__pressure=PSI,
    )["memory"]  # fmt: skip
    assert found == {
        "cache": 5, "usage": {"limit": 100, "usage": 8, "max": 9, "failcnt": 6},
        "swap": {"limit": 150, "usage": 10, "failcnt": 7}, "kernel": NO_MEMORY, "kernelTCP": NO_MEMORY,
        "raw": {"anon": 3, "file": 5}, "events": {"low": 0, "high": 0, "max": 6, "oom": 1, "oom_kill": 1},
        "psi": PSI_READ,
    }  # fmt: skip


@pytest.mark.parametrize(("limit", "swap", "expected"), [
    pytest.param("max", "max", [statistics.UNLIMITED] * 2, id="no limit"),
    pytest.param("max", "0", [statistics.UNLIMITED] * 2, id="no limit of memory"),
    pytest.param("5", "max", [5, statistics.UNLIMITED], id="no limit of swap"),
    pytest.param("5", "", [5, 5], id="no swap accounting"),
])  # fmt: skip
def test_no_limit_on_v2_is_the_largest_number(on_v2, limit, swap, expected) -> None:
    files = {"memory__max": limit} | ({"memory__swap__max": swap} if swap else {})
    found = on_v2(**files)["memory"]
    assert [found["usage"]["limit"], found["swap"]["limit"]] == expected


def test_pids_on_v1_and_v2(on_v1, on_v2) -> None:
    files = {"pids__current": "3\n", "pids__max": "max\n", "pids__peak": "5\n"}
    assert on_v1("pids", **files)["pids"] == on_v2(**files)["pids"] == {"current": 3, "peak": 5}
    assert on_v2(**files | {"pids__max": "9\n"})["pids"]["limit"] == 9


def test_blkio_on_v1_is_the_limits_when_no_scheduler_counts(on_v1) -> None:
    found = on_v1(
        "blkio", blkio__bfq__io_serviced_recursive="Total 0\n",
        blkio__throttle__io_serviced_recursive="8:0 Read 5\n8:0 Total 5\n0:9 Write 0\nTotal 5\n",
        blkio__throttle__io_serviced="8:0 Read 1\n", blkio__bfq__io_service_bytes_recursive="8:1 Read 7\n",
        blkio__sectors_recursive="8:0 12\n",
    )["blkio"]  # fmt: skip
    assert found == {
        "ioServiceBytesRecursive": [{"major": 8, "minor": 1, "op": "Read", "value": 7}],
        "ioServicedRecursive": [{"major": 8, "op": "Read", "value": 5}, {"major": 8, "op": "Total", "value": 5},
                                {"minor": 9, "op": "Write"}],
        "sectorsRecursive": [{"major": 8, "value": 12}],
    }  # fmt: skip


def test_blkio_on_v2_has_bytes_and_operations(on_v2) -> None:
    text = "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:0 rbytes=9\n254:0 \n"
    assert on_v2(io__stat=text, io__pressure=PSI)["blkio"] == {
        "ioServiceBytesRecursive": [
            {"major": 8, "minor": 16, "op": "Read", "value": 1}, {"major": 8, "minor": 16, "op": "Write", "value": 2},
            {"major": 8, "minor": 16, "op": "Discard", "value": 5}, {"major": 8, "op": "Read", "value": 9},
        ],
        "ioServicedRecursive": [
            {"major": 8, "minor": 16, "op": "Read", "value": 3}, {"major": 8, "minor": 16, "op": "Write", "value": 4},
            {"major": 8, "minor": 16, "op": "Discard", "value": 6},
        ],
        "psi": PSI_READ,
    }  # fmt: skip


def test_hugetlb_on_v1_and_v2(on_v1, on_v2) -> None:
    assert on_v1("hugetlb", hugetlb__2MB__usage_in_bytes="4\n", hugetlb__2MB__max_usage_in_bytes="6\n",
                 hugetlb__2MB__failcnt="1\n", hugetlb__1GB__failcnt="0\n")["hugetlb"] == {
        "1GB": {"failcnt": 0}, "2MB": {"usage": 4, "max": 6, "failcnt": 1},
    }  # fmt: skip
    assert on_v2(hugetlb__2MB__current="4\n", hugetlb__2MB__events="max 3\n")["hugetlb"] == {
        "2MB": {"usage": 4, "failcnt": 3}
    }


def test_hybrid_counts_where_the_controller_is_and_pressure_on_v2(make_legacy_tree, unified_tree) -> None:
    legacy = make_legacy_tree("pids")
    legacy.cgroup("a", pids__current="3\n")
    unified_tree.cgroup("a", pids__current="9\n", memory__current="8\n", memory__max="max\n", cpu__pressure=PSI)
    found = statistics.of(cgroups.find("/a", "box", hierarchies=[legacy.hierarchy(), unified_tree.hierarchy()]))
    assert found["pids"] == {"current": 3}
    assert found["memory"]["usage"] == {"limit": statistics.UNLIMITED, "usage": 8, "failcnt": 0}
    assert found["cpu"]["psi"] == PSI_READ


def test_nothing_is_counted_any_more_when_the_cgroup_is_gone(unified_tree) -> None:
    found = cgroups.find("/gone", "box", hierarchies=[unified_tree.hierarchy()])
    assert statistics.of(found)["hugetlb"] == {}
