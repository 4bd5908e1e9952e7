"""linux.cgroupsPath, and whose the cgroups are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.container import Container, cgroups_named
from tests.support.limits import MOUNT_POINT, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

# Of the v2 hierarchy beside v1, runc 1.1 makes no use.
UNIFIED = set(places()) == {""}


def used(pid: int) -> dict[str, str]:
    """The cgroups of *pid* that every runtime makes here."""
    return {name: path for name, path in places(pid).items() if name or UNIFIED}


def seen_inside(container: Container) -> set[str]:
    """The cgroups the program finds itself in."""
    lines = container.output("cat /proc/self/cgroup").splitlines()
    return {path for _, name, path in (line.split(":", 2) for line in lines) if name or UNIFIED}


@pytest.fixture
def prepared(container: Container) -> Iterator[Callable[[str], Path]]:
    """``prepared("pids")`` is a cgroup that is there before the container, in that hierarchy."""
    made: list[Path] = []

    def make(controller: str) -> Path:
        made.append(MOUNT_POINT / ("" if UNIFIED else controller) / f"there-{container.id}")
        made[-1].mkdir()
        return made[-1]

    yield make
    container.remove()
    for path in made:
        path.rmdir()


@pytest.mark.clause("linux.cgroups-path.absolute", "linux.cgroups.joined")
@pytest.mark.parametrize("form", ["/{}", "//{}/", "/../../{}", "/a/../{}", "/{}:b"])
def test_absolute_is_counted_from_the_mount_point(container: Container, form: str) -> None:
    container.bundle.linux["cgroupsPath"] = form.format(container.id)

    assert seen_inside(container) == {"/" + form.format(container.id).strip("/.a")}


@pytest.mark.clause("linux.cgroups-path.relative")
@pytest.mark.needs("cgroup1")
@pytest.mark.parametrize("form", ["{}", "../../{}"])
def test_relative_is_counted_from_where_the_runtime_is(container: Container, form: str) -> None:
    container.bundle.linux["cgroupsPath"] = form.format(container.id)

    container.up()

    own = {name: path for name, path in places().items() if name}
    assert {name: path for name, path in places(container.pid).items() if name} == {
        name: f"{path.rstrip('/')}/{container.id}" for name, path in own.items()
    }


@pytest.mark.clause("linux.cgroups-path.default", "linux.cgroups.joined")
def test_absent_is_named_after_the_container(container: Container) -> None:
    container.up()

    assert {os.path.basename(path) for path in used(container.pid).values()} == {container.id}


@pytest.mark.clause("linux.cgroups-path.same-place")
def test_same_value_is_the_same_place(new_container: Callable[[], Container]) -> None:
    seen = []
    for container in (new_container(), new_container()):
        container.bundle.linux["cgroupsPath"] = f"pyoci-test-same-{os.getpid()}"
        seen.append(container.up() and places(container.pid))
        container.delete("--force").ok()

    assert seen[0] == seen[1]


@pytest.mark.clause("linux.cgroups-path.invalid")
@pytest.mark.differs("runc takes the root itself, and fails later or not at all")
@pytest.mark.parametrize("path", ["/", "/..", ".", "a/.."])
def test_must_not_be_the_root(container: Container, path: str) -> None:
    container.bundle.linux["cgroupsPath"] = path

    container.create().failed("linux.cgroupsPath", "is the root of all cgroups")


@pytest.mark.clause("linux.cgroups-path.invalid")
@pytest.mark.parametrize("letter", ["\n", pytest.param("\0", marks=pytest.mark.differs("runc ends it there"))])
def test_must_be_possible(container: Container, letter: str) -> None:
    container.bundle.linux["cgroupsPath"] = f"/{container.id}{letter}x"

    container.create().failed("" if letter == "\0" else "invalid argument")


@pytest.mark.clause("linux.cgroups.created")
@pytest.mark.differs("runc leaves the directories above")
def test_what_was_there_stays_and_what_was_made_goes(container: Container, prepared: Callable[[str], Path]) -> None:
    there = prepared("pids")
    container.bundle.linux["cgroupsPath"] = f"/{there.name}/made/{container.id}"

    container.up()
    made = cgroups_named(container.id)
    container.delete("--force").ok()

    assert f"{there}/made/{container.id}" in made
    assert cgroups_named(container.id) == [str(there)]
    assert [path for path in there.iterdir() if path.is_dir()] == []


@pytest.mark.clause("linux.cgroups.created")
@pytest.mark.differs("runc removes it")
def test_one_that_was_there_is_used_and_stays(container: Container, prepared: Callable[[str], Path]) -> None:
    there = prepared("pids")
    container.bundle.linux.update(cgroupsPath=f"/{there.name}", resources={"pids": {"limit": 77}})

    container.run().ok()

    assert cgroups_named(container.id) == [str(there)]
    assert (there / "pids.max").read_text() == "77\n"


@pytest.mark.clause("linux.cgroups.created")
def test_cgroups_made_inside_go_too(container: Container) -> None:
    container.up()
    for path in cgroups_named(container.id):
        (Path(path) / "inner" / "deeper").mkdir(parents=True)

    container.delete("--force").ok()

    assert cgroups_named(container.id) == []


@pytest.mark.clause("linux.cgroups.fit.populated")
@pytest.mark.differs("runc 1.1 only warns")
def test_one_in_use_is_refused(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.bundle.linux["cgroupsPath"] = f"/{first.id}"
    first.up()

    second.create().failed("container's cgroup is not empty: 1 process(es) found")

    assert first.status == "running"


@pytest.mark.clause("linux.cgroups.fit.frozen")
def test_a_frozen_one_is_refused_by_create(container: Container, prepared: Callable[[str], Path]) -> None:
    there = prepared("freezer")
    container.bundle.linux["cgroupsPath"] = f"/{there.name}"
    frozen, value = ("cgroup.freeze", "1") if UNIFIED else ("freezer.state", "FROZEN")
    (there / frozen).write_text(value)

    container.create().failed("container's cgroup unexpectedly frozen")

    (there / frozen).write_text("0" if UNIFIED else "THAWED")


@pytest.mark.clause("linux.cgroups.fit.frozen")
def test_a_frozen_one_is_refused_by_start(container: Container) -> None:
    container.bundle.script("echo started")
    created = container.create().ok()
    container.runtime("pause", container.id).ok()

    assert container.status == "paused"
    container.start(timeout=5).failed("paused")
    assert created.output == ""

    container.runtime("resume", container.id).ok()
    assert container.status == "created"
    container.start().ok()


@pytest.mark.clause("linux.cgroups.fit.frozen")
def test_a_frozen_one_is_refused_by_exec(container: Container) -> None:
    container.up()
    container.runtime("pause", container.id).ok()

    container.exec("true", timeout=5).failed("cannot exec in a paused container", status=255)


@pytest.mark.clause("linux.cgroup-ownership.legacy")
@pytest.mark.needs("cgroup1")
def test_nothing_changes_owner_on_v1(container: Container) -> None:
    container.bundle.namespace("cgroup").process["user"] = {"uid": 1000, "gid": 1000}
    container.bundle.config["mounts"][-1]["options"].remove("ro")

    container.up()

    owners = {
        path.stat().st_uid for place in cgroups_named(container.id) for path in (Path(place), *Path(place).iterdir())
    }
    assert owners == {0}


@pytest.mark.clause("linux.cgroup-ownership.condition", "linux.cgroup-ownership.files")
@pytest.mark.needs("cgroup2")
@pytest.mark.parametrize("case", ["given", "shared namespace", "not mounted", "read-only"])
def test_belongs_to_the_user_who_can_see_it_writable(container: Container, case: str) -> None:
    container.bundle.namespace("cgroup").user_namespace().process["user"] = {"uid": 7, "gid": 7}
    options = container.bundle.config["mounts"][-1]["options"]
    if case != "read-only":
        options.remove("ro")
    if case == "shared namespace":
        container.bundle.without_namespace("cgroup")
    if case == "not mounted":
        container.bundle.config["mounts"].pop()

    container.up()

    (place,) = cgroups_named(container.id)
    delegated = {".", *Path("/sys/kernel/cgroup/delegate").read_text().split()}
    owned = {path.name for path in Path(place).iterdir() if path.stat().st_uid == 100007}
    assert owned | ({"."} if Path(place).stat().st_uid == 100007 else set()) == (
        {name for name in delegated if (Path(place) / name).exists()} if case == "given" else set()
    )
