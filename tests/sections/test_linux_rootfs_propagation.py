"""linux.rootfsPropagation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.container import Container

_OTHER = pytest.mark.differs("runc 1.1 fails, or makes it private")


def _propagation(container: Container, value: str | None) -> str:
    """The optional fields of the root's line in mountinfo, with the host's mounts shared."""
    container.bundle.linux["rootfsPropagation"] = value
    container.bundle.script(
        "grep ' / / ' /proc/self/mountinfo || grep -E '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / ' /proc/self/mountinfo"
    )
    line = container.run(prefix=["unshare", "-m", "--propagation", "shared"]).ok().output
    return " ".join(field.partition(":")[0] for field in line.partition(" - ")[0].split()[6:])


@pytest.mark.clause("linux.rootfs-propagation.applied")
@pytest.mark.parametrize(
    ("value", "seen"),
    [
        pytest.param("shared", {"shared", "shared master"}, marks=_OTHER),
        pytest.param("rshared", {"shared", "shared master"}, marks=_OTHER),
        ("slave", {"master"}),
        ("rslave", {"master"}),
        ("private", {""}),
        ("rprivate", {""}),
        pytest.param("unbindable", {"unbindable"}, marks=_OTHER),
        pytest.param("runbindable", {"unbindable"}, marks=_OTHER),
    ],
)
def test_propagation_is_that_of_the_root(container: Container, value: str, seen: set[str]) -> None:
    assert _propagation(container, value) in seen


@pytest.mark.clause("linux.rootfs-propagation.unknown")
@pytest.mark.parametrize("value", ["public", "SHARED", "rw"])
def test_an_unknown_propagation_is_an_error(container: Container, value: str) -> None:
    container.bundle.linux["rootfsPropagation"] = value

    container.create().failed(value)


@pytest.mark.clause("linux.rootfs-propagation.host")
@pytest.mark.parametrize("value", [None, "private", "slave", pytest.param("unbindable", marks=_OTHER)])
def test_nothing_mounted_inside_travels_to_the_host(container: Container, value: str | None, place: Path) -> None:
    (place / "from").mkdir()
    container.bundle.mount("/mnt", "none", str(place / "from"), "rbind")
    container.bundle.mount("/mnt/below", "tmpfs", "travels", "size=4k")
    for kind in ("bounding", "permitted", "effective"):
        container.bundle.process["capabilities"][kind] += ["CAP_SYS_ADMIN"]
    container.bundle.linux["rootfsPropagation"] = value
    container.bundle.script("mkdir /mnt/more && mount -t tmpfs travels /mnt/more && grep -c travels /proc/self/mounts")
    shared = ["unshare", "-m", "--propagation", "shared", "sh", "-c", '"$@"; grep travels /proc/self/mounts; true', "-"]

    assert container.run(prefix=shared).ok().output == "2"
