"""What the image is for, done before it is made, to see what that writes to: the commands of a container's life.

It runs behind preload.py, in the same interpreter. The container's root filesystem is that of the machine that builds
pyoci, of which nothing can be changed: that takes namespaces of our own. Where they are not to be had, the commands run
as a user without privileges and get less far.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from types import CodeType, FunctionType

from pyoci import json_text
from pyoci.cgroups import cgroup, directory, legacy, unified
from pyoci.config import cgroup_mount
from pyoci.config.linux import default_devices, devices, loopback
from pyoci.config.linux.resources import devices as device_rules
from pyoci.config.process import session
from pyoci.container import channel, exec_fifo, processes
from pyoci.runtime import answers, birth, create, spec, start, steps
from pyoci.syscalls import capabilities, files, mount, namespaces, network, prctl, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from launcher.preload import resume  # noqa: TC004 (it is there)

PLACE = f"/tmp/pyoci-{os.getpid()}"  # noqa: S108 (made anew, or else it fails)
NOBODY = 65534
OUT_OF_REACH = (
    *(cgroup, directory, legacy, unified, cgroup_mount),
    *(devices, default_devices, device_rules, loopback, network),
)
"""What takes root's privileges."""
FARTHER = (
    *(answers, birth, create, start, steps, channel, exec_fifo, processes),
    *(capabilities, files, mount, namespaces, prctl, process),
    *map(steps.section, {name.rpartition(".")[0] for name in (
        *create.STAGE, *create.ROOTFS, *create.SELF, *create.PROCESS, *create.LAUNCH, *create.START)}),
)
"""What takes namespaces."""
SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "syscalls": [
        {"names": ["bpf", "mount", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
    ],
}


def in_a_child(action: Callable[..., object], *arguments: object) -> int:
    """Call *action* in a process of its own; what that ends with."""
    pid = os.fork()
    if not pid:
        try:
            action(*arguments)
            os._exit(0)
        except BaseException:  # noqa: BLE001 (this is where it ends)
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def live() -> None:
    """Run the commands of a container's life where they do no harm."""
    for fd in range(2):
        os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    try:
        be_alone()
    except OSError:
        be_nobody()
    true, sleep = bundle("true", "true"), bundle("sleep", "sleep", "10", seccomp=SECCOMP)
    do("run", "--bundle", true, "1")
    for _ in range(2):  # the second finds the filter that the first has compiled
        do("create", "--bundle", sleep, "2")
        do("state", "2")
        do("start", "2")
        do("exec", "2", "true")
        do("kill", "2", "KILL")
        do("wait", "2")
        do("delete", "2")


def be_alone() -> None:
    """Be root, in namespaces of our own. Raises OSError where that is not allowed."""
    maps = {"setgroups": "deny", "uid_map": f"0 {os.getuid()} 1", "gid_map": f"0 {os.getgid()} 1"}
    namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    mount.mount_setattr(-1, "/", mount.AT_RECURSIVE, attr_set=mount.MOUNT_ATTR_RDONLY, propagation=mount.MS_PRIVATE)
    mount.mount("tmpfs", PLACE, "tmpfs")


def be_nobody() -> None:
    """Have no privileges, and say nothing: commands will fail."""
    look_at(thing for module in FARTHER for thing in vars(module).values())
    os.dup2(0, 2)
    if os.getuid() == 0:
        try:
            os.chown(PLACE, NOBODY, NOBODY)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        except OSError:  # root of a user namespace, to whom the machine does not belong either
            pass


def bundle(name: str, *args: str, **linux: Any) -> str:
    """The directory of a new bundle that runs *args*, with more in the section *linux*."""
    config = spec.template(rootless=True)
    config["root"]["path"] = "/"
    config["process"].update(args=args, terminal=False)
    config["mounts"] = [entry for entry in config["mounts"] if os.path.isdir(entry["destination"])]
    kept = {key: value for key, value in config["linux"].items() if not key.endswith("Mappings")}
    kinds = [entry for entry in kept["namespaces"] if entry["type"] != "user"]
    config["linux"] = {**kept, **linux, "namespaces": kinds}
    path = f"{PLACE}/{name}"
    os.mkdir(path)
    with open(f"{path}/config.json", "w", encoding="utf-8") as file:
        file.write(json_text.dumps(config))
    return path


def do(*words: str) -> None:
    """Run a command, and say if it fails."""
    command = ("pyoci", "--root", f"{PLACE}/containers", *words)
    if status := in_a_child(resume, [os.fsencode(word) for word in command], []):
        os.write(2, f"{' '.join(words)}: wait status {status}\n".encode())


def look_at(things: Iterable[object]) -> None:
    """Write to what functions among *things* would write to if they were called: that is what they look at."""
    for thing in things:
        if isinstance(thing, type):
            look_at(vars(thing).values())
        elif isinstance(thing, FunctionType):
            look_at([thing.__code__])
        elif isinstance(thing, CodeType):
            look_at([*thing.co_consts, *thing.co_names])


session._SIGNALS.remove(signal.SIGSEGV)  # noqa: SLF001 (by that it is noticed)
look_at(thing for module in OUT_OF_REACH for thing in vars(module).values())
os.mkdir(PLACE)
in_a_child(live)
shutil.rmtree(PLACE)
