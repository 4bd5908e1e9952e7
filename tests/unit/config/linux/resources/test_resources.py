"""Every section: what is refused, and what would be written on v1 and v2."""

from __future__ import annotations

import pytest

from pyoci.config.linux.resources import CONTROLLERS, Resources, settings
from pyoci.config.linux.resources.cpu import weight_from_shares
from pyoci.config.linux.resources.memory import Memory, refuse_below_usage
from pyoci.errors import ConfigError, Unsupported


def legacy_host(_controller):
    return 1


def unified_host(_controller):
    return 2


def written(value, version):
    return list(settings(Resources.read(value), version))


V1 = [
    pytest.param({"cpu": {"shares": 2, "quota": -1, "period": 1000, "burst": 0, "idle": 0}},
                 [("cpu.shares", "2"), ("cpu.cfs_period_us", "1000"), ("cpu.cfs_quota_us", "-1"),
                  ("cpu.cfs_burst_us", "0"), ("cpu.idle", "0")], id="cpu"),
    pytest.param({"cpu": {"shares": 0, "quota": 0, "period": 0, "realtimePeriod": 0, "realtimeRuntime": 0}}, [],
                 id="cpu: zeros leave it"),
    pytest.param({"cpu": {"shares": 5, "idle": 1}}, [("cpu.idle", "1")], id="cpu: idle has no shares"),
    pytest.param({"cpu": {"realtimePeriod": 1000, "realtimeRuntime": 10, "cpus": "0-1,3", "mems": "0"}},
                 [("cpu.rt_period_us", "1000"), ("cpu.rt_runtime_us", "10"), ("cpuset.cpus", "0-1,3"),
                  ("cpuset.mems", "0")], id="cpu: real-time and sets"),
    pytest.param({"memory": {"limit": 10, "swap": 20, "reservation": 5, "swappiness": 0}},
                 [("memory.limit_in_bytes", "10"), ("memory.memsw.limit_in_bytes", "20"),
                  ("memory.soft_limit_in_bytes", "5"), ("memory.swappiness", "0")], id="memory"),
    pytest.param({"memory": {"limit": -1}}, [("memory.limit_in_bytes", "-1"), ("memory.memsw.limit_in_bytes?", "-1")],
                 id="memory: no limit is none of swap either"),
    pytest.param({"memory": {"kernel": 1, "kernelTCP": -1, "disableOOMKiller": True, "useHierarchy": True}},
                 [("memory.use_hierarchy", "1"), ("memory.kmem.limit_in_bytes", "1"),
                  ("memory.kmem.tcp.limit_in_bytes", "-1"), ("memory.oom_control", "1")], id="memory: the rest"),
    pytest.param({"memory": {"limit": 0, "swap": 0, "checkBeforeUpdate": True}}, [], id="memory: zeros leave it"),
    pytest.param({"memory": {"disableOOMKiller": False}}, [("memory.oom_control", "0")],
                 id="memory: not even what the cgroup above has"),
    pytest.param({"blockIO": {"weight": 10, "leafWeight": 1000, "weightDevice": [
                     {"major": 8, "minor": 0, "weight": 20, "leafWeight": 30},
                     {"major": 8, "minor": 1, "leafWeight": 10}]}},
                 [("blkio.weight|blkio.bfq.weight", "10"), ("blkio.leaf_weight", "1000"),
                  ("blkio.weight_device|blkio.bfq.weight_device", "8:0 20"), ("blkio.leaf_weight_device", "8:0 30"),
                  ("blkio.leaf_weight_device", "8:1 10")], id="blockIO: weights"),
    pytest.param({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 2**64 - 1}],
                              "throttleWriteBpsDevice": [{"major": 8, "minor": 1, "rate": 0}],
                              "throttleReadIOPSDevice": [{"major": 8, "minor": 2, "rate": 3}],
                              "throttleWriteIOPSDevice": [{"major": 8, "minor": 3, "rate": 4}]}},
                 [("blkio.throttle.read_bps_device", "8:0 18446744073709551615"),
                  ("blkio.throttle.write_bps_device", "8:1 0"), ("blkio.throttle.read_iops_device", "8:2 3"),
                  ("blkio.throttle.write_iops_device", "8:3 4")], id="blockIO: throttles"),
    pytest.param({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]},
                 [("hugetlb.2MB.limit_in_bytes", "0"), ("hugetlb.2MB.rsvd.limit_in_bytes?", "0")], id="hugepageLimits"),
    pytest.param({"network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 0}]}},
                 [("net_cls.classid", "1048577"), ("net_prio.ifpriomap", "eth0 0")], id="network"),
    pytest.param({"network": {"classID": 0, "priorities": []}}, [], id="network: nothing"),
    pytest.param({"pids": {"limit": 0}}, [("pids.max", "0")], id="pids: 0 is a limit"),
    pytest.param({"pids": {"limit": -1}}, [("pids.max", "max")], id="pids: none"),
    pytest.param({"pids": {"limit": -7}}, [("pids.max", "max")], id="pids: negative"),
    pytest.param({"pids": {}}, [], id="pids: absent"),
    pytest.param({"rdma": {"mlx5_1": {"hcaHandles": 0, "hcaObjects": 9}, "x": {"hcaObjects": 1}}},
                 [("rdma.max", "mlx5_1 hca_handle=0 hca_object=9"), ("rdma.max", "x hca_object=1")], id="rdma"),
    pytest.param({}, [], id="nothing"),
    pytest.param({"cpu": None, "future": {"limit": 1}}, [], id="null and unknown"),
]

