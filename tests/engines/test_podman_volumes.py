"""Volumes of podman: what -v, --mount and --tmpfs become inside, and what reaches the other side."""

from __future__ import annotations

import os

import pytest

from tests.support import engines
from tests.support.engines import HOME, Engine

pytestmark = pytest.mark.usefixtures("nothing_left")

_VOLUME, _SHARED = f"{HOME}/volume", f"{HOME}/shared"

# mount point, its options, propagation, type of the file system, and the latter's options
_MOUNTS = """\
awk '$5 ~ /^.v/ {
    said = $5 " " $6
    for (i = 7; $i != "-"; i++) { sub(/:.*/, "", $i); said = said " " $i }
    sub(/(,lowerdir|,upperdir|,uuid|,redirect_dir)=.*|,inode64/, "", $(i + 3))
    print said, $(i + 1), $(i + 3)
}' /proc/self/mountinfo
"""


@pytest.fixture
def volume(podman: Engine) -> None:
    """A directory of user 1000 with a file in it, as it was before other tests."""
    path = podman.place.inside(_VOLUME)
    for name in (path, podman.place.inside(podman.place.write("volume/file", "text\n"))):
        os.chown(name, 1000, 1000)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        pytest.param(f"-v {_VOLUME}:/v", "/v rw,relatime tmpfs rw", id="nothing"),
        pytest.param(f"-v {_VOLUME}:/v:ro", "/v ro,relatime tmpfs rw", id="ro"),
        pytest.param(f"-v {_VOLUME}:/v:z", "/v rw,relatime tmpfs rw", id="z"),
        pytest.param(f"-v {_VOLUME}:/v:ro,Z", "/v ro,relatime tmpfs rw", id="Z"),
        pytest.param(f"-v {_VOLUME}:/v:noexec,nosuid,nodev", "/v rw,nosuid,nodev,noexec,relatime tmpfs rw", id="no"),
        pytest.param(f"-v {_VOLUME}:/v:exec,suid,dev,rw", "/v rw,relatime tmpfs rw", id="yes"),
        pytest.param(f"-v {_VOLUME}:/v:rprivate", "/v rw,relatime tmpfs rw", id="rprivate"),
        pytest.param(f"-v {_VOLUME}:/v:bind,private", "/v rw,relatime tmpfs rw", id="private"),
        pytest.param(f"-v {_SHARED}:/v:rshared", "/v rw,relatime shared tmpfs rw", id="rshared"),
        pytest.param(f"-v {_SHARED}:/v:shared", "/v rw,relatime shared tmpfs rw", id="shared"),
        pytest.param(f"-v {_SHARED}:/v:rslave", "/v rw,relatime master tmpfs rw", id="rslave"),
        pytest.param(f"-v {_SHARED}:/v:slave,ro", "/v ro,relatime master tmpfs rw", id="slave"),
        pytest.param(f"-v {_VOLUME}:/v:unbindable", "/v rw,relatime unbindable tmpfs rw", id="unbindable"),
        pytest.param(f"-v {_VOLUME}/file:/v", "/v rw,relatime tmpfs rw", id="file"),
        pytest.param(f"-v {_VOLUME}:/v:O", "/v rw,relatime overlay rw", id="overlay"),
        pytest.param("-v /v", "/v rw,nosuid,nodev,relatime tmpfs rw", id="anonymous"),
        pytest.param(f"--mount type=bind,src={_VOLUME},dst=/v,ro,bind-propagation=rslave",
                     "/v ro,relatime master tmpfs rw", id="mount-bind"),
        pytest.param(f"--mount type=bind,src={_VOLUME},dst=/v,bind-nonrecursive", "/v rw,relatime tmpfs rw",
                     id="mount-nonrecursive"),
        pytest.param("--mount type=tmpfs,dst=/v,tmpfs-mode=0700,tmpfs-size=1048576",
                     "/v rw,nosuid,nodev,relatime tmpfs rw,size=1024k,mode=700", id="mount-tmpfs"),
        pytest.param("--mount type=devpts,dst=/v,uid=5,gid=6,mode=0622,max=3",
                     "/v rw,relatime devpts rw,uid=5,gid=6,mode=622,ptmxmode=000,max=3", id="mount-devpts"),
        pytest.param(f"--mount type=image,src={engines.IMAGE},dst=/v", "/v rw,relatime overlay ro", id="mount-image"),
        pytest.param("--mount type=volume,dst=/v,ro", "/v ro,nosuid,nodev,relatime tmpfs rw", id="mount-volume"),
        pytest.param("--tmpfs /v:rw,size=1m,mode=1770,noexec",
                     "/v rw,nosuid,nodev,noexec,relatime tmpfs rw,size=1024k,mode=1770", id="tmpfs"),
        pytest.param("--tmpfs /v", "/v rw,nosuid,nodev,relatime tmpfs rw", id="tmpfs-plain"),
    ],
)  # fmt: skip
def test_mounts(podman: Engine, volume: None, options: str, found: str) -> None:
    mounted, page = podman.place.page()

    podman(
        "run", "--rm", "--network=none", mounted, *options.split(), engines.IMAGE, "sh", "-c", f"exec >/said; {_MOUNTS}"
    )

    assert page.read_text().strip() == found


