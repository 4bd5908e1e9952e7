"""What a machine can do, found out by trying: ``@pytest.mark.needs("cgroup1", "overlayfs")``."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from launcher import link
from tests.support import debian, packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_CAP_SYS_RESOURCE = 24
_MASQUERADE = "iptables -t nat -A POSTROUTING -j MASQUERADE"
_SECCOMP_SYSCALL, _SECCOMP_GET_NOTIF_SIZES = 317, 3
_MOUNT_SETATTR_SYSCALL, _ENOSYS = 442, 38
_OPEN_TREE_SYSCALL = 428
_PIDFD_GET_INFO, _PIDFD_INFO_EXIT = 0xC040FF0B, 8


def _filesystem_of(mount_point: Path) -> str:
    """The type of what is mounted last at *mount_point*, or nothing."""
    kind = ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, fstype, *_ = line.split()
        if where == str(mount_point):
            kind = fstype
    return kind


def _mounts_of(fstype: str) -> list[str]:
    return [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if line.split()[2] == fstype]


def _legacy(controller: str) -> bool:
    """Whether *controller* has a hierarchy of cgroup v1."""
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return any(line[2] == "cgroup" and controller in line[3].split(",") for line in lines)


def _older_than(*version: int) -> bool:
    return tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) < version


def _in_child(program: str) -> bool:
    """Whether the Python *program* ends well in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return finished.returncode == 0


def _unshares(flags: int) -> bool:
    return _in_child(f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({flags}) and 1)")


def _overlays() -> bool:
    """Whether overlayfs can be mounted over a tmpfs in a mount namespace of its own."""
    return _in_child(
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "ok = libc.unshare(0x20000) == 0 and libc.mount(b'none', b'/', None, 0x44000, None) == 0\n"
        "ok = ok and libc.mount(b'tmpfs', b'/mnt', b'tmpfs', 0, None) == 0\n"
        "[os.mkdir('/mnt/' + name) for name in ('lower', 'upper', 'work', 'merged') if ok]\n"
        "options = b'lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work'\n"
        "sys.exit(0 if ok and libc.mount(b'overlay', b'/mnt/merged', b'overlay', 0, options) == 0 else 1)\n"
    )