V2 = [
    pytest.param({"cpu": {"shares": 1024, "quota": 5, "burst": 5, "cpus": "0", "idle": 0}},
                 [("cpu.weight", "100"), ("cpu.max", "5 100000"), ("cpu.max.burst", "5"), ("cpu.idle", "0"),
                  ("cpuset.cpus", "0")], id="cpu"),
    pytest.param({"cpu": {"period": 1000}}, [("cpu.max", "max 1000")], id="cpu: period alone"),
    pytest.param({"cpu": {"quota": -1}}, [("cpu.max", "max 100000")], id="cpu: no quota"),
    pytest.param({"cpu": {"shares": 5, "idle": 1}}, [("cpu.idle", "1")], id="cpu: idle has no weight"),
    pytest.param({"memory": {"limit": 10, "swap": 30, "reservation": 5}},
                 [("memory.swap.max", "20"), ("memory.max", "10"), ("memory.low", "5")], id="memory"),
    pytest.param({"memory": {"limit": 10, "swap": 10}}, [("memory.swap.max?", "0"), ("memory.max", "10")],
                 id="memory: no swap"),
    pytest.param({"memory": {"limit": -1}}, [("memory.swap.max?", "max"), ("memory.max", "max")], id="memory: none"),
    pytest.param({"memory": {"limit": 10, "swap": -1}}, [("memory.swap.max?", "max"), ("memory.max", "10")],
                 id="memory: swap without end"),
    pytest.param({"memory": {"limit": -1, "swap": 10}}, [("memory.swap.max", "10"), ("memory.max", "max")],
                 id="memory: only swap has a limit"),
    pytest.param({"memory": {"kernel": -1, "kernelTCP": 0, "useHierarchy": True, "disableOOMKiller": False}}, [],
                 id="memory: what is so on v2 anyway"),
    pytest.param({"blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 1000}]}},
                 [("io.bfq.weight|io.weight", "10|default 1"), ("io.bfq.weight|io.weight", "8:0 1000|8:0 10000")],
                 id="blockIO: weights"),
    pytest.param({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}],
                              "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 0}],
                              "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 3}],
                              "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 4}]}},
                 [("io.max", "8:0 rbps=1"), ("io.max", "8:0 wbps=max"), ("io.max", "8:0 riops=3"),
                  ("io.max", "8:0 wiops=4")], id="blockIO: throttles"),
    pytest.param({"hugepageLimits": [{"pageSize": "1GB", "limit": 2**64 - 1}]},
                 [("hugetlb.1GB.max", str(2**64 - 1)), ("hugetlb.1GB.rsvd.max?", str(2**64 - 1))], id="hugepageLimits"),
    pytest.param({"network": {}}, [], id="network: nothing"),
    pytest.param({"pids": {"limit": 3},
                  "unified": {"pids.max": "4", "io.max": "8:0 rbps=1\n8:1 rbps=2\n", "new.x": ""}},
                 [("pids.max", "3"), ("pids.max", "4"), ("io.max", "8:0 rbps=1"), ("io.max", "8:1 rbps=2"),
                  ("new.x", "")], id="unified comes last, line by line"),
]


