"""linux.resources.devices: tried on the kernel's log, which every machine has and no container should see."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from pyoci.syscalls import bpf
from tests.support.container import Container, cgroups_named
from tests.support.limits import limit, places
from tests.support.terminal import ConsoleSocket

pytestmark = [pytest.mark.needs("root"), pytest.mark.varies("cgroup2")]

_TRY = """
mknod /dev/log c 1 11 && printf m
(: < /dev/log) 2>/dev/null && printf r
(: >> /dev/log) 2>/dev/null && printf w
"""


def log(allow: bool, access: str | None = None, **changes: Any) -> dict[str, Any]:
    """A rule about the kernel's log."""
    rule = {"allow": allow, "type": "c", "major": 1, "minor": 11, "access": access, **changes}
    return {name: value for name, value in rule.items() if value is not None}


def access(container: Container, *rules: dict[str, Any]) -> str:
    """What a privileged program may do with the kernel's log, as letters of ``mrw``."""
    container.bundle.linux["resources"] = {"devices": list(rules)}
    for names in container.bundle.process["capabilities"].values():
        names += ["CAP_MKNOD", "CAP_SYSLOG"]
    container.bundle.script(_TRY + "true")
    return container.run().ok().output


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([], "m", id="no rules"),
        pytest.param([log(False, "rwm")], "m", id="forbidden"),
        pytest.param([log(True, "rw")], "mrw", id="allowed"),
        pytest.param([log(True, "r")], "mr", id="to read"),
        pytest.param([log(True, "w")], "mw", id="to write"),
        pytest.param([log(True, "m")], "m", id="to make"),
        pytest.param([log(True, "rw", type="b")], "m", id="the block device of that number"),
        pytest.param([log(True, "rw", minor=12)], "m", id="another device"),
    ],
)
@pytest.mark.clause("linux.resources.devices.access")
def test_access_is_what_is_allowed(container: Container, rules: list[dict[str, Any]], expected: str) -> None:
    assert access(container, *rules) == expected


@pytest.mark.clause("linux.resources.devices.order")
@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([log(True, "rw"), log(False, "w")], "mr", id="taken away again"),
        pytest.param([log(False, "w"), log(True, "rw")], "mrw", id="given after all"),
        pytest.param([{"allow": True, "access": "rwm"}, log(False, "rw")], "m", id="all but one"),
        pytest.param([log(True, "rw"), {"allow": False, "access": "rwm"}], "m", id="all taken away again"),
    ],
)
def test_rules_apply_in_order(container: Container, rules: list[dict[str, Any]], expected: str) -> None:
    assert access(container, *rules) == expected


@pytest.mark.clause("linux.resources.devices.defaults")
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"allow": True, "access": "rwm"}, id="type, major and minor"),
        pytest.param(log(True, "rw", minor=None), id="minor"),
        pytest.param(log(True, "rw", minor=-1), id="minor is -1"),
        pytest.param({"allow": True}, id="access",
                     marks=pytest.mark.differs("runc demands access")),
    ],
)  # fmt: skip
def test_what_is_not_given_is_all(container: Container, rule: dict[str, Any]) -> None:
    assert access(container, rule) == "mrw"


@pytest.mark.clause("linux.resources.devices.default-list")
def test_default_devices_can_be_used_whatever_the_rules_say(container: Container) -> None:
    container.bundle.linux["resources"] = {
        "devices": [{"allow": False, "access": "rwm"}, {"allow": False, "type": "c", "major": 1, "access": "rwm"}]
    }

    tried = container.output("for name in null zero full random urandom tty ptmx; do (: < /dev/$name) 2>&1; done; true")

    assert "not permitted" not in tried


@pytest.mark.clause("linux.resources.devices.legacy")
@pytest.mark.needs("cgroup1")
def test_rules_are_in_the_file_on_v1(container: Container) -> None:
    container.bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}, log(True, "r")]}
    container.up()

    lines = limit(container.pid, "devices.list").splitlines()
    assert "c 1:11 r" in lines
    assert "c 1:3 rwm" in lines
    assert "a *:* rwm" not in lines


def programs(container: Container) -> list[int]:
    """The ids of the programs that the kernel asks about the container's devices."""
    directory = os.open(cgroups_named(container.id)[0], os.O_RDONLY)
    try:
        return bpf.prog_query(directory, bpf.BPF_CGROUP_DEVICE)
    finally:
        os.close(directory)


@pytest.mark.clause("linux.resources.devices.unified")
@pytest.mark.needs("cgroup2")
def test_rules_are_a_program_on_v2(container: Container) -> None:
    container.up()

    assert len(programs(container)) == 1


@pytest.mark.clause("linux.resources.devices.unified")
@pytest.mark.needs("cgroup2")
def test_a_new_program_takes_the_place_of_the_old_one_on_v2(container: Container) -> None:
    container.up()
    (before,) = programs(container)

    container.runtime("update", "--resources=-", container.id, stdin=json.dumps({"devices": [log(True, "r")]})).ok()

    (after,) = programs(container)
    assert after != before
    with pytest.raises(FileNotFoundError):
        bpf.prog_get_fd_by_id(before)


@pytest.mark.clause("linux.resources.devices.rootless")
def test_rules_are_left_out_where_they_cannot_be_set(container: Container, as_user: dict[str, Any]) -> None:
    container.bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}, log(True, "r")]}
    container.bundle.script("echo alive")

    assert container.run(**as_user).ok().output == "alive"


@pytest.mark.clause("linux.resources.devices.access")
@pytest.mark.parametrize(
    ("rule", "field"),
    [(log(True, "rx"), "access"), (log(True, "r", type="p"), "type"), (log(True, "r", major=2**32), "major")],
)
@pytest.mark.differs("runc takes some of it")
def test_impossible_rule_is_an_error(container: Container, rule: dict[str, Any], field: str) -> None:
    container.bundle.linux["resources"] = {"devices": [rule]}

    container.create().failed(f"linux.resources.devices[0].{field}")


@pytest.mark.clause("linux.resources.devices.legacy")
@pytest.mark.needs("cgroup1")
@pytest.mark.differs("runc refuses in other words")
def test_hole_in_a_wider_rule_is_an_error_on_v1(container: Container) -> None:
    container.bundle.linux["resources"] = {"devices": [log(True, "rw", minor=None), log(False, "rw")]}

    container.create().failed("linux.resources.devices", "cannot punch a hole")


def test_devices_are_made_and_opened_when_the_rules_are_complete(container: Container, recvtty: ConsoleSocket) -> None:
    many = range(1000 if set(places()) == {""} else 3000)  # on v1 each is a write
    rules = [log(allow=True, major=300, minor=minor, access="r") for minor in many]
    container.bundle.linux["resources"] = {"devices": rules}
    nodes = [{"path": f"/dev/many/{minor}", "type": "c", "major": 300, "minor": minor} for minor in many]
    container.bundle.linux["devices"] = nodes
    container.bundle.process["terminal"] = True

    container.create("--console-socket", recvtty.path).ok()
