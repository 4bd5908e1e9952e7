"""mounts[].uidMappings and gidMappings: id-mapped mounts (config.md#posix-platform-mounts)."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = [pytest.mark.needs("idmap"), pytest.mark.differs("runc has id-mapped mounts since 1.2")]


def mapping(container_id: int, host_id: int, size: int = 1) -> list[dict[str, int]]:
    return [{"containerID": container_id, "hostID": host_id, "size": size}]


def source_of(place: Path, uid: int = 0, gid: int = 0) -> Path:
    """A directory of the host with a file that belongs to *uid* and *gid*."""
    source = place / "source"
    source.mkdir()
    (source / "file").write_text("text\n")
    os.chown(source / "file", uid, gid)
    return source


def add(container: Container, source: Path | str, *options: str, **mappings: Any) -> None:
    container.bundle.mount("/m", "none", str(source), *options)
    container.bundle.config["mounts"][-1].update(mappings)


@pytest.mark.clause("mounts.idmap.mappings", "mounts.idmap.not-data")
def test_owners_are_seen_through_the_mappings_when_they_are_given(container: Container, place: Path) -> None:
    source = source_of(place, 1000, 2000)
    add(container, source, "bind", "idmap", uidMappings=mapping(1000, 7), gidMappings=mapping(2000, 8))

    assert container.output("stat -c %u:%g /m/file") == "7:8"
    assert (source / "file").stat().st_uid == 1000


@pytest.mark.clause("mounts.idmap.mappings")
def test_files_are_made_for_the_mapped_owner_when_the_container_writes(container: Container, place: Path) -> None:
    source = source_of(place, 1000, 2000)
    os.chown(source, 1000, 2000)
    add(container, source, "bind", "idmap", uidMappings=mapping(1000, 0), gidMappings=mapping(2000, 0))

    assert container.output("touch /m/new && stat -c %u:%g /m/new") == "0:0"
    made = (source / "new").stat()
    assert (made.st_uid, made.st_gid) == (1000, 2000)


@pytest.mark.clause("mounts.idmap.mappings")
def test_owner_is_nobody_when_it_is_not_mapped(container: Container, place: Path) -> None:
    add(container, source_of(place, 5, 5), "bind", "idmap", uidMappings=mapping(0, 0), gidMappings=mapping(0, 0))

    assert container.output("stat -c %u:%g /m/file") == "65534:65534"


@pytest.mark.clause("mounts.idmap.without-option")
def test_owners_are_mapped_when_the_option_is_missing(container: Container, place: Path) -> None:
    add(container, source_of(place, 1000, 2000), "bind", "ro", uidMappings=mapping(1000, 7),
        gidMappings=mapping(2000, 8))  # fmt: skip

    assert container.output("stat -c %u:%g /m/file; touch /m/new 2>/dev/null || echo no").split() == ["7:8", "no"]


@pytest.mark.clause("mounts.idmap.recursive")
@pytest.mark.parametrize(("option", "inner"), [("idmap", "0:0"), ("ridmap", "7:8")])
def test_mounts_below_are_mapped_when_the_option_is_recursive(
    container: Container, place: Path, option: str, inner: str
) -> None:
    tree = place / "tree"
    for directory in (tree, place / "outer/inner", place / "inner"):
        directory.mkdir(parents=True)
    add(container, tree, "rbind", option, uidMappings=mapping(0, 7), gidMappings=mapping(0, 8))
    container.bundle.script("stat -c %u:%g /m/file /m/inner/file")
    script = (
        f"mount --make-rprivate / && mount --bind {place}/outer {tree} && "
        f'mount --bind {place}/inner {tree}/inner && touch {tree}/file {tree}/inner/file && exec "$@"'
    )

    seen = container.run(prefix=["unshare", "--mount", "sh", "-c", script, "-"]).ok().output.split()

    assert seen == ["7:8", inner]


@pytest.mark.needs("userns")
@pytest.mark.clause("mounts.idmap.container", "mounts.idmap.mappings")
def test_mappings_of_the_user_namespace_are_taken_when_the_mount_has_none(container: Container, place: Path) -> None:
    source = source_of(place, 0, 3)
    container.bundle.user_namespace()
    (container.bundle.rootfs / "m").mkdir()
    (container.bundle.rootfs / "plain").mkdir()
    add(container, source, "bind", "idmap")
    container.bundle.mount("/plain", "none", str(source), "bind")

    assert container.output("stat -c %u:%g /m/file /plain/file").split() == ["0:3", "65534:65534"]


@pytest.mark.clause("mounts.idmap.container")
def test_create_fails_when_there_is_nothing_to_map_with(container: Container, place: Path) -> None:
    add(container, source_of(place), "bind", "idmap")

    container.create().failed("mounts[7].options: idmap needs uidMappings and gidMappings")


@pytest.mark.clause("mounts.idmap.unsupported", "create.cannot-apply")
def test_create_fails_when_the_filesystem_cannot_map(container: Container) -> None:
    add(container, "/proc", "rbind", "idmap", uidMappings=mapping(0, 7), gidMappings=mapping(0, 8))

    container.create().failed('cannot map the ids of "/proc"')


@pytest.mark.clause("mounts.idmap.unsupported", "mounts.idmap.not-data")
@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_create_fails_when_a_new_filesystem_shall_be_mapped(container: Container, option: str) -> None:
    container.bundle.mount("/m", "tmpfs", "tmpfs", option)
    container.bundle.config["mounts"][-1].update(uidMappings=mapping(0, 7), gidMappings=mapping(0, 8))

    container.create().failed("mounts[7].options: id-mapped mounts need a bind mount")


@pytest.mark.clause("mounts.idmap.both")
@pytest.mark.parametrize("given", ["uidMappings", "gidMappings"])
def test_create_fails_when_only_one_kind_of_ids_is_mapped(container: Container, place: Path, given: str) -> None:
    add(container, source_of(place), "bind", "idmap", **{given: mapping(0, 7)})

    container.create().failed(f"mounts[7].{given}", "must be given together")