@pytest.mark.parametrize(("value", "expected"), V1)
@pytest.mark.clause(
    "linux.resources.cpu.shares", "linux.resources.cpu.quota", "linux.resources.cpu.burst",
    "linux.resources.cpu.idle", "linux.resources.cpu.realtime", "linux.resources.cpu.cpuset",
    "linux.resources.memory.limit", "linux.resources.memory.reservation", "linux.resources.memory.swap",
    "linux.resources.memory.kernel", "linux.resources.memory.swappiness", "linux.resources.memory.disable-oom-killer",
    "linux.resources.memory.use-hierarchy", "linux.resources.block-io.weight", "linux.resources.block-io.leaf-weight",
    "linux.resources.block-io.weight-device", "linux.resources.block-io.throttle",
    "linux.resources.hugepage-limits.written", "linux.resources.network.class-id",
    "linux.resources.network.priorities", "linux.resources.pids.limit", "linux.resources.pids.unlimited",
    "linux.resources.rdma.written", "linux.resources.absent",
)  # fmt: skip
def test_settings_on_v1(value, expected) -> None:
    assert written(value, legacy_host) == expected


@pytest.mark.parametrize(("value", "expected"), V2)
@pytest.mark.clause(
    "linux.resources.conversion", "linux.resources.cpu.shares", "linux.resources.cpu.quota",
    "linux.resources.cpu.burst", "linux.resources.cpu.idle", "linux.resources.cpu.cpuset",
    "linux.resources.memory.limit", "linux.resources.memory.reservation", "linux.resources.memory.swap",
    "linux.resources.block-io.weight", "linux.resources.block-io.weight-device", "linux.resources.block-io.throttle",
    "linux.resources.hugepage-limits.written", "linux.resources.hugepage-limits.reserved",
    "linux.resources.unified.written", "linux.resources.order",
)  # fmt: skip
def test_settings_on_v2(value, expected) -> None:
    assert written(value, unified_host) == expected


REFUSED = [
    pytest.param({"cpu": {"quota": 5, "burst": 6}}, "cpu.burst: 6 is above the quota 5", id="burst"),
    pytest.param({"cpu": {"idle": 2}}, "cpu.idle: 2 is neither 0 nor 1", id="idle"),
    pytest.param({"cpu": {"shares": -1}}, "cpu.shares: -1 is out of range", id="shares"),
    pytest.param({"cpu": {"quota": True}}, "cpu.quota: expected an integer, got a boolean", id="quota"),
    pytest.param({"memory": {"limit": -2}}, "memory.limit: invalid memory value: -2", id="limit"),
    pytest.param({"memory": {"kernelTCP": -2}}, "memory.kernelTCP: invalid memory value: -2", id="kernelTCP"),
    pytest.param({"memory": {"limit": 2, "swap": 1}}, r"memory.swap: memory\+swap limit should be >= memory limit",
                 id="swap"),
    pytest.param({"memory": {"swappiness": 101}},
                 r"memory.swappiness: invalid memory swappiness value: 101 \(valid range is 0-100\)", id="swappiness"),
    pytest.param({"blockIO": {"weight": 9}}, "blockIO.weight: 9 is out of range", id="weight low"),
    pytest.param({"blockIO": {"leafWeight": 1001}}, "blockIO.leafWeight: 1001 is out of range", id="leafWeight high"),
    pytest.param({"blockIO": {"weightDevice": [{"major": 8, "minor": 0}]}},
                 r"blockIO.weightDevice\[0\]: one of weight and leafWeight is required", id="weightDevice without"),
    pytest.param({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0}]}},
                 r"throttleReadBpsDevice\[0\].rate: is required", id="rate"),
    *[pytest.param({"hugepageLimits": [{"pageSize": size, "limit": 1}]}, r"hugepageLimits\[0\].pageSize: invalid size",
                   id=f"pageSize {size!r}")
      for size in ("", "MB", "0MB", "02MB", "2M", "2mb", "2TB", "x2MB", "²MB", "2/MB")],
    pytest.param({"network": {"priorities": [{"name": "eth0"}]}},
                 r"priorities\[0\].priority: is required", id="priority"),
    pytest.param({"rdma": {"x": {}}}, "rdma.x: one of hcaHandles and hcaObjects is required", id="rdma"),
    pytest.param({"unified": {"a.b": 1}}, "unified.a.b: expected a string", id="unified"),
    pytest.param({"devices": [{"type": "c"}]}, r"devices\[0\].allow: is required", id="allow"),
    pytest.param({"devices": [{"allow": True, "type": "p"}]}, r"devices\[0\].type: invalid cgroup device type \"p\"",
                 id="type"),
    pytest.param({"devices": [{"allow": True, "access": "rx"}]},
                 r"devices\[0\].access: invalid access \"rx\"", id="access"),
    pytest.param({"devices": [{"allow": True, "access": ""}]},
                 r"devices\[0\].access: invalid access \"\"", id="no access"),
    pytest.param({"devices": [{"allow": True, "major": -2}]}, r"devices\[0\].major: -2 is out of range", id="major"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED)
