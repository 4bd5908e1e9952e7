"""mounts[].options: propagation, seen as mount events see it (config.md#linux-mount-options)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.mountinfo import parse

SHARED_TREE = (
    "mount --make-rprivate / && mount -t tmpfs outer {tree} && mkdir {tree}/inner && "
    "mount -t tmpfs inner {tree}/inner && mount --make-rshared {tree} && "
)


def beside(place: Path, script: str = 'exec "$@"') -> list[str]:
    """A prefix that runs the runtime where *place*/tree has a shared mount with another inside."""
    tree = place / "tree"
    tree.mkdir(exist_ok=True)
    return ["unshare", "--mount", "sh", "-c", SHARED_TREE.format(tree=tree) + script, "-"]


# options → what the mount itself and the one below it show
KINDS: dict[tuple[str, ...], tuple[AbstractSet[str], AbstractSet[str]]] = {
    ("rbind",): ({"master"}, {"master"}),
    ("rbind", "private"): (set(), {"master"}),
    ("rbind", "rprivate"): (set(), set()),
    ("rbind", "slave"): ({"master"}, {"master"}),
    ("rbind", "rslave"): ({"master"}, {"master"}),
    ("rbind", "shared"): ({"shared", "master"}, {"master"}),
    ("rbind", "rshared"): ({"shared", "master"}, {"shared", "master"}),
    ("rbind", "unbindable"): ({"unbindable"}, {"master"}),
    ("rbind", "runbindable"): ({"unbindable"}, {"unbindable"}),
    ("rbind", "rshared", "rprivate"): (set(), set()),
    ("rbind", "rprivate", "ro"): (set(), set()),
}


@pytest.mark.clause("mounts.propagation")
def test_propagation_is_as_the_options_say_when_a_tree_is_bound(container: Container, place: Path) -> None:
    for number, options in enumerate(KINDS):
        container.bundle.mount(f"/m{number}", "none", str(place / "tree"), *options)
    container.bundle.args("cat", "/proc/self/mountinfo")

    mounts = parse(container.run(prefix=beside(place)).ok().stdout)

    found: dict[tuple[str, ...], tuple[AbstractSet[str], AbstractSet[str]]] = {
        options: (mounts[f"/m{number}"].propagation, mounts[f"/m{number}/inner"].propagation)
        for number, options in enumerate(KINDS)
    }
    assert found == KINDS


@pytest.mark.clause("mounts.propagation")
@pytest.mark.parametrize(
    ("option", "tags"), [("shared", {"shared"}), ("private", set()), ("slave", set()), ("unbindable", {"unbindable"})]
)
def test_propagation_is_as_the_option_says_when_a_filesystem_is_mounted(
    container: Container, option: str, tags: set[str]
) -> None:
    container.bundle.mount("/m", "tmpfs", "tmpfs", option)

    assert parse(container.output("cat /proc/self/mountinfo"))["/m"].propagation == tags


@pytest.mark.clause("mounts.propagation")
@pytest.mark.parametrize(("option", "arrives"), [("rslave", True), ("rprivate", False), ("rshared", True)])
def test_later_mounts_of_the_host_arrive_when_propagation_lets_them(
    container: Container, place: Path, option: str, arrives: bool
) -> None:
    tree = place / "tree"
    if option == "rshared":
        container.bundle.linux["rootfsPropagation"] = "shared"
    container.bundle.mount("/m", "none", str(tree), "rbind", option)
    container.bundle.args("sleep", "1000")
    later = f'"$@" && mkdir {tree}/late && mount -t tmpfs late {tree}/late'

    container.run("--detach", prefix=beside(place, later)).ok()

    mounts = parse(Path(f"/proc/{container.pid}/mountinfo").read_text())
    assert ("/m/late" in mounts) is arrives


@pytest.mark.clause("mounts.propagation")
def test_host_sees_no_mount_of_the_container_when_its_tree_is_shared(container: Container, place: Path) -> None:
    """Neither the mounts of config.json nor the root itself travel back, wherever they lie."""
    container.bundle.mount("/m", "none", str(place / "tree"), "rbind")
    container.bundle.mount("/m/inner", "tmpfs", "secret")
    container.bundle.args("sleep", "1000")
    script = 'mount --make-rshared / && "$@" && exec cat /proc/self/mountinfo'

    seen = container.run("--detach", prefix=beside(place, script)).ok().stdout

    assert "secret" not in seen
    assert str(container.bundle.rootfs) not in seen


@pytest.mark.clause("mounts.propagation", "root.pivot")
@pytest.mark.parametrize("propagation", ["shared", "slave", "private"])
def test_host_keeps_its_own_mounts_when_the_container_lets_go_of_them(
    container: Container, place: Path, propagation: str
) -> None:
    container.bundle.linux["rootfsPropagation"] = propagation
    container.bundle.args("sleep", "1000")
    look = "grep -v pyoci-test- /proc/self/mountinfo | cut -d' ' -f5"
    script = f'mount --make-rshared / && {look} >{place}/before && "$@" && {look} >{place}/after'

    container.run("--detach", prefix=beside(place, script)).ok()

    assert (place / "after").read_text() == (place / "before").read_text()