def _links(*commands: str) -> bool:
    """Whether shell *commands* about interfaces and firewalls succeed in a network namespace of their own."""
    words = ["unshare", "--net", "sh", "-ec", "\n".join(commands)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _balances() -> bool:
    """Whether ip_vs is in the kernel, or is a module that can be loaded."""
    if Path("/proc/net/ip_vs").exists():
        return True
    return subprocess.run(["modprobe", "--dry-run", "ip_vs"], capture_output=True, check=False).returncode == 0


def _emulates() -> bool:
    """Whether tests/vm can make a guest."""
    installed = all(map(shutil.which, ("qemu-system-x86_64", "mmdebstrap")))
    return os.geteuid() == 0 and (installed or shutil.which("apt-get") is not None)


def _may(capability: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def _unified_controllers() -> set[str]:
    for place in _mounts_of("cgroup2"):
        return set((Path(place) / "cgroup.controllers").read_text().split())
    return set()


def unified_mount() -> Path:
    """Where cgroup v2 is mounted. Raises StopIteration."""
    return Path(next(iter(_mounts_of("cgroup2"))))


def _has_listener() -> bool:
    """Whether seccomp(2) knows the user notification (Linux 5.0)."""
    sizes = ctypes.create_string_buffer(16)
    return bool(ctypes.CDLL(None).syscall(_SECCOMP_SYSCALL, _SECCOMP_GET_NOTIF_SIZES, 0, sizes) == 0)


def _has_mount_setattr() -> bool:
    """Whether the kernel has mount_setattr(2), which idmapped mounts need (Linux 5.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(_MOUNT_SETATTR_SYSCALL, -1, None, 0, None, 0)
    return ctypes.get_errno() != _ENOSYS


def _clones_detached() -> bool:
    """Whether a tree of mounts that is attached nowhere can be mounted on, and cloned (Linux 6.15)."""
    return _in_child(
        "import ctypes, sys\n"
        f"clone = lambda fd, path, flags: ctypes.CDLL(None).syscall({_OPEN_TREE_SYSCALL}, fd, path, flags | 1)\n"
        "sys.exit(0 if clone(clone(-100, b'/tmp', 0), b'', 0x1000) > 0 else 1)\n"
    )


def _checkpoints(*options: str) -> bool:
    """Whether criu is installed and says that it can do its work here."""
    if not shutil.which("criu"):
        return False
    done = subprocess.run(["criu", "check", *options], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "OFF" not in done.stderr


def _docker_throttles() -> bool:
    """Whether docker's client is none of those that drop the option. Raises OSError."""
    return " 26." not in subprocess.check_output(["docker", "--version"], text=True)


def _podman() -> int:
    """podman's major version. Raises OSError."""
    return int(subprocess.check_output(["podman", "--version"], text=True).split()[2].partition(".")[0])


def _remembers_exits() -> bool:
    """Whether a pidfd tells how a process ended that its parent has collected (Linux 6.15)."""
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    pidfd = os.pidfd_open(pid)
    os.waitpid(pid, 0)
    info = bytearray(_PIDFD_INFO_EXIT.to_bytes(8, "little") + bytes(56))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    finally:
        os.close(pidfd)
    return bool(info[0] & _PIDFD_INFO_EXIT)


ABILITIES: dict[str, tuple[Callable[[], bool], str]] = {
    "root": (lambda: os.geteuid() == 0, "user id 0"),
    "userns": (lambda: _unshares(0x10000000), "a new user namespace"),
    "timens": (lambda: _unshares(0x80), "a new time namespace"),
    "two-interfaces": (lambda: len(os.listdir("/sys/class/net")) > 1, "a network interface beside lo"),
    "netns": (lambda: _unshares(0x40000000), "a new network namespace"),
    "cgroup1": (lambda: bool(_mounts_of("cgroup")), "a cgroup v1 hierarchy"),
    "cgroup1-hugetlb": (lambda: _legacy("hugetlb"), "the hugetlb controller in cgroup v1"),
    "cgroup1-net_cls": (lambda: _legacy("net_cls"), "the net_cls controller in cgroup v1"),
    "cgroup1-bfq": (Path("/sys/fs/cgroup/blkio/blkio.bfq.io_serviced").exists, "the block scheduler BFQ in cgroup v1"),
    "leaf-weight": (Path("/sys/fs/cgroup/blkio/blkio.leaf_weight").exists, "blkio.leaf_weight (until Linux 5.0)"),
    "kernel-memory": (lambda: _older_than(5, 16), "a limit of kernel memory (until Linux 5.15)"),
    "cgroup2": (lambda: _filesystem_of(_CGROUP_ROOT) == "cgroup2", "the unified cgroup hierarchy alone"),
    "cgroup2-mounted": (lambda: bool(_mounts_of("cgroup2")), "cgroup v2, also beside v1"),
    "cgroup2-hugetlb": (lambda: "hugetlb" in _unified_controllers(), "the hugetlb controller in cgroup v2"),
    "cgroup2-memory": (lambda: "memory" in _unified_controllers(), "the memory controller in cgroup v2"),
    "cgroup2-cpu": (lambda: "cpu" in _unified_controllers(), "the cpu controller in cgroup v2"),
    "cgroup2-pids": (lambda: "pids" in _unified_controllers(), "the pids controller in cgroup v2"),
    "cgroup2-io": (lambda: "io" in _unified_controllers(), "the io controller in cgroup v2"),
    "hybrid": (lambda: bool(_mounts_of("cgroup")) and bool(_mounts_of("cgroup2")), "cgroup v1 and v2 side by side"),
    "overlayfs": (_overlays, "mounting overlayfs"),
    "seccomp-notify": (_has_listener, "seccomp user notification"),
    "detached-trees": (_clones_detached, "mounting on a detached tree (Linux 6.15)"),
    "idmap": (_has_mount_setattr, "mount_setattr(2)"),
    "nat": (
        lambda: _links("ip link add type veth", "ip link add type bridge", _MASQUERADE),
        "bridges, pairs of veth and iptables' MASQUERADE in a new network namespace",
    ),
    "vxlan": (
        lambda: _links("ip link add type vxlan id 9 dstport 4789", "iptables -A OUTPUT -m mark --mark 1 -j DROP"),
        "vxlan, and iptables' match for marks",
    ),
    "ipvs": (_balances, "ip_vs, which balances the load between the tasks of a service"),
    "pidfd-exit": (_remembers_exits, "a pidfd that knows the exit status (Linux 6.15)"),
    "sys_resource": (lambda: _may(_CAP_SYS_RESOURCE), "CAP_SYS_RESOURCE"),
    "apparmor": (lambda: Path("/sys/kernel/security/apparmor").is_dir(), "AppArmor"),
    "apparmor-parser": (lambda: shutil.which("apparmor_parser") is not None, "apparmor_parser, which loads profiles"),
    "acme-profile": (
        lambda: "acme_secure_profile" in Path("/sys/kernel/security/apparmor/profiles").read_text(),
        "an AppArmor profile for runtime-tools",
    ),
    "selinux": (lambda: Path("/sys/fs/selinux/enforce").exists(), "SELinux"),
    "resctrl": (lambda: bool(_mounts_of("resctrl")), "resctrl mounted"),
    "numa": (lambda: Path("/sys/devices/system/node/node1").exists(), "more than one memory node"),
    "systemd": (lambda: Path("/run/systemd/system").is_dir(), "systemd as init"),
    "tester": (lambda: "tester:" in Path("/etc/subuid").read_text(), "a user `tester` with subordinate ids"),
    "no-systemd": (lambda: not Path("/run/systemd/system").is_dir(), "another init than systemd"),
    "tracer": (
        lambda: platform.machine() == "x86_64" and shutil.which("gcc") is not None, "gcc, and an x86-64 processor",
    ),
    "cc": (lambda: shutil.which("cc") is not None, "a compiler"),
    "launcher": (
        lambda: not link.missing(),
        "what the launcher is made of: CPython 3.11 or 3.13, python3-dev, libseccomp-dev and a compiler",
    ),
    "kvm": (lambda: os.access("/dev/kvm", os.R_OK | os.W_OK), "/dev/kvm"),
    "vm": (_emulates, "root, and QEMU and mmdebstrap or an apt-get to install them"),
    "criu": (_checkpoints, "criu, and a kernel it works with (criu check)"),
    "criu-track": (
        lambda: _checkpoints() and _checkpoints("--feature", "mem_dirty_track"), "criu, and a kernel that tracks writes"
    ),
    "iptables": (lambda: shutil.which("iptables-restore") is not None, "iptables"),
    "no-criu": (lambda: shutil.which("criu") is None, "a machine without criu"),
    "podman": (lambda: shutil.which("podman") is not None, "the podman binary"),
    "podman-5": (lambda: _podman() >= 5, "podman 5: what 4.3 builds in a user namespace is the host root's"),
    "buildah": (lambda: shutil.which("buildah") is not None, "the buildah binary"),
    "containerd": (lambda: shutil.which("containerd") is not None, "the containerd binary"),
    "docker": (lambda: shutil.which("dockerd") is not None, "the dockerd binary"),
    "docker-throttles": (_docker_throttles, "a docker client that passes --device-read-bps on: 26.1 forgets it"),
    "newuidmap": (lambda: shutil.which("newuidmap") is not None, "newuidmap, from the package uidmap"),
    "cni": (lambda: Path("/usr/lib/cni/bridge").exists(), "the plug-ins of containernetworking-plugins"),
    "grpc": (lambda: importlib.util.find_spec("grpc_tools") is not None, "the Python package grpcio-tools"),
    "debian": (debian.is_available, f"a Debian tree in {debian.directory()}, or root, debootstrap and Debian's mirror"),
    "registry": (lambda: shutil.which("docker-registry") is not None, "the docker-registry binary"),
    "packages": (packages.are_available, "packages of Debian fetched earlier, or its tree, apt-get and its mirror"),
    "strace": (lambda: shutil.which("strace") is not None, "the strace binary"),
    "bash": (lambda: shutil.which("bash") is not None, "bash"),
    "zsh": (lambda: shutil.which("zsh") is not None, "zsh"),
    "fish": (lambda: shutil.which("fish") is not None, "fish"),
    "man": (lambda: shutil.which("man") is not None and shutil.which("groff") is not None, "man and groff"),
    "debootstrap": (lambda: shutil.which("debootstrap") is not None, "the debootstrap script"),
}


def reason_to_skip(*names: str) -> str:
    """What this machine lacks of *names*, or nothing."""
    return next((f"needs {name}: {ABILITIES[name][1]}" for name in names if not has(name)), "")


@functools.cache
def has(ability: str) -> bool:
    """Whether this machine has *ability*. Raises KeyError for a name that is not in the table."""
    probe, _ = ABILITIES[ability]
    try:
        return probe()
    except OSError:
        return False