@pytest.mark.clause(
    "linux.resources.cpu.burst", "linux.resources.cpu.idle", "linux.resources.memory.swap.rules",
    "linux.resources.memory.swappiness", "linux.resources.block-io.weight", "linux.resources.block-io.weight-device",
    "linux.resources.hugepage-limits.page-size", "linux.resources.network.priorities", "linux.resources.rdma.one-of",
    "linux.resources.devices.access",
)  # fmt: skip
def test_read_refuses(value, message) -> None:
    with pytest.raises(ConfigError, match=message):
        Resources.read(value)


IMPOSSIBLE = [
    pytest.param({"cpu": {"realtimeRuntime": 1}}, "cpu.realtimeRuntime", id="realtimeRuntime"),
    pytest.param({"cpu": {"realtimePeriod": 1}}, "cpu.realtimePeriod", id="realtimePeriod"),
    pytest.param({"memory": {"kernel": 1}}, "memory.kernel: ", id="kernel"),
    pytest.param({"memory": {"kernelTCP": 1}}, "memory.kernelTCP", id="kernelTCP"),
    pytest.param({"memory": {"swappiness": 0}}, "memory.swappiness", id="swappiness"),
    pytest.param({"memory": {"disableOOMKiller": True}}, "memory.disableOOMKiller", id="disableOOMKiller"),
    pytest.param({"memory": {"useHierarchy": False}}, "memory.useHierarchy", id="useHierarchy"),
    pytest.param({"memory": {"swap": 1}},
                 "memory.swap: unable to set swap limit without memory limit", id="swap alone"),
    pytest.param({"blockIO": {"leafWeight": 10}}, "blockIO.leafWeight", id="leafWeight"),
    pytest.param({"blockIO": {"weightDevice": [{"major": 1, "minor": 1, "leafWeight": 10}]}},
                 r"blockIO.weightDevice\[0\].leafWeight", id="leafWeight of a device"),
    pytest.param({"network": {"classID": 1}}, "network.classID", id="classID"),
    pytest.param({"network": {"priorities": [{"name": "a", "priority": 1}]}}, "network.priorities", id="priorities"),
    pytest.param({"unified": {"../x.y": "1"}}, r'unified resource "../x.y" must be a file name', id="slash"),
    *[pytest.param({"unified": {key: "1"}}, "must be in the form CONTROLLER.PARAMETER", id=f"key {key!r}")
      for key in ("", "memory", ".max", "memory.", "a|b.c", "memory.max?")],
]


@pytest.mark.parametrize(("value", "message"), IMPOSSIBLE)
@pytest.mark.clause(
    "linux.resources.conversion", "linux.resources.cpu.realtime", "linux.resources.memory.kernel",
    "linux.resources.memory.swappiness", "linux.resources.memory.disable-oom-killer",
    "linux.resources.memory.use-hierarchy", "linux.resources.memory.swap.rules",
    "linux.resources.block-io.leaf-weight", "linux.resources.network.unified", "linux.resources.unified.key",
)  # fmt: skip
def test_settings_on_v2_refuses_what_cannot_be_converted(value, message) -> None:
    with pytest.raises(ConfigError, match=r"linux\.resources\..*" + message.split(".", 1)[-1]):
        written(value, unified_host)


