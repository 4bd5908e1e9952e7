"""linux.uidMappings and linux.gidMappings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.container import Container

TYPE_CHECKING = False

if TYPE_CHECKING:
    pass


def _map(container_id: int, host_id: int, size: int) -> dict[str, int]:
    return {"containerID": container_id, "hostID": host_id, "size": size}


@pytest.mark.clause("linux.id-mappings.applied")
@pytest.mark.needs("userns")
def test_are_the_maps_of_the_user_namespace(container: Container) -> None:
    container.bundle.user_namespace()
    container.bundle.linux["uidMappings"] = [_map(0, 100000, 10), _map(10, 200000, 90), _map(1000, 1000, 1)]
    container.bundle.linux["gidMappings"] = [_map(0, 300000, 100)]

    lines = container.output("cat /proc/self/uid_map; echo -; cat /proc/self/gid_map; cat /proc/self/setgroups")

    assert lines.split() == [
        *("0", "100000", "10", "10", "200000", "90", "1000", "1000", "1"),
        *("-", "0", "300000", "100", "allow"),
    ]


@pytest.mark.clause("linux.id-mappings.applied")
@pytest.mark.needs("userns")
def test_may_lack_root(container: Container) -> None:
    container.bundle.user_namespace().process["user"] = {"uid": 1000, "gid": 1000}
    container.bundle.linux["uidMappings"] = container.bundle.linux["gidMappings"] = [_map(1000, 101000, 1)]
    container.bundle.config["mounts"] = container.bundle.config["mounts"][:1]
    container.bundle.script("id -u")

    result = container.run()

    assert result.status == 1 or result.output == "1000"


@pytest.mark.clause("linux.id-mappings.applied")
@pytest.mark.needs("userns")
def test_may_be_340(container: Container) -> None:
    container.bundle.user_namespace()
    maps = [_map(number, 1000 + 2 * number, 1) for number in range(340)]  # less than a page in all
    container.bundle.linux["uidMappings"] = container.bundle.linux["gidMappings"] = maps
    container.bundle.config["mounts"] = [e for e in container.bundle.config["mounts"] if e["type"] != "cgroup"]

    assert container.output("wc -l </proc/self/uid_map") == "340"


@pytest.mark.needs("userns")
def test_more_than_the_kernel_takes_are_an_error(container: Container) -> None:
    container.bundle.user_namespace()
    maps = [_map(number, 100000 + 2 * number, 1) for number in range(341)]
    container.bundle.linux["uidMappings"] = container.bundle.linux["gidMappings"] = maps

    container.create().failed()


@pytest.mark.clause("linux.id-mappings.ownership")
@pytest.mark.needs("userns")
def test_leave_the_owners_of_files_alone(container: Container) -> None:
    (container.bundle.rootfs / "file").touch()

    container.bundle.user_namespace()

    assert container.output("stat -c '%u %g' /file") == "65534 65534"
    assert (container.bundle.rootfs / "file").stat().st_uid == 0


@pytest.mark.clause("linux.id-mappings.required")
def test_are_required_for_a_new_user_namespace(container: Container) -> None:
    container.bundle.namespace("user")

    container.create().failed()


@pytest.mark.clause("linux.id-mappings.without-namespace")
@pytest.mark.differs("runc 1.1 ignores them")
def test_need_a_user_namespace(container: Container) -> None:
    container.bundle.linux["uidMappings"] = container.bundle.linux["gidMappings"] = [_map(0, 100000, 10)]

    container.create().failed("user namespace mappings specified, but user namespace isn't enabled in the config")


@pytest.mark.clause("linux.id-mappings.size")
@pytest.mark.parametrize(
    "maps",
    [
        pytest.param([_map(0, 100000, 0)], id="size 0"),
        pytest.param([_map(0, 100000, 10), _map(5, 200000, 10)], id="overlap inside"),
        pytest.param([_map(0, 100000, 10), _map(10, 100005, 10)], id="overlap outside"),
        pytest.param([_map(0, 2**32 - 10, 20)], id="beyond the largest id"),
    ],
)
def test_are_checked(container: Container, maps: list[dict[str, int]]) -> None:
    container.bundle.user_namespace().linux["uidMappings"] = maps

    container.create().failed()


@pytest.mark.clause("linux.id-mappings.unprivileged")
@pytest.mark.needs("userns")
@pytest.mark.parametrize("delegated", [False, True])
@pytest.mark.differs("runc 1.1 does not name it")
def test_of_other_ids_take_a_program_for_a_user(container: Container, as_user: dict[str, Any], delegated: bool) -> None:
    """A stand-in for newuidmap and newgidmap that writes down what it is asked for."""
    programs = container.bundle.path.parent / "programs"
    programs.mkdir()
    record = container.bundle.path.parent / "record"
    record.touch()
    record.chmod(0o666)
    if delegated:
        for name in ("newuidmap", "newgidmap"):
            (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{record}\necho refused >&2\nexit 1\n')
            (programs / name).chmod(0o755)
    container.bundle.linux["uidMappings"] = [_map(0, 1234, 1), _map(1, 100000, 1000)]
    container.bundle.linux["gidMappings"] = [_map(0, 1234, 1), _map(1, 100000, 1000)]
    as_user["env"]["PATH"] = str(programs)

    result = container.create(**as_user).failed("newuidmap")

    if delegated:
        assert "refused" in result.stderr
        name, _, *numbers = record.read_text().splitlines()[0].split()
        assert (name, numbers) == ("newuidmap", ["0", "1234", "1", "1", "100000", "1000"])
