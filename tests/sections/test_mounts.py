"""mounts: order, destination, source and type (config.md#mounts)."""

from __future__ import annotations

import os
import socket
import stat

import pytest

from tests.support import rootfs
from tests.support.container import Container
from tests.support.mountinfo import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MOUNTINFO = "cat /proc/self/mountinfo"


@pytest.mark.clause("mounts.order")
def test_mounts_are_made_in_the_order_listed_when_they_cover_each_other(container: Container, place: Path) -> None:
    (place / "early").touch()
    container.bundle.mount("/a", "tmpfs", "first", "size=64k")
    container.bundle.mount("/a/b", "tmpfs", "second", "size=64k")
    container.bundle.mount("/c", "tmpfs", "covered", "size=64k")
    container.bundle.mount("/c", "bind", str(place), "bind")
    container.bundle.mount("/c", "tmpfs", "last", "size=64k")

    text = container.output('cat /proc/self/mountinfo; test -z "$(ls /c)" || exit 1')

    sources = [line.split(" - ")[1].split()[1] for line in text.splitlines() if " /a" in line or " /c" in line]
    assert sources[:2] == ["first", "second"]
    assert sources[-1] == "last"
    assert parse(text)["/a/b"].source == "second"


@pytest.mark.clause("mounts.destination.made", "mounts.destination.absolute", "mounts.source.relative", "mounts.bind")
def test_destination_is_made_when_it_is_missing(container: Container) -> None:
    bundle = container.bundle
    (bundle.path / "data").mkdir()
    (bundle.path / "data/file").write_text("text\n")
    bundle.mount("/new/deep/dir", "none", "data", "bind")
    bundle.mount("/new/file", "none", "data/file", "rbind", "ro")
    bundle.mount("/new/fs", "tmpfs", "tmpfs")

    seen = container.output("cat /new/deep/dir/file /new/file; echo changed >/new/deep/dir/file; cat /new/file")

    assert seen.split() == ["text", "text", "changed"]
    made = bundle.rootfs / "new"
    assert stat.S_IMODE((made / "deep").stat().st_mode) == 0o755
    assert list((made / "deep/dir").iterdir()) == []
    assert (made / "file").read_bytes() == b""
    assert (bundle.path / "data/file").read_text() == "changed\n"


@pytest.mark.parametrize("destination", ["/", "//", "/tmp/.."])
def test_the_root_itself_is_covered(container: Container, destination: str) -> None:
    other = rootfs.make(container.bundle.path / "other")
    (other / "marker").write_text("other\n")
    mounts = container.bundle.config["mounts"]
    container.bundle.config["mounts"] = []
    container.bundle.mount(destination, "bind", "other", "bind", "ro")
    container.bundle.config["mounts"] += mounts

    seen = container.output("cat /marker; touch /new 2>&1; test -e /proc/self && echo proc")

    assert seen.splitlines() == ["other", "touch: /new: Read-only file system", "proc"]


@pytest.mark.clause("mounts.destination.relative")
def test_destination_is_taken_from_the_root_when_it_is_relative(container: Container) -> None:
    container.bundle.mount("rel/dir", "tmpfs", "here")
    container.bundle.process["cwd"] = "/tmp"

    assert parse(container.output(MOUNTINFO))["/rel/dir"].source == "here"


@pytest.mark.differs("runc wants the option")
@pytest.mark.clause("mounts.bind.type")
def test_mount_is_a_bind_when_only_its_type_says_so(container: Container, place: Path) -> None:
    (place / "file").write_text("text\n")
    container.bundle.mount("/m", "bind", str(place), "ro")

    assert container.output("cat /m/file; touch /m/new 2>/dev/null || echo no") == "text\nno"


