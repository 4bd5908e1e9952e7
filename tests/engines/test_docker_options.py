"""Options of docker run, seen from inside the container."""

from __future__ import annotations

import json
import os

import pytest

from tests.support import engines, limits
from tests.support.engines import HOME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.docker import DockerContainer

_STATUS = "awk '/^{}:/ {{ print $2 }}' /proc/self/status"
_CAPABILITIES, _SECCOMP, _NO_NEW = (_STATUS.format(name) for name in ("CapEff", "Seccomp", "NoNewPrivs"))
_MOUNT = "awk '$2 == \"{}\" {{ sub(\",inode64\", \"\"); print $3, $4 }}' /proc/mounts"  # as the kernel is built


def _namespace(kind: str) -> str:
    return f"readlink /proc/self/ns/{kind}"


@pytest.mark.parametrize(
    ("options", "script", "expected"),
    [
        pytest.param("--hostname=named --domainname=example.org", "hostname; cat /proc/sys/kernel/domainname",
                     "named\nexample.org", id="hostname"),
        pytest.param("--workdir=/made/here", "pwd; stat -c %a .", "/made/here\n755", id="workdir"),
        pytest.param("--user=alice --group-add=audio --group-add=7", "id -u; id -g; id -G; echo $HOME",
                     "1000\n1000\n1000 7 29\n/home/alice", id="user"),
        pytest.param("--user=4321", "id -u; id -g; echo $HOME", "4321\n0\n/", id="user without an entry"),
        pytest.param("--env=A=1 --env=B=", "echo $A-$B-$PATH", "1--/usr/bin:/bin", id="env"),
        pytest.param("--read-only", "touch /new; touch /dev/shm/new && echo made",
                     "touch: /new: Read-only file system\nmade", id="read-only"),
        pytest.param("--read-only --tmpfs=/new/one --user=1000", "touch /new/one/file && stat -c %a /new/one", "1777",
                     id="tmpfs"),
        pytest.param("--tmpfs=/scratch:rw,size=1m,mode=1770,noexec", _MOUNT.format("/scratch"),
                     "tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=1770", id="tmpfs with options"),
        pytest.param("--mount=type=tmpfs,dst=/scratch,tmpfs-mode=0700,tmpfs-size=65536", _MOUNT.format("/scratch"),
                     "tmpfs rw,nosuid,nodev,noexec,relatime,size=64k,mode=700", id="mount of a tmpfs"),
        pytest.param(f"-v {HOME}/volume:/mnt:ro", "ls /mnt; touch /mnt/new",
                     "inside\ntouch: /mnt/new: Read-only file system", id="volume"),
        pytest.param(f"--mount=type=bind,src={HOME}/volume,dst=/mnt,readonly", "ls /mnt; touch /mnt/new",
                     "inside\ntouch: /mnt/new: Read-only file system", id="mount"),
        pytest.param(f"-v {HOME}/shared:/mnt:rshared", "grep -c ' /mnt .* shared:' /proc/self/mountinfo", "1",
                     id="volume shared"),
        pytest.param(f"-v {HOME}/shared:/mnt:rslave", "grep -c ' /mnt .* master:' /proc/self/mountinfo", "1",
                     id="volume slave"),
        pytest.param("-v named:/bin/kept", "ls /bin/kept | wc -l; touch /bin/kept/file && echo made", "0\nmade",
                     id="named volume"),
        pytest.param("-v /bin", "test -x /bin/sh && grep -c ' /bin ' /proc/mounts", "1", id="anonymous volume"),
        pytest.param("--device=/dev/cpu_dma_latency:/dev/given:r", "head -c 0 /dev/given && echo read; : > /dev/given",
                     "read\nsh: can't create /dev/given: Operation not permitted", id="device"),
        pytest.param("--device-cgroup-rule=c¤10:235¤r", "mknod /mine c 10 235; mknod /other c 10 259;"
                     " head -c 0 /mine 2>&1 | grep -c permitted; head -c 0 /other",
                     "0\nhead: /other: Operation not permitted", id="device-cgroup-rule"),
        pytest.param("--ulimit=core=0 --ulimit=nofile=512:1000 --ulimit=nproc=100:200",
                     "ulimit -c; ulimit -n; ulimit -Hn; ulimit -u", "0\n512\n1000\n100", id="ulimit"),
        pytest.param("--sysctl=net.ipv4.ip_unprivileged_port_start=80 --sysctl=kernel.msgmax=4096",
                     "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax", "80\n4096",
                     id="sysctl"),
        pytest.param("--shm-size=1m", "df -k /dev/shm | awk 'END { print $2 }'", "1024", id="shm-size"),
        pytest.param("--oom-score-adj=500", "cat /proc/self/oom_score_adj", "500", id="oom-score-adj"),
        pytest.param("--cap-drop=ALL", _CAPABILITIES, "0000000000000000", id="cap-drop"),
        pytest.param("--cap-drop=ALL --cap-add=NET_ADMIN --cap-add=CHOWN", _CAPABILITIES, "0000000000001001",
                     id="cap-add"),
        pytest.param("", f"{_CAPABILITIES}; {_SECCOMP}; {_NO_NEW}", "00000000a80425fb\n2\n0", id="no option"),
        pytest.param("--user=1000", _CAPABILITIES, "0000000000000000", id="no capabilities of a user"),
        pytest.param("--security-opt=seccomp=unconfined", _SECCOMP, "0", id="seccomp unconfined"),
        pytest.param(f"--security-opt=seccomp={HOME}/seccomp.json", "mkdir /made",
                     "mkdir: can't create directory '/made': Disk quota exceeded", id="seccomp of ones own"),
        pytest.param("--security-opt=no-new-privileges", _NO_NEW, "1", id="no-new-privileges"),
        pytest.param("--security-opt=systempaths=unconfined",
                     "grep -c -e ' /proc/kcore ' -e ' /proc/sys ' /proc/mounts", "0", id="systempaths"),
        pytest.param("", "wc -c < /proc/timer_list; : > /proc/sys/kernel/msgmax; ls /sys/firmware",
                     "0\nsh: can't create /proc/sys/kernel/msgmax: Read-only file system", id="masked paths"),
        pytest.param("--pid=host", _namespace("pid"), "@pid", id="pid host"),
        pytest.param("--ipc=host", _namespace("ipc"), "@ipc", id="ipc host"),
        pytest.param("--ipc=none", "ls -d /dev/shm", "ls: /dev/shm: No such file or directory", id="ipc none"),
        pytest.param("--uts=host", _namespace("uts"), "@uts", id="uts host"),
        pytest.param("--network=host", _namespace("net"), "@net", id="network host"),
        pytest.param("--cgroupns=host", _namespace("cgroup"), "@cgroup", id="cgroupns host"),
        pytest.param("--cgroupns=private", "sed 's/.*://' /proc/self/cgroup | sort -u", "/", id="cgroupns private"),
        pytest.param("--userns=host", _namespace("user"), "@user", id="userns host"),
        pytest.param("--entrypoint=/bin/echo", "", "-c exec 2>&1;", id="entrypoint"),
        pytest.param("--add-host=other:1.2.3.4 --network=bridge", "grep other /etc/hosts", "1.2.3.4\tother",
                     id="add-host", marks=pytest.mark.needs("nat")),
        pytest.param("--dns=1.2.3.4 --network=bridge", "grep -v ^# /etc/resolv.conf", "nameserver 1.2.3.4", id="dns",
                     marks=pytest.mark.needs("nat")),
    ],
)
def test_options(box: DockerContainer, options: str, script: str, expected: str) -> None:
    for kind in ("pid", "ipc", "uts", "net", "cgroup", "user"):
        expected = expected.replace(f"@{kind}", os.readlink(f"/proc/{box.docker.place.pid}/ns/{kind}"))
    call = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}
    box.docker.place.write("seccomp.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [call]}))
    words = tuple(word.replace("¤", " ") for word in options.split())

    said = box.run(*(("sh",) if "entrypoint" not in options else ()), "-c", f"exec 2>&1; {script}", options=words)

    assert said.output == expected


@pytest.mark.differs("runc gives all capabilities or none, where the machine itself lacks one")
def test_a_privileged_container_may_do_anything(box: DockerContainer) -> None:
    said = box.run("sh", "-c", f"mount -t tmpfs t /tmp; touch /tmp/x; test -b /dev/loop0; {_SECCOMP}",
                   options=("--privileged",))

    assert said.ok().output == "0"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            ("--memory=64m", "--memory-swap=96m", "--memory-reservation=32m"),
            {"memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "100663296",
             "memory.soft_limit_in_bytes": "33554432", "memory.max": "67108864", "memory.swap.max": "33554432",
             "memory.low": "33554432"}, id="memory",
        ),
        pytest.param(("--memory-swappiness=0",), {"memory.swappiness": "0"}, id="swappiness",
                     marks=pytest.mark.needs("cgroup1")),
        pytest.param(("--cpus=0.5",), {"cpu.cfs_quota_us": "50000", "cpu.max": "50000 100000"}, id="cpus"),
        pytest.param(("--cpu-period=50000", "--cpu-quota=20000"),
                     {"cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "50000", "cpu.max": "20000 50000"}, id="quota"),
        pytest.param(("--cpu-shares=512",), {"cpu.shares": "512", "cpu.weight": "59"}, id="shares"),
        pytest.param(("--cpuset-cpus=0", "--cpuset-mems=0"), {"cpuset.cpus": "0", "cpuset.mems": "0"}, id="cpuset"),
        pytest.param(("--device-read-bps=/dev/loop0:1mb", "--device-write-iops=/dev/loop0:9"),
                     {"blkio.throttle.read_bps_device": "7:0 1048576", "blkio.throttle.write_iops_device": "7:0 9",
                      "io.max": "7:0 rbps=1048576 wbps=max riops=max wiops=9"}, id="block-io",
                     marks=pytest.mark.needs("docker-throttles")),
        pytest.param(("--pids-limit=17",), {"pids.max": "17"}, id="pids"),
    ],
)
def test_limits(box: DockerContainer, options: tuple[str, ...], expected: dict[str, str]) -> None:
    box.up(*options)

    limits.assert_limits(engines.host_pid(box.id), expected)


@pytest.mark.needs("cgroup1")
def test_the_oom_killer_may_be_disabled(box: DockerContainer) -> None:
    box.up("--memory=64m", "--oom-kill-disable")

    assert "oom_kill_disable 1" in limits.limit(engines.host_pid(box.id), "memory.oom_control")


def test_the_parent_of_the_cgroup_is_chosen(box: DockerContainer) -> None:
    parent = f"/{box.docker.place.cgroup}/deeper"
    box.up(f"--cgroup-parent={parent}")

    found = set(limits.places(engines.host_pid(box.id)).values())

    assert f"{parent}/{box.id}" in found
