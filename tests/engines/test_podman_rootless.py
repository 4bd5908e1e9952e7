"""podman of a user without privileges: a user namespace from newuidmap(1), and no cgroups where systemd gives none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.engines import HOME, IMAGE, Podman
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.runtime import Result

    Rootless = Callable[..., Result]

pytestmark = pytest.mark.needs("userns", "newuidmap")

_USER, _HOME = 4000, f"{HOME}/ruth"
_MAP = "tr -s ' ' < /proc/self/uid_map"
_LINES = {
    "passwd": f"ruth:x:{_USER}:{_USER}::{_HOME}:/bin/sh\n",
    "group": f"ruth:x:{_USER}:\n",
    "subuid": "ruth:300000:65536\n",
    "subgid": "ruth:300000:65536\n",
}


@pytest.fixture(scope="session")
def user(podman: Podman, image: Path) -> Rootless:
    """podman, run by a user who has the image."""
    for name, line in _LINES.items():
        file = podman.place.inside(f"/etc/{name}")
        file.write_text(file.read_text() + line)
    home = podman.place.inside(_HOME)
    (home / "run").mkdir(parents=True, mode=0o700)
    shutil.copyfile(image, home / "image.tar")
    for path in (home, *home.iterdir()):
        os.chown(path, _USER, _USER)
    environment = [f"{name}={_HOME}" for name in ("HOME", "TMPDIR")] + [f"XDG_RUNTIME_DIR={_HOME}/run"]
    become = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    command = ["env", f"CONTAINERS_CONF={HOME}/containers.conf", *environment, *become]
    options = ["--storage-driver=vfs", "--runtime", Path(podman.runtime).name]

    def run(*words: str) -> Result:
        return podman.place.run([*command, "podman", *options, *words])

    run("load", "--input", f"{_HOME}/image.tar").ok()
    return run


@pytest.fixture
def rootless(podman: Podman, user: Rootless) -> Iterator[Rootless]:
    """The same, and afterwards no container, process or file of the runtime is left."""
    before = podman.place.inventory()
    yield user
    user("rm", "--all", "--force", "--time=0").ok()
    state = podman.place.inside(f"{_HOME}/run") / Path(podman.runtime).name
    assert not state.is_dir() or os.listdir(state) == []
    wait_for(lambda: not podman.place.inventory() - before, "all is removed")


@pytest.mark.parametrize(
    ("options", "script", "found"),
    [
        pytest.param("", "id -u; tr -s ' ' < /proc/self/uid_map", "0\n 0 4000 1\n 1 300000 65536", id="ids"),
        pytest.param("--userns=keep-id", "id -un; id -u", "ruth\n4000", id="keep-id"),
        pytest.param("--user=alice", "id -u; touch /tmp/new; stat -c %u /tmp/new", "1000\n1000", id="user"),
        pytest.param("--read-only --tmpfs=/t", "touch /t/new; touch /new 2>&1", "touch: /new: Read-only file system",
                     id="read-only"),
        pytest.param(f"--volume={_HOME}:/v:ro", "stat -c %u /v; touch /v/new 2>&1",
                     "0\ntouch: /v/new: Read-only file system", id="volume"),
        pytest.param("--device=/dev/full", "echo x 2>&1 >/dev/full", "sh: write error: No space left on device",
                     id="device"),
        pytest.param("--privileged", "mount -t tmpfs t /tmp && echo mounted", "mounted", id="privileged"),
        pytest.param("--sysctl=net.ipv4.ip_forward=1 --hostname=named", "hostname; cat /proc/sys/net/ipv4/ip_forward",
                     "named\n1", id="sysctl"),
        pytest.param("--pid=host --uts=host", "test $$ != 1 && echo more", "more", id="host"),
        pytest.param("--userns=auto:size=1000", _MAP, "0 1 1000", id="auto"),
        pytest.param("--userns=nomap", _MAP, "0 1 65536", id="nomap"),
        pytest.param("--uidmap=0:1:10 --uidmap=100:11:10 --gidmap=0:1:200", _MAP, "0 1 10\n 100 11 10", id="uidmap"),
        pytest.param("--userns=keep-id:uid=200,gid=210", "id -u; id -g", "200\n210", id="keep-id, renamed"),
        pytest.param("--cgroups=disabled", "id -u", "0", id="no cgroups"),
        pytest.param("--cgroupns=host", "touch /sys/fs/cgroup/x 2>/dev/null || echo refused", "refused", id="cgroupns"),
        pytest.param("--systemd=always", "ls -d /sys/fs/cgroup", "/sys/fs/cgroup", id="systemd"),
        pytest.param("--volume=named:/v:U --user=1000", "touch /v/new; stat -c %u /v", "1000", id="volume given away"),
        pytest.param("--oom-score-adj=-500", "cat /proc/self/oom_score_adj", "0", id="oom"),
        pytest.param("--cap-drop=all", "grep CapEff /proc/self/status", "CapEff:\t0000000000000000", id="no privilege"),
        pytest.param("--group-add=keep-groups", "id -u", "0", id="groups"),
    ],
)  # fmt: skip
def test_run_with(rootless: Rootless, podman: Podman, options: str, script: str, found: str) -> None:
    mounted, page = podman.place.page()
    words = ["sh", "-c", f"exec >/said\n{script}\ntrue"]

    rootless("run", "--rm", "--network=none", mounted, *options.split(), IMAGE, *words).ok()

    assert page.read_text().strip() == found.strip()


def test_life(rootless: Rootless) -> None:
    rootless("run", "-d", "--name=one", "--network=none", IMAGE).ok()

    assert rootless("exec", "one", "id", "-u").ok().output == "0"
    assert rootless("exec", "--user=alice", "one", "id", "-un").ok().output == "alice"
    assert rootless("top", "one", "pid", "args").ok().output.splitlines()[1].split() == ["1", "/bin/sh", "/bin/observe"]
    rootless("kill", "--signal=USR1", "one").ok()
    rootless("restart", "--time=0", "one").ok()
    rootless("stop", "--time=5", "one").ok()
    assert rootless("inspect", "--format={{.State.Status}}", "one").ok().output == "exited"


def test_stop_wait_and_no_pause(rootless: Rootless) -> None:
    rootless("run", "-d", "--name=two", "--network=none", IMAGE).ok()

    assert rootless("exec", "--user=1000:29", "--workdir=/tmp", "two", "pwd").ok().output == "/tmp"
    unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    refusal = "cgroups not configured for container" if unified else "rootless containers with cgroup V1"
    rootless("pause", "two").failed(refusal, status=125)  # nobody has delegated a cgroup to the user
    rootless("kill", "--signal=KILL", "two").ok()
    assert rootless("wait", "two").ok().output == "137"


def test_the_runtime_in_unshare(rootless: Rootless, podman: Podman) -> None:
    podman.place.write("ruth/plain/config.json", "{}")

    assert rootless("unshare", podman.runtime, "list", "--quiet").ok().output == ""
    rootless("unshare", podman.runtime, "create", "--bundle", f"{_HOME}/plain", "x").failed("config.json")


def test_what_cannot_be_executed(rootless: Rootless) -> None:
    rootless("run", "--rm", "--network=none", IMAGE, "/missing").failed("/missing: no such file", status=127)
    rootless("run", "--rm", "--network=none", IMAGE, "/etc").failed("permission denied", status=126)


def test_a_pod(rootless: Rootless) -> None:
    rootless("pod", "create", "--name=pod", "--network=none", f"--infra-image={IMAGE}", "--infra-command=observe").ok()
    rootless("run", "-d", "--pod=pod", IMAGE, "sh", "-c", "echo word | nc -l -p 99; sleep 1000").ok()

    said = rootless("run", "--rm", "--pod=pod", IMAGE, "sh", "-c", "until nc 127.0.0.1 99; do sleep 0.05; done")

    rootless("pod", "rm", "--force", "--time=0", "pod").ok()
    assert said.ok().output == "word"


def test_a_build(rootless: Rootless, podman: Podman) -> None:
    podman.place.write("ruth/context/Containerfile", f"FROM {IMAGE}\nUSER alice\nRUN id -u\n")

    said = rootless("build", "--isolation=oci", "--network=none", f"{_HOME}/context").ok()

    assert "1000" in said.stdout.splitlines()