@pytest.mark.clause("mounts.bind")
def test_bind_takes_the_mounts_below_along_when_it_is_recursive(container: Container, place: Path) -> None:
    tree = place / "tree"
    tree.mkdir()
    for name, fstype, options in (("bind", "none", ("bind",)), ("rbind", "", ("rbind",))):
        container.bundle.mount(f"/{name}", fstype, str(tree), *options)
    container.bundle.args("cat", "/proc/self/mountinfo")
    script = (
        f"mount --make-rprivate / && mount -t tmpfs outer {tree} && mkdir {tree}/inner && "
        f'mount -t tmpfs inner {tree}/inner && exec "$@"'
    )

    mounts = parse(container.run(prefix=["unshare", "--mount", "sh", "-c", script, "-"]).ok().stdout)

    assert [mounts[path].source for path in ("/bind", "/rbind", "/rbind/inner")] == ["outer", "outer", "inner"]
    assert "/bind/inner" not in mounts


@pytest.mark.clause("mounts.source.relative")
@pytest.mark.parametrize("kind", ["fifo", "socket", "link", "device", "absent link"])
def test_bind_shows_any_kind_of_file_when_it_is_the_source(container: Container, place: Path, kind: str) -> None:
    source = place / "source"
    (place / "file").write_text("text\n")
    if kind == "fifo":
        os.mkfifo(source)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(source))
    elif kind == "link":
        source.symlink_to("file")
    elif kind == "device":
        source = place.__class__("/dev/zero")
    else:
        source.symlink_to("nowhere")
    container.bundle.mount("/file", "none", str(source), "bind")

    if kind == "absent link":
        container.create().failed("/file")
    else:
        expected = {"fifo": "fifo", "socket": "socket", "link": "regular file", "device": "character special file"}
        assert container.output("stat -c %F /file") == expected[kind]


@pytest.mark.clause("mounts.source.missing", "create.cannot-apply", "general.errors-leave-nothing")
def test_create_names_the_source_when_it_is_missing(container: Container, place: Path) -> None:
    container.bundle.mount("/m", "none", str(place / "missing"), "bind")

    container.create().failed(str(place / "missing"), "/m", "no such file or directory")

    container.runtime("state", container.id).failed()


@pytest.mark.clause("mounts.type", "create.cannot-apply")
@pytest.mark.parametrize("fstype", ["no-such-filesystem", "../etc", "tmpfs,x"])
def test_create_names_the_type_when_the_kernel_has_no_such_filesystem(container: Container, fstype: str) -> None:
    container.bundle.mount("/m", fstype, "dummy")

    container.create().failed("/m", "no such device")


@pytest.mark.clause("mounts.type")
def test_create_fails_when_a_mount_has_no_type(container: Container) -> None:
    container.bundle.config["mounts"].append({"destination": "/m"})

    container.create().failed("/m")


@pytest.mark.clause("mounts.destination.made")
@pytest.mark.parametrize("directory_is", ["source", "destination"])
def test_create_fails_when_source_and_destination_are_no_pair(
    container: Container, place: Path, directory_is: str
) -> None:
    (place / "file").touch()
    (container.bundle.rootfs / "file").touch()
    if directory_is == "source":
        container.bundle.mount("/file", "none", str(place), "bind")
    else:
        container.bundle.mount("/etc", "none", str(place / "file"), "bind")

    container.create().failed("directory")


@pytest.mark.clause("mounts.type")
def test_tmpfs_has_the_mode_of_what_it_covers_when_none_is_given(container: Container) -> None:
    (container.bundle.rootfs / "private").mkdir(mode=0o700)
    container.bundle.mount("/private", "tmpfs", "tmpfs").mount("/tmp", "tmpfs", "tmpfs")

    assert container.output("stat -c %a /private /tmp").split() == ["700", "1777"]


@pytest.mark.clause("mounts.type")
def test_everybody_may_write_to_a_tmpfs_that_covers_nothing(container: Container) -> None:
    container.bundle.mount("/new/one", "tmpfs", "tmpfs")

    assert container.output("stat -c %a /new /new/one").split() == ["755", "1777"]


