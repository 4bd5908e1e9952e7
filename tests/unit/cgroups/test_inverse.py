from __future__ import annotations

import pytest

from pyoci.cgroups import inverse


@pytest.mark.parametrize(
    ("text", "name", "value", "expected"),
    [
        pytest.param("67108864\n", "memory.limit_in_bytes", "1", "67108864", id="a number"),
        pytest.param("max\n", "pids.max", "5", "max", id="no limit"),
        pytest.param("max 100000\n", "cpu.max", "5000 1000", "max 100000", id="two numbers"),
        pytest.param("5 1000\n", "cpu.max", "max 100000", "5 1000", id="two, without a limit now"),
        pytest.param("\n", "cpuset.cpus", "0-1", "", id="nothing"),
        pytest.param("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "memory.oom_control", "1", "0", id="oom_control"),
        pytest.param("default 100\n8:0 5\n", "io.weight", "default 7", "default 100", id="the weight of v2"),
        pytest.param("default 100\n8:0 5\n", "io.bfq.weight", "7", "100", id="the weight of BFQ"),
        pytest.param("default 100\n8:0 5\n", "io.weight", "8:0 7", "8:0 5", id="the weight of a device"),
        pytest.param("default 100\n", "io.weight", "8:0 7", "8:0 default", id="the first weight of a device"),
        pytest.param("8:0 rbps=1 wbps=max riops=max wiops=2\n", "io.max", "8:0 rbps=9",
                     "8:0 rbps=1 wbps=max riops=max wiops=2", id="io.max"),
        pytest.param("8:16 rbps=1 wbps=max riops=max wiops=2\n", "io.max", "8:1 rbps=9 wiops=3",
                     "8:1 rbps=max wiops=max", id="io.max of another device"),
        pytest.param("", "blkio.throttle.read_bps_device", "8:0 9", "8:0 0", id="the first limit of a device on v1"),
        pytest.param("lo 0\neth0 5\n", "net_prio.ifpriomap", "eth0 1", "eth0 5", id="an interface"),
        pytest.param("mlx4_0 hca_handle=2 hca_object=max\n", "rdma.max", "mlx4_0 hca_handle=1",
                     "mlx4_0 hca_handle=2 hca_object=max", id="rdma"),
    ],
)  # fmt: skip
def test_of_is_what_was_there(text, name, value, expected) -> None:
    assert inverse.of(text, name, value) == expected