@pytest.mark.clause("linux.resources.unified.legacy")
def test_settings_refuses_unified_when_the_controller_is_on_v1() -> None:
    with pytest.raises(ConfigError, match="cannot use unified on cgroup v1"):
        written({"unified": {"memory.max": "1"}}, legacy_host)
    with pytest.raises(ConfigError, match="cannot use unified on cgroup v1"):
        written({"unified": {"new.max": "1"}}, {"memory": 1}.get)


@pytest.mark.clause("linux.resources.unified.written", "linux.resources.unified.controller")
def test_settings_writes_unified_when_the_host_is_hybrid_and_the_controller_on_v2() -> None:
    version = {"memory": 1, "devices": 1, "hugetlb": 2, "cgroup": 2}.get
    files = {"hugetlb.2MB.max": "0", "cgroup.max.depth": "1"}
    assert written({"unified": files}, version) == list(files.items())
    with pytest.raises(ConfigError, match=r'unified resource "io\.max" can\'t be set: controller "io" not available'):
        written({"unified": {"io.max": "1"}}, version)


def test_settings_uses_the_version_each_controller_has_when_the_host_is_hybrid() -> None:
    version = {"memory": 1, "devices": 1, "hugetlb": 2, "cgroup": 2}.get
    value = {"memory": {"limit": 1}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}
    assert [name for name, _ in written(value, version)] == [
        "memory.limit_in_bytes", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max?",
    ]


@pytest.mark.parametrize(
    ("value", "controller"),
    [
        ({"network": {"classID": 1}}, "net_cls"),
        ({"network": {"priorities": [{"name": "a", "priority": 1}]}}, "net_prio"),
        ({"rdma": {"x": {"hcaObjects": 1}}}, "rdma"),
        ({"cpu": {"cpus": "0"}}, "cpuset"),
    ],
)
@pytest.mark.clause("linux.resources.missing-controller")
def test_settings_names_the_controller_when_the_host_lacks_it(value, controller) -> None:
    version = {"memory": 1, "devices": 1, "cpu": 1}
    with pytest.raises(Unsupported, match=f"cannot set {controller} limit: .* host has no {controller} "):
        written(value, lambda name: version.get(name, 0))


def test_settings_are_without_effect_when_no_section_asks_for_anything() -> None:
    empty = {"cpu": {}, "memory": {}, "blockIO": {}, "network": {}, "pids": {}, "rdma": {}, "hugepageLimits": []}
    assert written(empty, lambda _: 0) == []
    assert set(empty) == {Resources.read({}).__class__ and name for name in empty}
    assert len(CONTROLLERS) == len(empty)


@pytest.mark.parametrize(
    ("shares", "weight"),
    [(1, 1), (2, 1), (3, 2), (256, 35), (512, 59), (1024, 100), (2048, 174), (262143, 10000), (262144, 10000),
     (2**64 - 1, 10000)],
)
@pytest.mark.clause("linux.resources.cpu.shares")
def test_weight_from_shares(shares, weight) -> None:
    assert weight_from_shares(shares) == weight


def test_weight_from_shares_never_falls() -> None:
    weights = [weight_from_shares(shares) for shares in range(2, 262145, 61)]
    assert weights == sorted(weights)
    assert min(weights) == 1
    assert max(weights) <= 10000


def test_refuse_below_usage_only_when_asked() -> None:
    refuse_below_usage(Memory(limit=1), 5)
    refuse_below_usage(Memory(limit=6, swap=-1, check_before_update=True), 5)
    refuse_below_usage(Memory(check_before_update=True), 5)
    with pytest.raises(ConfigError, match="rejecting memory limit 5 <= usage 5"):
        refuse_below_usage(Memory(limit=5, check_before_update=True), 5)
    with pytest.raises(ConfigError, match=r"rejecting memory\+swap limit 5 <= usage 5"):
        refuse_below_usage(Memory(swap=5, check_before_update=True), 5)


@pytest.mark.parametrize(("shares", "text"), [(1, "the minimum allowed cpu-shares is 2"),
                                              (262145, "the maximum allowed cpu-shares is 262144")])  # fmt: skip
def test_settings_on_v1_refuse_shares_the_kernel_would_change(shares, text) -> None:
    with pytest.raises(ConfigError, match=rf"^linux\.resources\.cpu\.shares: {text}$"):
        written({"cpu": {"shares": shares}}, legacy_host)
