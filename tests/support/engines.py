"""The engines that call a runtime, each with all it needs in namespaces and directories of its own.

Nothing of the machine is touched: a mount namespace with an empty /run and /dev/shm holds their state and what they
write to /etc, /opt and /var/lib, a network namespace their interfaces, a pid namespace their processes. They end with
the first process of the latter, and then only cgroups have to be removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

from tests.support import abilities, rootfs
from tests.support.container import cgroups_named
from tests.support.runtime import Result
from tests.support.terminal import Terminal, open_terminal
from tests.support.waiting import PATIENCE, wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "/run/engine"  # a short path: sockets are made below it
IMAGE = "localhost/observed:latest"
ON_TERMINAL = "@terminal"  # among a subcommand's words: run it on a terminal of its own
_CGROUPS = Path("/sys/fs/cgroup")
_CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
_SHARED_CGROUPS = ("libpod_parent", "buildah", "machine")
_PREPARE = f"""
set -e
read pid rest < /proc/self/stat
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mkdir -p {HOME}/volume/inside {HOME}/shared /run/lock
mount -t tmpfs tmpfs {HOME}/shared
for directory in etc opt var/lib; do
    mkdir -p /run/own/$directory/upper /run/own/$directory/work
    mount -t overlay -o lowerdir=/$directory,upperdir=/run/own/$directory/upper,workdir=/run/own/$directory/work \
        overlay /$directory
