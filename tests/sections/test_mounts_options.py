"""mounts[].options: each option of the table, seen in the container's mountinfo (config.md#linux-mount-options)."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container
from tests.support.mountinfo import MountPoint, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

# What a mount has when nothing is said: read and write, and the kernel's own way with access times.
PLAIN = frozenset(("rw", "relatime"))

# options → the mount's attributes
ATTRIBUTES = {
    (): PLAIN,
    ("ro",): {"ro", "relatime"},
    ("rw",): PLAIN,
    ("nosuid",): PLAIN | {"nosuid"},
    ("suid",): PLAIN,
    ("nodev",): PLAIN | {"nodev"},
    ("dev",): PLAIN,
    ("noexec",): PLAIN | {"noexec"},
    ("exec",): PLAIN,
    ("noatime",): {"rw", "noatime"},
    ("atime",): PLAIN,
    ("nodiratime",): PLAIN | {"nodiratime"},
    ("diratime",): PLAIN,
    ("relatime",): PLAIN,
    ("strictatime",): {"rw"},
    ("nostrictatime",): PLAIN,
    ("silent",): PLAIN,
    ("loud",): PLAIN,
    ("nosuid", "suid"): PLAIN,
    ("suid", "nosuid"): PLAIN | {"nosuid"},
    ("ro", "rw"): PLAIN,
    ("rw", "ro"): {"ro", "relatime"},
    ("noexec", "exec", "noexec"): PLAIN | {"noexec"},
    ("nodev", "dev"): PLAIN,
    ("noatime", "atime"): PLAIN,
    ("nodiratime", "diratime"): PLAIN,
    ("strictatime", "nostrictatime"): PLAIN,
}

# options → the filesystem's own flags, as far as one can see them
SUPERBLOCK = {
    ("sync",): {"sync"},
    ("async",): set(),
    ("sync", "async"): set(),
    ("async", "sync"): {"sync"},
    ("dirsync",): {"dirsync"},
    ("lazytime",): {"lazytime"},
    ("lazytime", "nolazytime"): set(),
}
VISIBLE = {"sync", "dirsync", "lazytime"}
ATIME = {"atime", "noatime", "relatime", "strictatime", "nostrictatime"}


def mounted(container: Container, before: str = "") -> dict[str, MountPoint]:
    """The mounts in the container, by place."""
    return parse(container.output(f"{before}\ncat /proc/self/mountinfo"))


@pytest.mark.clause("mounts.options.flags", "mounts.options.later-wins")
def test_attributes_are_those_of_the_table_when_a_filesystem_is_mounted(container: Container) -> None:
    for number, options in enumerate(ATTRIBUTES):
        container.bundle.mount(f"/m/{number}", "tmpfs", "tmpfs", *options)

    mounts = mounted(container)

    found = {options: mounts[f"/m/{number}"].attributes for number, options in enumerate(ATTRIBUTES)}
    assert found == ATTRIBUTES


@pytest.mark.clause("mounts.options.flags", "mounts.options.bind-readonly", "mounts.options.later-wins")
def test_attributes_are_those_of_the_table_when_a_directory_is_bound(container: Container, place: Path) -> None:
    for number, options in enumerate(ATTRIBUTES):
        container.bundle.mount(f"/m/{number}", "none", str(place), "bind", *options)

    mounts = mounted(container)

    found = {options: mounts[f"/m/{number}"].attributes for number, options in enumerate(ATTRIBUTES)}
    assert found == {options: as_bound(place, options, ATTRIBUTES[options]) for options in ATTRIBUTES}


def as_bound(place: Path, options: tuple[str, ...], attributes: frozenset[str]) -> frozenset[str]:
    """*attributes*, with what is inherited: where *options* say nothing of access times, *place* does."""
    inherits = os.statvfs(place).f_flag & os.ST_NOATIME and not ATIME.intersection(options)
    return attributes - {"relatime"} | {"noatime"} if inherits else attributes


@pytest.mark.clause("mounts.options.flags", "mounts.options.later-wins")
def test_filesystem_has_the_flags_of_the_table_when_it_is_mounted(container: Container) -> None:
    for number, options in enumerate(SUPERBLOCK):
        container.bundle.mount(f"/m/{number}", "tmpfs", "tmpfs", *options)

    mounts = mounted(container)

    found = {options: mounts[f"/m/{number}"].superblock & VISIBLE for number, options in enumerate(SUPERBLOCK)}
    assert found == SUPERBLOCK


@pytest.mark.differs("runc 1.1 gives it to the filesystem as data")
@pytest.mark.clause("mounts.options.defaults")
def test_defaults_changes_nothing_when_it_is_among_the_options(container: Container, place: Path) -> None:
    container.bundle.mount("/fs", "tmpfs", "tmpfs", "nosuid", "defaults", "size=64k")
    container.bundle.mount("/dir", "bind", str(place), "bind", "defaults", "ro")

    mounts = mounted(container)

    assert mounts["/fs"].attributes == PLAIN | {"nosuid"}
    assert mounts["/dir"].attributes == as_bound(place, (), frozenset(("ro", "relatime")))


@pytest.mark.clause("mounts.options.mand", "mounts.options.flags")
@pytest.mark.parametrize("option", ["mand", "nomand", "iversion", "noiversion", "norelatime"])
def test_option_of_no_visible_effect_is_accepted_when_it_is_given(container: Container, option: str) -> None:
    container.bundle.mount("/m", "tmpfs", "tmpfs", option)

    mount = mounted(container)["/m"]

    assert mount.fstype == "tmpfs"
    assert "rw" in mount.attributes


@pytest.mark.clause("mounts.options.flags")
@pytest.mark.parametrize(
    ("option", "works"),
    [
        pytest.param("ro", "! touch /m/new", id="ro"),
        pytest.param("rw", "touch /m/new", id="rw"),
        pytest.param("noexec", "! /m/busybox true", id="noexec"),
        pytest.param("exec", "/m/busybox true", id="exec"),
        pytest.param("nodev", "mknod /m/null c 1 3 && ! true >/m/null", id="nodev"),
        pytest.param("dev", "mknod /m/null c 1 3 && true >/m/null", id="dev"),
    ],
)
def test_kernel_acts_on_the_flag_when_a_directory_is_bound(
    container: Container, place: Path, option: str, works: str
) -> None:
    source = place / "source"
    source.mkdir()
    (source / "busybox").write_bytes((container.bundle.rootfs / "bin/busybox").read_bytes())
    (source / "busybox").chmod(0o755)
    container.bundle.mount("/m", "bind", str(source), "bind", option)
    for kind in ("bounding", "effective", "permitted"):
        container.bundle.process["capabilities"][kind].append("CAP_MKNOD")
    container.bundle.linux["resources"] = {"devices": [{"allow": True, "access": "rwm"}]}

    container.output(f"{works} 2>/dev/null")


@pytest.mark.differs("runc has them since 1.2")
@pytest.mark.clause("mounts.options.symlinks")
def test_symlinks_are_followed_as_the_option_says_when_it_is_given(container: Container) -> None:
    container.bundle.mount("/no", "tmpfs", "tmpfs", "nosymfollow").mount("/yes", "tmpfs", "tmpfs", "symfollow")
    container.bundle.mount("/later", "tmpfs", "tmpfs", "nosymfollow", "symfollow")

    mounts = mounted(
        container,
        "for m in no yes later; do ln -s /bin /$m/link; done; ls /yes/link/sh /later/link/sh "
        ">/dev/null && ! ls /no/link/sh 2>/dev/null || exit 1",
    )

    assert [name for name in ("no", "yes", "later") if "nosymfollow" in mounts[f"/{name}"].attributes] == ["no"]


RECURSIVE = {
    "rro": ({"ro"}, {"rw"}),
    "rnosuid": ({"nosuid"}, set()),
    "rnodev": ({"nodev"}, set()),
    "rnoexec": ({"noexec"}, set()),
    "rnodiratime": ({"nodiratime"}, set()),
    "rnoatime": ({"noatime"}, {"relatime"}),
    "rstrictatime": (set(), {"relatime", "noatime"}),
    "rrelatime": ({"relatime"}, set()),
    "rnosymfollow": ({"nosymfollow"}, set()),
}
RECURSIVE_CLEARING = {
    "rrw": "ro",
    "rsuid": "nosuid",
    "rdev": "nodev",
    "rexec": "noexec",
    "rdiratime": "nodiratime",
    "ratime": "noatime",
    "rnostrictatime": "strictatime",
    "rnorelatime": "relatime",
    "rsymfollow": "nosymfollow",
}


def tree_of_mounts(place: Path, options: str) -> list[str]:
    """A prefix that mounts a tmpfs with *options* in another one, below *place*/tree, for the runtime alone to see."""
    tree = place / "tree"
    tree.mkdir()
    script = (
        f"mount --make-rprivate / && mount -t tmpfs outer {tree} && mkdir {tree}/inner && "
        f"mount -t tmpfs inner {tree}/inner && mount -o remount,bind,{options} {tree}/inner && "
        f"mount -o remount,bind,{options} {tree} && "
        'exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, "-"]


@pytest.mark.clause("mounts.options.recursive", "mounts.bind")
def test_recursive_attribute_reaches_the_whole_tree_when_it_sets_one(container: Container, place: Path) -> None:
    for option in RECURSIVE:
        container.bundle.mount(f"/{option}", "none", str(place / "tree"), "rbind", option)
    container.bundle.args("cat", "/proc/self/mountinfo")

    mounts = parse(container.run(prefix=tree_of_mounts(place, "rw")).ok().stdout)

    for option, (there, gone) in RECURSIVE.items():
        for path in (f"/{option}", f"/{option}/inner"):
            assert mounts[path].attributes >= there, path
            assert not mounts[path].attributes & gone, path


@pytest.mark.differs("runc 1.1 asks the kernel for ratime in a way it refuses")
@pytest.mark.clause("mounts.options.recursive")
def test_recursive_attribute_reaches_the_whole_tree_when_it_clears_one(container: Container, place: Path) -> None:
    options = "ro,nosuid,nodev,noexec,nodiratime,noatime,nosymfollow"
    cleared = {option: flag for option, flag in RECURSIVE_CLEARING.items() if flag in options.split(",")}
    for option in cleared:
        container.bundle.mount(f"/{option}", "none", str(place / "tree"), "rbind", option)
    container.bundle.args("cat", "/proc/self/mountinfo")

    mounts = parse(container.run(prefix=tree_of_mounts(place, options)).ok().stdout)

    for option, flag in cleared.items():
        assert flag not in mounts[f"/{option}"].attributes, option
        assert flag not in mounts[f"/{option}/inner"].attributes, option


@pytest.mark.differs("runc sets a recursive attribute that a later option clears")
@pytest.mark.clause("mounts.options.recursive", "mounts.options.later-wins")
def test_recursive_attribute_wins_for_the_tree_when_the_mount_says_otherwise(container: Container, place: Path) -> None:
    container.bundle.mount("/m", "none", str(place / "tree"), "rbind", "ro", "rnoexec", "rnosuid", "rsuid")
    container.bundle.args("cat", "/proc/self/mountinfo")

    mounts = parse(container.run(prefix=tree_of_mounts(place, "rw")).ok().stdout)

    assert mounts["/m"].attributes >= {"ro", "noexec"}
    assert mounts["/m/inner"].attributes >= {"rw", "noexec"}
    assert "nosuid" not in mounts["/m"].attributes | mounts["/m/inner"].attributes


@pytest.mark.clause("mounts.options.remount")
def test_remount_changes_the_flags_when_something_is_mounted_there(container: Container, place: Path) -> None:
    container.bundle.mount("/fs", "tmpfs", "tmpfs", "size=1m", "nosuid")
    container.bundle.mount("/fs", "tmpfs", "tmpfs", "remount", "ro", "nosuid")
    container.bundle.mount("/dir", "none", str(place), "bind")
    container.bundle.mount("/dir", "none", str(place), "remount", "bind", "ro", "noexec")

    mounts = mounted(container, "! touch /fs/new /dir/new 2>/dev/null || exit 1")

    assert mounts["/fs"].attributes >= {"ro", "nosuid"}
    assert mounts["/dir"].attributes >= {"ro", "noexec"}
    assert "ro" not in mounts["/dir"].superblock


@pytest.mark.clause("mounts.options.remount")
def test_remount_gives_data_to_the_filesystem_when_it_has_some(container: Container) -> None:
    container.bundle.mount("/fs", "tmpfs", "tmpfs", "size=1m")
    container.bundle.mount("/fs", "tmpfs", "tmpfs", "remount", "size=2m")

    assert "size=2048k" in mounted(container)["/fs"].superblock


@pytest.mark.clause("mounts.options.data")
def test_unknown_options_reach_the_filesystem_when_it_is_mounted(container: Container) -> None:
    container.bundle.mount("/m", "tmpfs", "tmpfs", "size=64k", "nosuid", "mode=0741", "uid=7", "gid=8", "nr_inodes=9")
    container.bundle.mount("/joined", "tmpfs", "tmpfs", "size=64k,mode=0700")

    mounts = mounted(container, 'test "$(stat -c %a:%u:%g /m)" = 741:7:8 || exit 1')

    assert mounts["/m"].superblock >= {"size=64k", "nr_inodes=9", "uid=7", "gid=8"}
    assert mounts["/joined"].superblock >= {"size=64k", "mode=700"}


@pytest.mark.clause("mounts.options.flags")
@pytest.mark.parametrize("copied", [(), ("tmpcopyup",)])
def test_read_only_tmpfs_has_what_is_to_be_on_it_when_it_is_sealed(container: Container, copied: tuple[str]) -> None:
    (dev,) = (entry for entry in container.bundle.config["mounts"] if entry["destination"] == "/dev")
    dev["options"] = ["nosuid", "ro", "mode=755", *copied]
    container.bundle.mount("/dev/on/it", "tmpfs", "tmpfs", "ro").mount("/dev/on/it/too", "tmpfs", "tmpfs")
    container.bundle.process["cwd"] = "/dev/work"

    there = "ls -d /dev/pts/ptmx /dev/null /dev/fd /dev/work; touch /dev/on/it/too/new && echo made"
    said = container.output(f"{there}; touch /dev/x /dev/on/it/x 2>&1; true")

    assert said.splitlines() == [
        "/dev/fd", "/dev/null", "/dev/pts/ptmx", "/dev/work", "made",
        "touch: /dev/x: Read-only file system", "touch: /dev/on/it/x: Read-only file system",
    ]  # fmt: skip


@pytest.mark.clause("mounts.options.data")
def test_empty_option_is_none_when_a_filesystem_is_mounted(container: Container) -> None:
    container.bundle.mount("/m", "tmpfs", "tmpfs", "", "size=64k,,mode=750", "")

    assert container.output("stat -c %a /m; df -k /m | tail -1 | awk '{ print $2 }'").split() == ["750", "64"]


@pytest.mark.clause("mounts.options.data", "mounts.options.acl", "create.cannot-apply")
@pytest.mark.parametrize(
    "option",
    [
        "no-such-option",
        pytest.param("acl", marks=pytest.mark.differs("runc 1.1 takes it for a flag")),
        "size=nonsense",
        "idmap=nonsense",
    ],
)
def test_create_fails_when_the_filesystem_refuses_an_option(container: Container, option: str) -> None:
    container.bundle.mount("/m", "tmpfs", "tmpfs", option)

    container.create().failed("/m")

    container.runtime("state", container.id).failed()


@pytest.mark.needs("overlayfs")
@pytest.mark.clause("mounts.options.data")
def test_options_reach_the_filesystem_when_they_are_longer_than_a_page_fraction(
    container: Container, place: Path
) -> None:
    """fsconfig(2) takes 255 bytes for a value; layers of an overlay are longer."""
    layers = []
    for number in range(6):
        layer = place / ("layer" * 12 + str(number))
        layer.mkdir()
        (layer / f"file{number}").touch()
        layers.append(str(layer))
    upper, work = place / "upper", place / "work"
    upper.mkdir()
    work.mkdir()
    container.bundle.mount(
        "/m", "overlay", "overlay", f"lowerdir={':'.join(layers)}", f"upperdir={upper}", f"workdir={work}", "nosuid"
    )

    names = container.output("touch /m/new && ls /m").split()

    assert names == [*(f"file{number}" for number in range(6)), "new"]
    assert (upper / "new").exists()


@pytest.mark.clause("mounts.options.tmpcopyup")
def test_tmpfs_has_what_it_covers_when_it_is_copied_up(container: Container) -> None:
    covered = container.bundle.rootfs / "data"
    (covered / "sub").mkdir(parents=True)
    covered.chmod(0o751)
    (covered / "sub/file").write_text("text\n")
    (covered / "sub/file").chmod(0o4640)
    (covered / "link").symlink_to("/nowhere/at/all")
    container.bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "nodev")

    seen = container.output(
        "cd /data; cat sub/file; readlink link; stat -c %a . sub/file; echo more >sub/file; touch new; "
        "grep ' /data ' /proc/self/mountinfo"
    ).splitlines()

    assert seen[:3] == ["text", "/nowhere/at/all", "751"]
    assert seen[3] in {"4640", "640"}
    assert "tmpcopyup" not in seen[4]
    assert (covered / "sub/file").read_text() == "text\n"
    assert sorted(path.name for path in covered.iterdir()) == ["link", "sub"]


@pytest.mark.differs("runc 1.1 keeps neither owner nor time")
@pytest.mark.clause("mounts.options.tmpcopyup")
def test_owner_mode_and_time_are_kept_when_a_tmpfs_is_copied_up(container: Container) -> None:
    import os

    covered = container.bundle.rootfs / "data"
    covered.mkdir()
    for name, mode in (("setuid", 0o4755), ("plain", 0o604)):
        (covered / name).touch()
        os.chown(covered / name, 3, 4)
        (covered / name).chmod(mode)
        os.utime(covered / name, (1, 2))
    os.mkfifo(covered / "fifo")
    container.bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup")

    seen = container.output("cd /data; stat -c '%a %u %g %Y' setuid plain; stat -c %F fifo").splitlines()

    assert seen == ["4755 3 4 2", "604 3 4 2", "fifo"]


@pytest.mark.needs("userns")
@pytest.mark.differs("runc 1.1 cannot add a flag to locked ones")
@pytest.mark.clause("mounts.options.locked")
def test_locked_flags_are_kept_when_a_user_namespace_does_not_own_the_source(container: Container, place: Path) -> None:
    container.bundle.user_namespace()
    for number, options in enumerate([("rbind",), ("rbind", "ro"), ("rbind", "noexec")]):
        (container.bundle.rootfs / f"m{number}").mkdir()
        container.bundle.mount(f"/m{number}", "none", str(place / "tree"), *options)
    container.bundle.args("cat", "/proc/self/mountinfo")

    mounts = parse(container.run(prefix=tree_of_mounts(place, "rw,nosuid,nodev,noatime")).ok().stdout)

    for number in range(3):
        assert mounts[f"/m{number}"].attributes >= {"nosuid", "nodev", "noatime"}
    assert "ro" in mounts["/m1"].attributes
    assert "noexec" in mounts["/m2"].attributes


@pytest.mark.needs("userns")
@pytest.mark.clause("mounts.options.locked")
def test_locked_mounts_stay_as_they_are_when_the_containers_root_is_privileged_inside(
    container: Container, place: Path
) -> None:
    container.bundle.user_namespace()
    for kind in ("bounding", "effective", "permitted"):
        container.bundle.process["capabilities"][kind].append("CAP_SYS_ADMIN")
    (container.bundle.rootfs / "m").mkdir()
    container.bundle.mount("/m", "none", str(place / "tree"), "rbind")
    container.bundle.script(
        "exec 2>/dev/null; mount -o remount,bind,rw,suid /m; umount /m/inner; cat /proc/self/mountinfo"
    )

    mounts = parse(container.run(prefix=tree_of_mounts(place, "ro,nosuid")).ok().stdout)

    assert mounts["/m"].attributes >= {"ro", "nosuid"}
    assert mounts["/m/inner"].attributes >= {"ro", "nosuid"}
