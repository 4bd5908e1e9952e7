"""What the options of podman run do to what the program finds."""

from __future__ import annotations

import json
import os
import stat

import pytest

from tests.support import abilities, engines
from tests.support.engines import HOME, Engine

pytestmark = pytest.mark.usefixtures("nothing_left")

_CAPABILITIES = "awk '/^Cap(Eff|Bnd|Amb)/ {print $2}' /proc/self/status"
_NO_MKDIR = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}],
}


def _cgroup(old: str, new: str) -> str:
    """A script that prints a setting, whichever version of cgroups the machine has."""
    return f"cd /sys/fs/cgroup; if [ -e {new} ]; then cat {new}; else cat {old}; fi"


@pytest.fixture(scope="session")
def sources(podman: Engine) -> None:
    """What the options below name: a profile, a device without a driver, ids to give away."""
    podman.place.write("seccomp.json", json.dumps(_NO_MKDIR))
    os.mknod(podman.place.inside(f"{HOME}/nothing"), stat.S_IFCHR | 0o666, os.makedev(250, 77))
    for name in ("subuid", "subgid"):
        podman.place.inside(f"/etc/{name}").write_text("containers:100000:65536\n")


@pytest.mark.parametrize(
    ("options", "script", "found"),
    [
        pytest.param("--hostname=named", "hostname; cat /etc/hostname", "named\nnamed", id="hostname"),
        pytest.param("--workdir=/tmp", "pwd; echo $PWD", "/tmp\n/tmp", id="workdir"),
        pytest.param("--user=alice", "id", "uid=1000(alice) gid=1000(alice) groups=29(audio),1000(alice)", id="user"),
        pytest.param("--user=1:29", "id", "uid=1(daemon) gid=29(audio) groups=29(audio)", id="user-and-group"),
        pytest.param("--user=1234", "id -u; id -G", "1234\n0", id="user-unknown"),
        pytest.param("--user=1 --group-add=audio", "id -G", "1 29", id="group-add"),
        pytest.param("--env=A=b --unsetenv=container", "env | grep -e ^A -e ^cont", "A=b", id="env"),
        pytest.param("--umask=0077", "umask", "0077", id="umask"),
        pytest.param("--personality=LINUX32", "cat /proc/self/personality", "00000008", id="personality",
                     marks=pytest.mark.differs("linux.personality came to runc with 1.2")),
        pytest.param("--tz=Europe/Berlin", "date -d @0 +%H", "01", id="tz"),
        pytest.param("--add-host=other:10.9.8.7", "grep other /etc/hosts", "10.9.8.7\tother", id="add-host"),
        pytest.param("--init", "cat /proc/1/comm", "podman-init", id="init"),
        pytest.param("--pid=host", "ps -o args | grep '^sleep inf'", "sleep infinity", id="pid-host"),
        pytest.param("--network=host", "ip -o link | grep -c lo:", "1", id="network-host"),
        pytest.param("--network=none", "ip -o addr show lo | wc -l", "2", id="network-none"),
        pytest.param("--shm-size=1m", "df -k /dev/shm | awk 'END {print $2}'", "1024", id="shm-size"),
        pytest.param("--oom-score-adj=500", "cat /proc/self/oom_score_adj", "500", id="oom-score-adj"),
        pytest.param("--ulimit=nofile=512:1000 --ulimit=core=0 --ulimit=nproc=100:1000",
                     "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -u", "512\n1000\n0\n100",
                     id="ulimit"),
        pytest.param("--sysctl=kernel.msgmax=4096 --sysctl=net.ipv4.ip_forward=1",
                     "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward", "4096\n1", id="sysctl"),
        pytest.param("--cap-drop=ALL", _CAPABILITIES, "0000000000000000\n" * 3, id="cap-drop-all"),
        pytest.param("--cap-drop=ALL --cap-add=NET_ADMIN", _CAPABILITIES,
                     "0000000000001000\n0000000000001000\n0000000000000000", id="cap-add"),
        pytest.param("--cap-drop=ALL --cap-add=CHOWN --user=alice", _CAPABILITIES,
                     "0000000000000001\n0000000000000001\n0000000000000001", id="cap-add-user"),
        pytest.param("", "grep -e ^Seccomp: -e ^NoNew /proc/self/status", "NoNewPrivs:\t0\nSeccomp:\t2", id="nothing"),
        pytest.param("--security-opt=seccomp=unconfined", "grep ^Seccomp: /proc/self/status", "Seccomp:\t0",
                     id="seccomp-unconfined"),
        pytest.param(f"--security-opt=seccomp={HOME}/seccomp.json", "mkdir /made 2>&1; ls -d /tmp",
                     "mkdir: can't create directory '/made': Disk quota exceeded\n/tmp",
                     id="seccomp-own"),
        pytest.param("--security-opt=no-new-privileges --user=alice", "grep ^NoNew /proc/self/status", "NoNewPrivs:\t1",
                     id="no-new-privileges"),
        pytest.param("--security-opt=unmask=ALL", "grep -c -e ' /proc/kcore ' -e ' /proc/sys ' /proc/mounts", "0",
                     id="unmask"),
        pytest.param("",
                     "cat /proc/kcore /proc/timer_list | wc -c; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v :",
                     "0", id="masked"),
        pytest.param("--security-opt=mask=/etc", "ls /etc | wc -l", "0", id="mask"),
        pytest.param("--security-opt=proc-opts=hidepid=2", "grep -c '^proc /proc proc .*hidepid=' /proc/mounts", "1",
                     id="proc-opts"),
        pytest.param("--read-only", "touch /new 2>&1; touch /tmp/new /run/new && echo made",
                     "touch: /new: Read-only file system\nmade", id="read-only"),
        pytest.param("--read-only --read-only-tmpfs=false", "touch /tmp/new 2>&1",
                     "touch: /tmp/new: Read-only file system",
                     id="read-only-everything"),
        pytest.param(f"--device={HOME}/nothing:/dev/given:r", "(echo x </dev/given; echo x >/dev/given) 2>&1",
                     "sh: can't open /dev/given: No such device or address\n"
                     "sh: can't create /dev/given: Operation not permitted", id="device"),
        pytest.param("--device=/dev/full", "echo x 2>&1 > /dev/full; stat -c %t:%T /dev/full",
                     "sh: write error: No space left on device\n1:7", id="device-full"),
        pytest.param("--memory=64m", _cgroup("memory/memory.limit_in_bytes", "memory.max"), "67108864", id="memory"),
        pytest.param("--memory=64m --memory-swap=64m --memory-reservation=32m",
                     _cgroup("memory/memory.soft_limit_in_bytes", "memory.low"), "33554432", id="memory-reservation"),
        pytest.param("--cpus=0.5", _cgroup("cpu/cpu.cfs_quota_us", "cpu.max") + " | cut -d' ' -f1", "50000", id="cpus"),
        pytest.param("--cpu-shares=512", _cgroup("cpu/cpu.shares", "cpu.weight"),
                     "59" if abilities.has("cgroup2-cpu") else "512", id="cpu-shares"),
        pytest.param("--cpuset-cpus=0", "awk '/^Cpus_allowed_list/ {print $2}' /proc/self/status", "0",
                     id="cpuset-cpus"),
        pytest.param("--pids-limit=17", _cgroup("pids/pids.max", "pids.max"), "17", id="pids-limit"),
        pytest.param("--pids-limit=-1", _cgroup("pids/pids.max", "pids.max"), "max", id="pids-unlimited"),
        pytest.param("--cgroupns=private", "sed 's/.*://' /proc/self/cgroup | sort -u", "/", id="cgroupns-private"),
        pytest.param("--cgroups=disabled", "grep -c libpod-.*/ /proc/self/cgroup", "0", id="cgroups-disabled",
                     marks=pytest.mark.differs("runc needs cgroups, and podman knows")),
        pytest.param("--uidmap=0:100000:1000 --gidmap=0:200000:1000",
                     "tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; stat -c %u /bin /dev/null /proc",
                     " 0 100000 1000\n 0 200000 1000\n0\n65534\n65534", id="uidmap"),
        pytest.param("--uidmap=0:100000:2000 --user=alice --cap-add=NET_ADMIN",
                     "id -u; touch /tmp/new; stat -c %u /tmp/new",
                     "1000\n1000", id="uidmap-user"),
        pytest.param("--userns=auto:size=4096", "awk '{print $1, $3}' /proc/self/uid_map", "0 4096", id="userns-auto"),
        pytest.param("--privileged",
                     "awk '/^Seccomp:/ {print $2}' /proc/self/status; mount -t tmpfs t /tmp && echo may",
                     "0\nmay", id="privileged"),
        pytest.param("--privileged --uidmap=0:100000:2000", "mount -t tmpfs t /tmp && readlink /dev/ptmx", "pts/ptmx",
                     id="privileged-uidmap"),
        pytest.param("--systemd=always", "grep -c -e ' /run tmpfs' -e ' /tmp tmpfs' -e ' /run/lock tmpfs' /proc/mounts",
                     "3", id="systemd"),
    ],
)  # fmt: skip
def test_run_with(podman: Engine, sources: None, options: str, script: str, found: str) -> None:
    network = [] if "--network" in options else ["--network=none"]
    mounted, page = podman.place.page()

    podman(
        "run", "--rm", mounted, *network, *options.split(), engines.IMAGE, "sh", "-c", f"exec >/said\n{script}\ntrue"
    )

    assert page.read_text().strip() == found.strip()