@pytest.mark.clause("mounts.mqueue")
def test_mqueue_is_the_containers_own_when_it_has_an_ipc_namespace(container: Container) -> None:
    seen = container.output("touch /dev/mqueue/mine; ls /dev/mqueue; cat /proc/self/mountinfo")

    assert seen.splitlines()[0] == "mine"
    assert parse(seen.partition("\n")[2])["/dev/mqueue"].fstype == "mqueue"


@pytest.mark.clause("mounts.devpts")
def test_devpts_is_a_new_instance_when_it_is_mounted(container: Container) -> None:
    seen = container.output(
        "ls /dev/pts; stat -c %a /dev/pts/ptmx; readlink /dev/ptmx; cat /proc/self/mountinfo"
    ).splitlines()

    assert seen[:3] == ["ptmx", "666", "pts/ptmx"]
    assert parse("\n".join(seen[3:]))["/dev/pts"].superblock >= {"gid=5", "mode=620", "ptmxmode=666"}


@pytest.mark.needs("userns")
@pytest.mark.clause("mounts.devpts", "create.cannot-apply")
def test_create_fails_when_the_gid_of_devpts_is_not_mapped(container: Container) -> None:
    container.bundle.user_namespace(size=5)  # 0 to 4; devpts has gid=5

    container.create().failed("/dev/pts", "invalid argument")


@pytest.mark.needs("userns")
@pytest.mark.differs("runc does not explain it")
@pytest.mark.clause("mounts.devpts")
def test_create_hints_at_the_mapping_when_the_gid_of_devpts_is_not_mapped(container: Container) -> None:
    container.bundle.user_namespace(size=5)

    container.create().failed("gid= of devpts must be mapped")


@pytest.mark.needs("userns")
@pytest.mark.differs("runc leaves that to its callers")
@pytest.mark.clause("mounts.sysfs.fallback")
def test_sys_is_the_hosts_when_the_network_namespace_is_not_the_containers(container: Container) -> None:
    container.bundle.user_namespace().without_namespace("network")
    container.bundle.config["mounts"] = [
        entry for entry in container.bundle.config["mounts"] if entry["type"] != "cgroup"
    ]

    mounts = parse(
        container.output("test -d /sys/class/net && ! mkdir /sys/fs/cgroup/new 2>/dev/null || exit 1\n" + MOUNTINFO)
    )

    below = {path: mount for path, mount in mounts.items() if f"{path}/".startswith("/sys/")}
    assert mounts["/sys"].fstype == "sysfs"
    # What is mounted below the host's /sys comes along; it must be no more writable than /sys itself.
    assert {path for path, mount in below.items() if not mount.attributes >= {"ro", "nosuid", "nodev", "noexec"}} <= {
        "/sys/firmware"
    }


@pytest.mark.needs("selinux")
@pytest.mark.clause("mounts.label")
def test_tmpfs_has_the_label_when_there_is_one(container: Container) -> None:
    label = "system_u:object_r:container_file_t:s0"
    container.bundle.linux["mountLabel"] = label

    assert any(label in option for option in parse(container.output(MOUNTINFO))["/dev"].superblock)


@pytest.mark.clause("default-filesystems.template")
def test_default_filesystems_are_there_when_the_template_is_run(container: Container, place: Path) -> None:
    import json

    container.runtime("spec", cwd=place).ok()
    template = json.loads((place / "config.json").read_text())
    container.bundle.config["mounts"] = template["mounts"]

    mounts = parse(container.output(MOUNTINFO))

    expected = {"/proc": "proc", "/sys": "sysfs", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"}
    expected["/dev/mqueue"] = "mqueue"
    assert {path: mounts[path].fstype for path in expected} == expected
    assert any(path.startswith("/sys/fs/cgroup") for path in mounts)
    assert mounts["/sys"].attributes >= {"ro", "nosuid", "noexec", "nodev"}
