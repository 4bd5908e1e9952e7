"""``restore``: criu makes a container of what ``checkpoint`` wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.bundle import Bundle
from tests.support.checkpoints import Images
from tests.support.container import Container
from tests.support.limits import assert_limits, directory, places
from tests.support.pipes import COUNTER, Pipes
from tests.support.systemd import systemctl
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.hook import HookScript
    from tests.support.runtime import Runtime
    from tests.support.terminal import ConsoleSocket

pytestmark = [pytest.mark.timeout(150), pytest.mark.needs("criu")]


def count(container: Container, *options: str, script: str = COUNTER, global_options: tuple[str, ...] = ()) -> None:
    """Let *container* count to one by *script*, and checkpoint it with *options*."""
    container.bundle.script(script)
    with Pipes() as pipes:
        container.run("--detach", options=global_options, **pipes.streams).ok()
        assert pipes.ask("a") == "1 a"
        Images(container.bundle.path.parent / "images").take(container, *options, options=global_options).ok()


def test_makes_a_whole_container(container: Container, images: Images, pipes: Pipes, place: Path) -> None:
    count(container)

    images.restore(container, "--detach", "--pid-file", place / "pid", **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    assert container.status == "running"
    assert (place / "pid").read_text() == str(container.pid)
    assert container.exec("echo", "inside").ok().output == "inside"
    assert container.exec("cat", "/proc/1/comm").ok().output == "sh"
    assert "lo: <LOOPBACK,UP" in container.exec("ip", "link").ok().output.replace("lo  ", "lo")
    assert container.id in container.runtime("list", "--quiet").ok().output.split()
    container.runtime("pause", container.id).ok()
    assert container.status == "paused"
    container.runtime("resume", container.id).ok()
    assert json.loads(container.runtime("events", "--stats", container.id).ok().stdout)["id"] == container.id
    assert pipes.ask("c") == "3 c"
    container.kill("KILL").ok()
    container.wait_for_status("stopped")
    container.delete().ok()


def test_can_be_repeated(container: Container, images: Images, pipes: Pipes, place: Path) -> None:
    count(container)
    with Pipes() as streams:
        images.restore(container, "--detach", **streams.streams).ok()
        assert streams.ask("b") == "2 b"
        Images(place / "again").take(container).ok()

    Images(place / "again").restore(container, "--detach", **pipes.streams).ok()

    assert pipes.ask("c") == "3 c"


def test_waits_in_the_foreground_for_the_end(container: Container, images: Images, pipes: Pipes) -> None:
    count(container, script=f"trap 'exit 7' TERM; {COUNTER}")
    words = ("--image-path", images.path, "--bundle", container.bundle.path, container.id)

    front = container.runtime.spawn("restore", *words, **{**pipes.streams, "text": None})
    assert pipes.ask("b") == "2 b"
    front.terminate()
    pipes.say("and goes on reading")

    assert front.wait(30) == 7
    container.runtime("state", container.id).failed("does not exist")


def test_takes_another_id_and_another_bundle(
    container: Container, new_id: Callable[[], str], images: Images, pipes: Pipes, place: Path
) -> None:
    (place / "old").mkdir()
    (place / "new").mkdir()
    (place / "new/file").write_text("of the new place\n")
    container.bundle.mount("/data/deep", "bind", str(place / "old"), "rbind")
    container.bundle.mount("/etc/hostname", "bind", "/etc/hostname", "bind", "ro")
    count(container)
    other = Bundle(place / "other")
    other.config = container.bundle.config
    shutil.copytree(container.bundle.rootfs, place / "copy", symlinks=True, ignore=shutil.ignore_patterns("data"))
    shutil.rmtree(other.rootfs)
    (place / "copy").rename(other.rootfs)
    other.config["mounts"][-2]["source"] = str(place / "new")
    restored = Container(container.runtime, other, new_id())

    try:
        images.restore(restored, "--detach", **pipes.streams).ok()

        assert pipes.ask("b") == "2 b"
        assert restored.exec("cat", "/data/deep/file").ok().output == "of the new place"
        assert restored.exec("cat", "/etc/hostname").ok().stdout == Path("/etc/hostname").read_text()
        assert restored.state()["bundle"] == str(other.path)
    finally:
        restored.remove()


def test_brings_mounts_below_a_bind_mount_along(
    container: Container, images: Images, pipes: Pipes, place: Path
) -> None:
    source = place / "source"
    (source / "below").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "below"], check=True)
    try:
        (source / "below/file").write_text("below\n")
        container.bundle.mount("/data", "bind", str(source), "rbind")
        count(container)

        images.restore(container, "--detach", **pipes.streams).ok()

        assert pipes.ask("b") == "2 b"
        assert container.exec("cat", "/data/below/file").ok().output == "below"
        container.remove()
    finally:
        subprocess.run(["umount", "-l", source / "below"], check=True)


def test_keeps_the_files_of_a_tmpfs(container: Container, images: Images, pipes: Pipes) -> None:
    container.bundle.mount("/scratch", "tmpfs", "tmpfs")
    count(container, script=f"echo kept > /scratch/file; {COUNTER}")

    images.restore(container, "--detach", **pipes.streams).ok()

    assert container.exec("cat", "/scratch/file").ok().output == "kept"


def test_hands_the_terminal_over(
    container: Container, images: Images, recvtty: ConsoleSocket, new_id: Callable[[], str], place: Path
) -> None:
    container.bundle.process["terminal"] = True
    container.bundle.script(COUNTER)
    container.run("--detach", "--console-socket", recvtty.path).ok()
    terminal = recvtty.terminal()
    terminal.write("a\n")
    terminal.read_until("1 a")
    images.take(container).ok()
    second = type(recvtty)(place / "second.sock")

    try:
        images.restore(container, "--detach", "--console-socket", second.path).ok()
        terminal = second.terminal()
        terminal.write("b\n")
        terminal.read_until("2 b")
    finally:
        second.close()


def test_refuses_a_terminal_that_nobody_holds(container: Container, images: Images) -> None:
    container.bundle.process["terminal"] = True

    images.restore(container, "--detach").failed("cannot allocate tty")


@pytest.mark.needs("userns")
def test_restores_a_user_namespace(container: Container, images: Images, pipes: Pipes) -> None:
    container.bundle.user_namespace()
    os.chown(container.bundle.rootfs, 100000, 100000)
    count(container)

    images.restore(container, "--detach", **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    assert os.stat(f"/proc/{container.pid}").st_uid == 100000
    said = container.exec("sh", "-c", "echo x > /dev/null && cat /proc/self/uid_map").ok().output
    assert said.split() == ["0", "100000", "65536"]


def test_applies_the_limits_of_the_new_configuration(container: Container, images: Images, pipes: Pipes) -> None:
    container.bundle.linux["resources"] = {"pids": {"limit": 50}, "memory": {"limit": 64 << 20}}
    count(container)
    container.bundle.linux["resources"] = {"pids": {"limit": 20}, "memory": {"limit": 128 << 20}}

    images.restore(container, "--detach", **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    assert_limits(container.pid, {"pids.max": "20"})
    assert container.id in "".join(places(container.pid).values())


@pytest.mark.parametrize("mode", ["ignore", "full"])
def test_treats_cgroups_as_asked(container: Container, images: Images, pipes: Pipes, mode: str) -> None:
    count(container, "--manage-cgroups-mode", mode)

    images.restore(container, "--detach", "--manage-cgroups-mode", mode, **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    assert container.id in "".join(places(container.pid).values())


@pytest.mark.differs("runc 1.1.5 restores it, as if nothing was said")
def test_strict_is_refused_by_criu_for_the_cgroup_is_there(container: Container, images: Images) -> None:
    """It would make all cgroups itself; but a runtime has made one, in which criu runs."""
    count(container)

    images.restore(container, "--detach", "--manage-cgroups-mode", "strict").failed("criu failed")

    assert "Abort restore of existing cgroups" in images.log("restore.log")


def test_restores_a_cgroup_namespace(container: Container, images: Images, pipes: Pipes) -> None:
    container.bundle.namespace("cgroup")
    count(container)

    images.restore(container, "--detach", **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    assert container.exec("cat", "/proc/1/cgroup").ok().output.splitlines()[-1].endswith(":/")
    assert "1" in container.exec("sh", "-c", "cat /sys/fs/cgroup/*.procs /sys/fs/cgroup/*/*.procs").output.split()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="cgroupfs"),
        pytest.param(("--systemd-cgroup",), marks=pytest.mark.needs("systemd"), id="systemd"),
    ],
)
def test_restores_cgroups_below_its_own(
    container: Container, images: Images, pipes: Pipes, options: tuple[str, ...]
) -> None:
    container.bundle.script(COUNTER)
    with Pipes() as streams:
        container.run("--detach", options=options, **streams.streams).ok()
        assert streams.ask("a") == "1 a"
        (directory(container.pid, "devices") / "below").mkdir()
        images.take(container, options=options).ok()

    images.restore(container, "--detach", options=options, **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    assert (directory(container.pid, "devices") / "below").is_dir()


@pytest.mark.needs("systemd")
def test_starts_a_unit_around_the_container(container: Container, images: Images, pipes: Pipes) -> None:
    container.bundle.linux["cgroupsPath"] = f"pyoci-tests.slice:pyoci:{container.id}"
    container.bundle.linux["resources"] = {"pids": {"limit": 50}}
    count(container, global_options=("--systemd-cgroup",))

    images.restore(container, "--detach", options=("--systemd-cgroup",), **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"
    unit = f"pyoci-{container.id}.scope"
    assert unit in "".join(places(container.pid).values())
    assert systemctl.show(unit, "ActiveState", "TasksMax") == {"ActiveState": "active", "TasksMax": "50"}


def test_keeps_the_seccomp_filter(container: Container, images: Images, pipes: Pipes) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
    container.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    count(container, script="n=0; while read w; do n=$((n+1)); mkdir /tmp/x 2>/dev/null && n=99; echo $n $w; done")

    images.restore(container, "--detach", **pipes.streams).ok()

    assert pipes.ask("b") == "2 b"


@pytest.mark.needs("netns")
def test_enters_a_given_network_namespace(container: Container, images: Images, pipes: Pipes) -> None:
    holders = [subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE) for _ in range(2)]
    first, second = [f"/proc/{holder.pid}/ns/net" for holder in holders]
    wait_for(lambda: len({os.readlink(path) for path in (first, second, "/proc/self/ns/net")}) == 3)
    try:
        container.bundle.namespace("network", first)
        count(container)
        container.bundle.namespace("network", second)

        images.restore(container, "--detach", **pipes.streams).ok()

        assert pipes.ask("b") == "2 b"
        assert os.readlink(f"/proc/{container.pid}/ns/net") == os.readlink(second)
    finally:
        for holder in holders:
            holder.communicate()


def test_runs_the_hooks_that_prepare_a_container(
    container: Container, images: Images, pipes: Pipes, hook_script: Callable[..., HookScript]
) -> None:
    count(container)
    hooks = {kind: hook_script(f"cat; echo; echo {kind}") for kind in ("prestart", "createRuntime")}
    container.bundle.config["hooks"] = {kind: [hook.entry()] for kind, hook in hooks.items()}

    images.restore(container, "--detach", **pipes.streams).ok()

    for kind, hook in hooks.items():
        document, said = hook.text().splitlines()
        assert (said, json.loads(document)["pid"]) == (kind, container.pid)


def test_leaves_nothing_behind_when_a_hook_fails(
    container: Container, images: Images, hook_script: Callable[..., HookScript]
) -> None:
    count(container)
    container.bundle.config["hooks"] = {"createRuntime": [hook_script("exit 3").entry()]}

    images.restore(container, "--detach").failed("error running createRuntime hook #0: exit status 3")

    container.runtime("state", container.id).failed("does not exist")


def test_says_criu_s_own_reason_and_leaves_nothing(container: Container, images: Images) -> None:
    count(container)
    (images.path / "core-1.img").unlink()

    failed = images.restore(container, "--detach").failed("criu failed: type RESTORE errno", "Restoring FAILED")

    assert f"(log file: {images.path}/restore.log)" in failed.stderr
    container.runtime("state", container.id).failed("does not exist")


def test_refuses_an_id_that_is_taken(container: Container, images: Images) -> None:
    count(container, "--leave-running")

    images.restore(container, "--detach").failed("container with given ID already exists")


def test_says_that_there_are_no_images(container: Container, images: Images) -> None:
    images.restore(container, "--detach").failed("descriptors.json")


def test_library_does_both(container: Container, images: Images, runtime: Runtime) -> None:
    import pyoci

    container.bundle.script("while true; do sleep 1000; done")  # the sleep that criu interrupts ends early
    container.up(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    pyoci.checkpoint(str(runtime.root), container.id, image_path=str(images.path))
    pyoci.restore(str(runtime.root), container.id, str(container.bundle.path), image_path=str(images.path), detach=True)

    assert container.status == "running"