@pytest.mark.parametrize(
    ("options", "script", "found"),
    [
        pytest.param(f"-v {_VOLUME}:/v:ro", "echo x 2>&1 >/v/file", "sh: can't create /v/file: Read-only file system",
                     id="ro"),
        pytest.param(f"-v {_VOLUME}:/v:noexec", "cp /bin/busybox /v/true; /v/true 2>&1; rm /v/true",
                     "sh: /v/true: Permission denied", id="noexec"),
        pytest.param(f"-v {_VOLUME}:/v", "stat -c %u /v; cat /v/file", "1000\ntext", id="owner"),
        pytest.param(f"-v {_VOLUME}:/v:U --user=1234", "stat -c %u /v/file", "1234", id="U"),
        pytest.param(f"--uidmap=0:100000:2000 -v {_VOLUME}:/v:U", "stat -c %u /v/file; touch /v/file && echo may",
                     "0\nmay", id="U-userns"),
        pytest.param(f"--uidmap=0:100000:2000 -v {_VOLUME}:/v", "stat -c %u /v/file", "65534", id="userns"),
        pytest.param(f"--uidmap=0:100000:2000 -v {_VOLUME}:/v:idmap", "stat -c %u /v/file; touch /v/new; rm /v/new",
                     "1000", id="idmap",
                     marks=[pytest.mark.needs("idmap"), pytest.mark.differs("runc knows idmap since 1.2")]),
        pytest.param("-v pages:/etc", "cat /etc/group | head -1", "root:x:0:", id="volume-copies-up"),
        pytest.param("--tmpfs /etc", "cat /etc/group | head -1", "root:x:0:", id="tmpfs-copies-up"),
        pytest.param("--tmpfs /etc:notmpcopyup", "ls /etc | grep -v host", "", id="tmpfs-does-not-copy-up"),
        pytest.param(f"--mount type=image,src={engines.IMAGE},dst=/v,rw=true", "rm /v/bin/busybox; ls -d /v/bin/busy*",
                     "", id="image-writable"),
    ],
)  # fmt: skip
def test_files(podman: Engine, volume: None, options: str, script: str, found: str) -> None:
    mounted, page = podman.place.page()
    words = ["sh", "-c", f"exec >/said 2>&1; {script}; true"]

    podman("run", "--rm", "--network=none", mounted, *options.split(), engines.IMAGE, *words)

    assert page.read_text().strip().removeprefix("ls: /v/bin/busy*: No such file or directory") == found


def test_overlay_keeps_what_is_written_away_from_the_directory(podman: Engine, volume: None) -> None:
    podman(
        "run", "--network=none", "--rm", "-v", f"{_VOLUME}:/v:O", engines.IMAGE, "sh", "-c", "rm /v/file; touch /v/new"
    )

    assert set(os.listdir(podman.place.inside(_VOLUME))) == {"file", "inside"}


def test_a_mount_made_inside_is_seen_outside_when_shared(podman: Engine) -> None:
    script = "mkdir /v/inner && mount -t tmpfs -o size=1m inner /v/inner && cat /proc/mounts >/dev/null"

    podman(
        "run",
        "--network=none",
        "--rm",
        "--privileged",
        "-v",
        f"{_SHARED}:/v:rshared",
        engines.IMAGE,
        "sh",
        "-c",
        script,
    )

    seen = podman.place.run(["umount", f"{_SHARED}/inner"]).ok()
    assert seen.stderr == ""


@pytest.mark.parametrize(("propagation", "seen"), [("rslave", "1"), ("rprivate", "0")])
def test_a_mount_made_outside_is_seen_inside_when_slave(podman: Engine, name: str, propagation: str, seen: str) -> None:
    podman("run", "--network=none", "-d", "--name", name, "-v", f"{_SHARED}:/v:{propagation}", engines.IMAGE)
    podman.place.run(["mkdir", "-p", f"{_SHARED}/outer"]).ok()
    podman.place.run(["mount", "-t", "tmpfs", "outer", f"{_SHARED}/outer"]).ok()

    said = podman("exec", name, "sh", "-c", "grep -c ' /v/outer ' /proc/mounts; true")

    podman.place.run(["umount", f"{_SHARED}/outer"]).ok()
    assert said.output == seen


def test_a_volume_of_another_container(podman: Engine, name: str) -> None:
    podman("run", "--network=none", "--name", name, "-v", "/v", engines.IMAGE, "sh", "-c", "echo kept > /v/file")

    said = podman("run", "--network=none", "--rm", "--volumes-from", name, engines.IMAGE, "cat", "/v/file")

    assert said.output == "kept"


def test_a_secret_is_a_file(podman: Engine) -> None:
    podman("secret", "create", "word", podman.place.write("word", "swordfish"))

    said = podman("run", "--network=none", "--rm", "--secret=word,mode=0400,uid=1000", "--user=alice", engines.IMAGE,
                  "cat", "/run/secrets/word")  # fmt: skip

    podman("secret", "rm", "word")
    assert said.output == "swordfish"