done
mount --make-rshared /
ip link set lo up
echo $pid
trap '' TERM
sleep infinity &
while true; do wait; done
"""


def make_image(archive: Path, observer: str) -> None:
    """Make an image of busybox and the script *observer* as an archive that all engines read."""
    tree = rootfs.make(archive.parent / "image")
    (tree / "bin/observe").write_text(observer)
    (tree / "bin/observe").chmod(0o755)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(tree, ".", recursive=False)  # engines that find no mode for "/" make it 0700
        for name in sorted(os.listdir(tree)):
            tar.add(tree / name, name)
    shutil.rmtree(tree)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["observe"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "pyoci's tests"}],
    }).encode()  # fmt: skip
    named = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": named, "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for name, data in ((named, config), ("layer.tar", layer.getvalue()), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


class Place:
    """Namespaces the engines live in; ``with`` ends everything that was started there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count()
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
             "sh", "-c", _PREPARE], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout
        self.pid = int(self._holder.stdout.readline())
        self.root = Path(f"/proc/{self.pid}/root")
        self.cgroup = f"engines-{self.pid}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._holder.kill()
        self._holder.wait()
        assert self._holder.stdout
        self._holder.stdout.close()
        wait_for(lambda: not os.path.exists(f"/proc/{self.pid}"), "the end of the engines", 30)
        for directory in _groups_below(self.cgroup):
            os.rmdir(directory)
        for directory in _groups_below(*_SHARED_CGROUPS):
            try:
                os.rmdir(directory)
            except OSError as error:
                print(f"{directory} stays, as others use it: {error}")

    def command(self, words: Sequence[str]) -> list[str]:
        """*words* as a command in this place, with an environment that says nothing of the machine."""
        entered = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid"]
        directories = [f"{name}={HOME}" for name in ("HOME", "XDG_RUNTIME_DIR", "TMPDIR")]
        return [*entered, "env", "-i", "-C", HOME, *directories, f"PATH={PATH}", *words]

    def run(self, words: Sequence[str], stdin: str = "", timeout: float = 60) -> Result:
        """Run *words* to their end; both streams in files, for a detached container inherits them."""
        number = next(self._numbers)
        out, err, given = (self.directory / f"{number}.{stream}" for stream in ("out", "err", "in"))
        given.write_text(stdin)
        with out.open("wb") as stdout, err.open("wb") as stderr, given.open("rb") as text:
            finished = subprocess.run(
                self.command(words), stdin=text, stdout=stdout, stderr=stderr, check=False, timeout=timeout * PATIENCE
            )
        result = Result(words, finished.returncode, out, err)
        print(result)
        return result

    def spawn(self, words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a daemon."""
        with log.open("wb") as file:
            return subprocess.Popen(
                self.command(words), stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    @contextlib.contextmanager
    def watching(self, words: Sequence[str]) -> Iterator[Path]:
        """Let *words* run meanwhile; the file with what they print."""
        said = self.directory / f"{next(self._numbers)}.out"
        process = self.spawn(words, said)
        try:
            yield said
        finally:
            signal_child(process, signal.SIGKILL)
            process.wait()

    def inventory(self) -> set[str]:
        """The mounts, network namespaces, processes and cgroups there are in this place."""
        mounts = [line.split()[4] for line in self.inside("/proc/1/mountinfo").read_text().splitlines()]
        namespaces = self.inside("/run/netns").glob("*")
        processes = [f"process {name}" for name in os.listdir(self.inside("/proc")) if name.isdigit()]
        return {*mounts, *map(str, namespaces), *processes, *_groups_below(self.cgroup)}

    def inside(self, path: str) -> Path:
        """The place's *path*, as we can reach it."""
        return self.root / path.lstrip("/")

    def page(self) -> tuple[str, Path]:
        """A new file that anybody may write: the option that mounts it at /said, and where we read it.

        conmon loses what a program prints that has ended before conmon accepts the connection of podman run.
        """
        path = self.write(f"pages/{next(self._numbers)}", "", 0o666)
        return f"--volume={path}:/said", self.inside(path)

    def write(self, name: str, text: str, mode: int = 0o644) -> str:
        """Write a file below HOME; its path there."""
        path = self.inside(HOME) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return f"{HOME}/{name}"


def _groups_below(*names: str) -> Iterator[str]:
    """The cgroups called *names*, in every hierarchy, each after those in it."""
    for top in [_CGROUPS, *(path for path in _CGROUPS.iterdir() if path.is_dir())]:
        for name in names:
            for directory, _, _ in os.walk(top / name, topdown=False):
                yield directory


def signal_child(process: subprocess.Popen[bytes], number: int) -> None:
    """Send what was spawned a signal: it is the child of nsenter, which has to stay outside of the pid namespace."""
    (pid,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(pid), number)


def host_pid(container: str) -> int:
    """A process of the *container*, whose cgroups have its name, as it is called outside of the place."""
    members = (Path(group, "cgroup.procs").read_text().split() for group in cgroups_named(container))
    return int(next(pids[0] for pids in members if pids))


class Engine:
    """One engine that uses *runtime*: ``prepare``, then ``command`` gives the words to run."""

    name = ""
    version = ("--version",)

    def __init__(self, place: Place, runtime: str) -> None:
        self.place = place
        self.runtime = runtime
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def options(self) -> list[str]:
        """The words before every subcommand."""
        return []

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line of the engine's subcommand *words*."""
        return [self.name, *self.options, *words]

    def __call__(self, *words: str, stdin: str = "", timeout: float = 60) -> Result:
        """Run a subcommand. Raises AssertionError when it fails."""
        return self.attempt(*words, stdin=stdin, timeout=timeout).ok()

    def attempt(self, *words: str, stdin: str = "", timeout: float = 60) -> Result:
        """Run a subcommand; whether it succeeded is for the test to see."""
        command = self.command([word for word in words if word != ON_TERMINAL])
        if ON_TERMINAL in words:
            command = ["script", "--quiet", "--return", "--command", shlex.join(command), "/dev/null"]
        return self.place.run(command, stdin, timeout)

    @contextlib.contextmanager
    def on_terminal(self, *words: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
        """Start a subcommand on a terminal, 33 rows of 99: what is at its other end, and the process to wait for."""
        terminal, slave = open_terminal()
        terminal.resize(33, 99)
        command = ["setsid", "--ctty", *self.place.command(["env", "TERM=xterm", *self.command(words)])]
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        try:
            yield terminal, process
        finally:
            terminal.close()
            process.kill()
            process.wait()

    def inventory(self) -> set[str]:
        """What containers consist of, without what engines make once and keep."""
        state = self.place.inside(f"/run/{Path(self.runtime).name}").glob("*")
        once = ("/run/netns", "/root/overlay", f"/{self.place.cgroup}", f"/{self.place.cgroup}/conmon")
        return {name for name in self.place.inventory() | {*map(str, state)} if not name.endswith(once)}

    @contextlib.contextmanager
    def leaving_nothing(self) -> Iterator[None]:
        """Afterwards engine, runtime and kernel have to forget what there was not before."""
        before = self.inventory()
        yield
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not self.inventory() - before)
        left = self.inventory() - before
        assert not left

    def prepare(self, image: Path) -> None:
        """Start what has to run, and read the *image*."""
        self("load", "--input", str(image))

    def end(self, number: int = signal.SIGTERM) -> None:
        """Stop what prepare started."""
        if self._daemon:
            signal_child(self._daemon, number)
            self._daemon.wait(20 * PATIENCE)
            self._daemon = None

    def version_text(self) -> str:
        """The engine's name and version."""
        return self.place.run([self.name, "--version"]).output

    def _start(self, words: Sequence[str], socket: str) -> None:
        """Start a daemon, for which the runtime is runc as well: some look for that, whatever they are told."""
        link = self.place.inside(f"{HOME}/sbin/runc")
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(self.runtime)
        words = ["env", f"PATH={HOME}/sbin:{PATH}", *words]
        self._daemon = self.place.spawn(words, self.place.directory / f"{self.name}.log")
        wait_for(self.place.inside(socket).exists, f"{self.name}'s socket", 30)


class Podman(Engine):
    """podman, which starts conmon for each container."""

    name = "podman"
    _MAKE_CONTAINERS = (("run",), ("create",), ("pod", "create"), ("build",))

    @property
    def options(self) -> list[str]:
        """Storage of its own."""
        return [
            "--root", f"{HOME}/podman/root", "--runroot", f"{HOME}/podman/run", "--tmpdir", f"{HOME}/podman/tmp",
            "--storage-driver=overlay", "--runtime", Path(self.runtime).name,
        ]  # fmt: skip

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line; what makes containers puts them into the place's cgroup."""
        environment = ["env", f"CONTAINERS_CONF={HOME}/containers.conf"]
        elsewhere = any(word.startswith(("--pod=", "--cgroups=")) for word in words)
        for names in self._MAKE_CONTAINERS:
            if tuple(words[: len(names)]) == names and not elsewhere:
                # A step of a build has for its cgroup what it is told is the parent: one that may have no children.
                parent = self.place.cgroup + ("/build" if names == ("build",) else "")
                words = [*names, f"--cgroup-parent=/{parent}", *words[len(names) :]]
        return [*environment, self.name, *self.options, *words]

    def inventory(self) -> set[str]:
        """What containers consist of."""
        kept = self.place.inside(f"{HOME}/podman").glob("*/overlay-containers/" + "?" * 64)
        # The group of a pod in a hierarchy without controllers: no runtime's, and podman forgets it.
        forgotten = re.compile(r".*/(systemd|unified)/[^/]+/[0-9a-f]{64}")
        return {name for name in super().inventory() if not forgotten.fullmatch(name)} | {str(path) for path in kept}

    def shipped(self) -> str:
        """What we ship for /etc/containers, with the runtime under test in it."""
        text = (_CONTRIB / "containers.conf.d/pyoci.conf").read_text()
        text = text.replace("pyoci = [", f"{Path(self.runtime).name} = [")
        return text.replace("/usr/local/bin/pyoci", self.runtime)

    def prepare(self, image: Path) -> None:
        """Write what we ship for /etc/containers, with the runtime under test in it, and read the *image*."""
        limits = "" if abilities.has("sys_resource") else _LOW_LIMITS
        self.place.write("containers.conf", self.shipped().replace("[engine]\n", _CONTAINERS) + limits)
        super().prepare(image)


_CONTAINERS = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# Without CAP_SYS_RESOURCE nobody raises the limits podman asks for.
_LOW_LIMITS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""


class Docker(Engine):
    """docker with a daemon, which starts its own containerd."""

    name = "docker"
    socket = f"{HOME}/docker.sock"

    @property
    def options(self) -> list[str]:
        """Its socket."""
        return ["--host", f"unix://{self.socket}"]

    def command(self, words: Sequence[str]) -> list[str]:
        """Debian's client: a machine may have another in front of it."""
        return [f"/usr/bin/{self.name}", *self.options, *words]

    def prepare(self, image: Path, **settings: object) -> None:
        """Start the daemon, with more *settings* in its daemon.json, and read the *image*."""
        self.start(**settings)
        super().prepare(image)

    def network(self) -> dict[str, object]:
        """Settings of a bridge of its own, where there can be one."""
        return {"bip": "10.213.0.1/24"} if abilities.has("nat") else {"bridge": "none", "iptables": False}

    def start(self, **settings: object) -> None:
        """Start the daemon; what we ship for /etc/docker names the runtime."""
        config = json.loads((_CONTRIB / "docker/daemon.json").read_text().replace("/usr/local/bin/pyoci", self.runtime))
        config |= {
            "hosts": [f"unix://{self.socket}"], "data-root": f"{HOME}/docker/data", "exec-root": f"{HOME}/docker/exec",
            "pidfile": f"{HOME}/docker.pid", "cgroup-parent": f"/{self.place.cgroup}", "userland-proxy": False,
            "ip6tables": False, **self.network(), **settings,
        }  # fmt: skip
        path = self.place.write("daemon.json", json.dumps(config))
        self._start(["dockerd", "--config-file", path], self.socket)
        wait_for(lambda: self.place.run(self.command(["version"])).status == 0, "dockerd", 30)


class Containerd(Engine):
    """containerd, as ctr and most orchestrators use it."""

    name = "ctr"
    socket = f"{HOME}/containerd.sock"

    @property
    def options(self) -> list[str]:
        """Its socket, and a namespace of its own, as that is the name of a cgroup."""
        return ["--address", self.socket, "--namespace", self.place.cgroup]

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line; `run` names the runtime."""
        chosen = ["--runc-binary", self.runtime] if words[0] == "run" else []
        return [self.name, *self.options, words[0], *chosen, *words[1:]]

    def shipped(self) -> str:
        """What we ship for the kubelet's side of it, with the runtime under test in it."""
        return (_CONTRIB / "containerd/pyoci.toml").read_text().replace("/usr/local/bin/pyoci", self.runtime)

    def prepare(self, image: Path) -> None:
        """Start the daemon, with what we ship, and read the *image*."""
        self.place.write("cni/10-bridge.conflist", json.dumps(_CNI))
        self.place.inside(f"{HOME}/containerd").mkdir()  # containerd's own would be closed to user namespaces
        config = self.place.write("containerd.toml", _CONTAINERD + self.shipped())
        self._start(["containerd", "--config", config], self.socket)
        wait_for(lambda: self.place.run(self.command(["version"])).status == 0, "containerd", 30)
        for namespace in (self.place.cgroup, "k8s.io"):
            self("--namespace", namespace, "image", "import", str(image))


_CONTAINERD = f"""\
version = 2
root = "{HOME}/containerd/root"
state = "{HOME}/containerd/state"

[grpc]
address = "{HOME}/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
path = "{HOME}/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{HOME}/cni"

"""
_CNI = {
    "cniVersion": "0.4.0", "name": "pods",
    "plugins": [{
        "type": "bridge", "bridge": "pods0", "isGateway": True,
        "ipam": {"type": "host-local", "subnet": "10.214.0.0/24", "dataDir": f"{HOME}/cni/addresses"},
    }],
}  # fmt: skip


class Buildah(Engine):
    """buildah, whose ``run`` is a build step."""

    name = "buildah"

    @property
    def options(self) -> list[str]:
        """Storage of its own."""
        return ["--root", f"{HOME}/buildah/root", "--runroot", f"{HOME}/buildah/run", "--storage-driver=overlay"]

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line; what makes containers puts them into the place's cgroup."""
        parent = [f"--cgroup-parent=/{self.place.cgroup}/build"] if words[0] in {"build", "bud", "from"} else []
        environment = ["env", f"BUILDAH_RUNTIME={self.runtime}"]
        return [*environment, self.name, *self.options, words[0], *parent, *words[1:]]

    def prepare(self, image: Path) -> None:
        """Read the image."""
        self("pull", f"docker-archive:{image}")


ENGINES: dict[str, type[Engine]] = {"podman": Podman, "docker": Docker, "containerd": Containerd, "buildah": Buildah}
