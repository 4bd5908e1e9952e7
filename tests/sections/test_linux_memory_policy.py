"""linux.memoryPolicy: /proc/PID/numa_maps shows the policy of each mapping (numa(7))."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

pytestmark = [
    pytest.mark.needs("root"),
    pytest.mark.differs("runc knows it since 1.4"),
    pytest.mark.skipif(not Path("/proc/self/numa_maps").exists(), reason="this kernel has no NUMA"),
]

_SHOW = "cut -d ' ' -f 2 /proc/self/numa_maps | sort | uniq"


@pytest.mark.clause("linux.memory-policy.applied", "linux.memory-policy.nodes", "linux.memory-policy.flags")
@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, "bind=static:0"),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "0-0", "flags": ["MPOL_F_RELATIVE_NODES"]}, "interleave=relative:0"),
        ({"mode": "MPOL_PREFERRED", "nodes": "0"}, "prefer:0"),
        ({"mode": "MPOL_PREFERRED", "nodes": ""}, "local"),
        ({"mode": "MPOL_LOCAL"}, "local"),
        ({"mode": "MPOL_DEFAULT"}, "default"),
    ],
)
def test_is_in_effect_for_the_program(container: Container, policy: dict[str, Any], shown: str) -> None:
    container.bundle.linux["memoryPolicy"] = policy

    assert container.output(_SHOW) == shown


@pytest.mark.clause("linux.memory-policy.applied")
def test_is_in_effect_for_an_exec(container: Container, exec_process: Callable[..., Result]) -> None:
    container.bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
    container.up()

    assert exec_process(args=["sh", "-c", _SHOW]).ok().output == "bind:0"


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        pytest.param({"mode": "MPOL_OTHER"}, "mode", marks=pytest.mark.clause("linux.memory-policy.mode")),
        pytest.param({"nodes": "0"}, "mode", marks=pytest.mark.clause("linux.memory-policy.mode")),
        pytest.param({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_OTHER"]}, "flags[0]",
                     marks=pytest.mark.clause("linux.memory-policy.flags")),
        pytest.param({"mode": "MPOL_BIND", "nodes": "1-0"}, "nodes",
                     marks=pytest.mark.clause("linux.memory-policy.nodes")),
        pytest.param({"mode": "MPOL_BIND", "nodes": "x"}, "nodes",
                     marks=pytest.mark.clause("linux.memory-policy.nodes")),
    ],
)  # fmt: skip
def test_unknown_value_is_an_error(container: Container, policy: dict[str, Any], field: str) -> None:
    container.bundle.linux["memoryPolicy"] = policy

    container.create().failed(f"linux.memoryPolicy.{field}")


@pytest.mark.clause("linux.memory-policy.refused")
@pytest.mark.parametrize(
    "policy",
    [{"mode": "MPOL_BIND"}, {"mode": "MPOL_DEFAULT", "nodes": "0"}, {"mode": "MPOL_BIND", "nodes": "1000"}],
    ids=["no nodes", "nodes too many", "no such node"],
)
def test_refusal_of_the_kernel_is_an_error(container: Container, policy: dict[str, Any]) -> None:
    container.bundle.linux["memoryPolicy"] = policy

    container.create().failed("linux.memory_policy.set", "set_mempolicy(2)", "invalid argument")
