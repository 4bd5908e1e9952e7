"""What the small records of process and linux take and refuse."""

from __future__ import annotations

import pytest

from pyoci.config.linux.memory_policy import MemoryPolicy
from pyoci.config.linux.personality import Personality
from pyoci.config.process.exec_cpu_affinity import ExecCpuAffinity
from pyoci.config.process.io_priority import IoPriority
from pyoci.config.process.rlimits import Rlimit
from pyoci.config.process.scheduler import Scheduler
from pyoci.config.process.user import User
from pyoci.errors import ConfigError

DEADLINE = {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3}


@pytest.mark.parametrize(
    ("record", "value", "field"),
    [
        pytest.param(User, {"gid": 0}, "uid", id="no uid"),
        pytest.param(User, {"uid": 0}, "gid", id="no gid"),
        pytest.param(User, {"uid": -1, "gid": 0}, "uid", id="negative uid"),
        pytest.param(User, {"uid": 2**32 - 1, "gid": 0}, "uid", id="the uid that means no change"),
        pytest.param(User, {"uid": 0, "gid": 2**32 - 1}, "gid", id="the gid that means no change"),
        pytest.param(User, {"uid": 0, "gid": 0, "umask": 0o1000}, "umask", id="umask of ten bits"),
        pytest.param(User, {"uid": 0, "gid": 0, "umask": "022"}, "umask", id="umask as text"),
        pytest.param(User, {"uid": 0, "gid": 0, "additionalGids": [1, 2**32 - 1]}, "additionalGids[1]", id="no group"),
        pytest.param(User, {"uid": 0, "gid": 0, "additionalGids": [True]}, "additionalGids[0]", id="boolean group"),
        pytest.param(Rlimit, {"type": "RLIMIT_NO", "soft": 1, "hard": 1}, "type", id="no such limit"),
        pytest.param(Rlimit, {"type": "RLIMIT_CPU", "soft": 2, "hard": 1}, "soft", id="soft above hard"),
        pytest.param(Rlimit, {"type": "RLIMIT_CPU", "soft": 2**64, "hard": 1}, "soft", id="limit beyond 64 bits"),
        pytest.param(Rlimit, {"type": "RLIMIT_CPU", "soft": 1}, "hard", id="no hard limit"),
        pytest.param(Scheduler, {}, "policy", id="no policy"),
        pytest.param(Scheduler, {"policy": "SCHED_EXT"}, "policy", id="policy of no list"),
        pytest.param(Scheduler, {"policy": "SCHED_OTHER", "nice": 20}, "nice", id="nice 20"),
        pytest.param(Scheduler, {"policy": "SCHED_BATCH", "nice": -21}, "nice", id="nice -21"),
        pytest.param(Scheduler, {"policy": "SCHED_OTHER", "priority": 1}, "priority", id="priority without realtime"),
        pytest.param(Scheduler, {"policy": "SCHED_FIFO"}, "priority", id="realtime without priority"),
        pytest.param(Scheduler, {"policy": "SCHED_RR", "priority": 100}, "priority", id="priority 100"),
        pytest.param(Scheduler, {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}, "flags[0]", id="unknown flag"),
        pytest.param(Scheduler, {"policy": "SCHED_OTHER", "runtime": 1}, "", id="runtime without deadline"),
        pytest.param(Scheduler, DEADLINE | {"runtime": 0}, "", id="deadline without runtime"),
        pytest.param(Scheduler, DEADLINE | {"runtime": 3}, "", id="runtime above deadline"),
        pytest.param(Scheduler, DEADLINE | {"period": 1}, "", id="deadline above period"),
        pytest.param(IoPriority, {"priority": 1}, "class", id="no class"),
        pytest.param(IoPriority, {"class": "IOPRIO_CLASS_BE"}, "priority", id="no priority"),
        pytest.param(IoPriority, {"class": "IOPRIO_CLASS_NONE", "priority": 0}, "class", id="class none"),
        pytest.param(IoPriority, {"class": "IOPRIO_CLASS_BE", "priority": 8}, "priority", id="priority 8"),
        pytest.param(IoPriority, {"class": "IOPRIO_CLASS_BE", "priority": -1}, "priority", id="priority -1"),
        pytest.param(ExecCpuAffinity, {"initial": "x"}, "initial", id="bad initial list"),
        pytest.param(ExecCpuAffinity, {"final": "1-0"}, "final", id="bad final list"),
        pytest.param(Personality, {}, "domain", id="no domain"),
        pytest.param(Personality, {"domain": "BSD"}, "domain", id="unknown domain"),
        pytest.param(Personality, {"domain": "LINUX", "flags": ["X"]}, "flags[0]", id="any flag"),
        pytest.param(MemoryPolicy, {}, "mode", id="no mode"),
        pytest.param(MemoryPolicy, {"mode": "MPOL_X"}, "mode", id="unknown mode"),
        pytest.param(MemoryPolicy, {"mode": "MPOL_BIND", "nodes": "0-"}, "nodes", id="bad nodes"),
        pytest.param(MemoryPolicy, {"mode": "MPOL_BIND", "flags": ["X"]}, "flags[0]", id="unknown memory flag"),
        pytest.param(
            MemoryPolicy,
            {"mode": "MPOL_BIND", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]},
            "flags",
            id="static and relative",
        ),
    ],
)
@pytest.mark.clause(
    "process.rlimits.unknown", "process.scheduler.policy", "process.scheduler.flags", "process.io-priority.range",
    "linux.personality.flags", "linux.memory-policy.mode", "linux.memory-policy.flags",
)  # fmt: skip
def test_read_refuses(record, value, field):
    with pytest.raises(ConfigError) as caught:
        record.read(value)
    assert field == caught.value.field


@pytest.mark.parametrize(
    ("record", "value"),
    [
        pytest.param(User, {"uid": 2**32 - 2, "gid": 0, "umask": 0, "username": "x"}, id="largest uid"),
        pytest.param(Rlimit, {"type": "RLIMIT_RTTIME", "soft": 2**64 - 1, "hard": 2**64 - 1}, id="infinity"),
        pytest.param(Scheduler, {"policy": "SCHED_ISO"}, id="a policy no kernel has"),
        pytest.param(Scheduler, {"policy": "SCHED_IDLE", "nice": 40}, id="nice is not looked at"),
        pytest.param(Scheduler, DEADLINE, id="deadline"),
        pytest.param(Scheduler, DEADLINE | {"period": 0}, id="period defaults to the deadline"),
        pytest.param(IoPriority, {"class": "IOPRIO_CLASS_IDLE", "priority": 7}, id="idle"),
        pytest.param(ExecCpuAffinity, {}, id="no affinity"),
        pytest.param(Personality, {"domain": "LINUX32", "flags": []}, id="no flags"),
        pytest.param(MemoryPolicy, {"mode": "MPOL_BIND", "nodes": "0-3", "flags": ["MPOL_F_STATIC_NODES"]}, id="bind"),
    ],
)
def test_read_takes(record, value):
    assert isinstance(record.read(value), record)
