"""Init: what a step of a container's birth may touch.

The runtime fills it before the fork; *stage* and *init* inherit it as memory. Nothing in it is shared
afterwards: what the other side has to know goes through the channel.
"""

from __future__ import annotations

import os

from pyoci.container.channel import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.config import Config
    from pyoci.config.process import Process
    from pyoci.container.channel import Channel


class Init:
    """What a step may touch, for ``create`` and for ``exec`` alike."""

    def __init__(self, container_id: str, config: Config, process: Process, bundle: str) -> None:
        self.id = container_id
        self.config = config
        self.process = process
        self.bundle = bundle
        self.rootfs = ""
        """Absolute path of the root filesystem on the host."""
        self.joining = False
        """Whether an existing container is entered (``exec``)."""
        self.rootless = False
        """Whether the runtime lacks root's privileges on the host."""
        self.awaits_adoption = False
        """Whether the process does not enter its cgroup, but is moved there by systemd."""
        self.new_user_namespace = False
        self.is_its_own_stage = False
        """Whether one process can do it all: no namespace is wanted that holds only children."""
        self.clone_flags = 0
        """CLONE_NEW* of what has to be new from the fork on."""
        self.given_environment: dict[str, str] = {}
        """What the runtime adds to the program's environment."""
        self.private: frozenset[str] = frozenset()
        """The kinds of namespace, by the kernel's names, that are not the runtime's own."""
        self.channel: Channel
        """Init's end of the conversation with the runtime."""
        self.root = -1
        """O_PATH descriptor of the container's root directory, valid once it is mounted."""
        self.proc = -1
        """Procfs, verified and out of the container's reach, once the root is entered."""
        self.kernel_files: dict[str, int] = {}
        """Procfs and sysfs, by descriptor, by where they are mounted, until what is to be masked in them is."""
        self.sealed: list[int] = []
        """Mounts, by descriptor, that are made read-only when nothing has to be made on them any more."""
        self.prepared: dict[str, object] = {}
        """What the ``prepare`` functions of sections leave for their steps, by path of the section."""
        self.cgroup_mounts: Callable[[], list[tuple[str, str, tuple[str, ...]]]] = list
        """The hierarchies a mount of type ``cgroup`` shows; see Cgroup.mounts()."""
        self.no_pivot = False
        self.no_new_keyring = False
        self.preserve_fds = 0
        self.hook_state: dict[str, object] = {}
        """The state document hooks inside the container are given, but for its status."""
        self.executable = ""
        """What ``process.args[0]`` was found to be."""
        self.environment: dict[str, str] = {}
        """The environment the program gets."""
        self.start_fd = -1
        self.result_fd = -1

    def cache_dir(self) -> str:
        """Where compiled seccomp filters are kept, a directory of ours alone; "" when there is no such place."""
        if os.geteuid() == 0:
            return "/run/pyoci.cache"
        runtime_dir = os.environ.get("XDG_RUNTIME_DIR")
        return f"{runtime_dir}/pyoci.cache" if runtime_dir else ""

    def warn(self, text: str) -> None:
        """Tell the log something that changes nothing."""
        self.channel.send({"warning": shortened(text)})
