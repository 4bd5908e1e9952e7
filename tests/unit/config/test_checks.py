"""pyoci.config.checks: the rules between the sections of config.json."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pyoci.config import Config
from pyoci.errors import ConfigError

ID = {"containerID": 0, "hostID": 100000, "size": 1000}
ALL = ("pid", "network", "mount", "ipc", "uts", "cgroup", "time")


def config(*namespaces: str | dict[str, str], user: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A configuration with *namespaces*; *changes* are for ``linux`` unless they name a property beside it."""
    top: dict[str, Any] = {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": user or {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": entry} if isinstance(entry, str) else entry for entry in namespaces]},
    }
    for name, value in changes.items():
        if name in {"ociVersion", "root", "hostname", "domainname", "annotations", "mounts", "process"}:
            top[name] = value
        else:
            top["linux"][name] = value
    return copy.deepcopy(top)


def mapped(**changes: Any) -> dict[str, Any]:
    """A configuration with a new user namespace of a thousand ids."""
    return config("user", **{"uidMappings": [ID], "gidMappings": [ID], **changes})


def joined(kind: str) -> dict[str, str]:
    return {"type": kind, "path": f"/run/{kind}"}


@pytest.mark.parametrize(
    "text",
    [
        "invalid",
        "",
        "1",
        "1.3",
        "1.3.0.0",
        "v1.3.0",
        "01.3.0",
        "1.03.0",
        "1.3.0-",
        "1.3.0+",
        "1.3.0-01",
        "1.3.0-a..b",
        "1.3.0+a_b",
        "1.3.0 ",
        " 1.3.0",
        "1.3.0\n",
        "1.3.-1",
        "1.٣.0",
        "1.3.0-é",
        "1..0",
    ],
)
@pytest.mark.clause("oci-version.semver")
def test_version_is_refused_when_it_is_no_semver(text: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)ociVersion: .* SemVer"):
        Config.read(config(ociVersion=text))


@pytest.mark.parametrize("text", ["0.1.0", "2.0.0", "10.0.0", "11.3.0"])
@pytest.mark.clause("oci-version.major")
def test_version_is_refused_when_its_major_is_not_1(text: str) -> None:
    with pytest.raises(ConfigError, match=r"ociVersion: version .* is not supported, only 1\.x"):
        Config.read(config(ociVersion=text))


@pytest.mark.parametrize(
    "text",
    [
        "1.0.0",
        "1.0.2-dev",
        "1.3.0",
        "1.2.1-rc.1",
        "1.3.0+dev",
        "1.99.0",
        "1.0.0-0.3.7",
        "1.0.0-x-y-z.--",
        "1.0.0-a+0.01",
    ],
)
@pytest.mark.clause("oci-version.semver", "oci-version.major")
def test_version_is_accepted_when_it_is_a_semver_of_major_1(text: str) -> None:
    assert Config.read(config(ociVersion=text)).oci_version == text


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        pytest.param(
            {"ociVersion": "1.3.0"}, "root", "is required", id="no-root", marks=pytest.mark.clause("root.required")
        ),
        pytest.param(
            config(annotations={"": "x"}),
            "annotations",
            "has an empty key",
            id="empty-annotation",
            marks=pytest.mark.clause("annotations.empty-key"),
        ),
        pytest.param(
            config("pid", "mount", "pid"),
            "linux.namespaces[2].type",
            'duplicated namespace "pid"',
            id="namespace-twice",
            marks=pytest.mark.clause("linux.namespaces.duplicate"),
        ),
        pytest.param(
            config("network", joined("network")),
            "linux.namespaces[1].type",
            'duplicated namespace "network"',
            id="namespace-new-and-joined",
        ),
        pytest.param(
            config("pid", hostname="a"),
            "hostname",
            "unable to set hostname without a private UTS namespace",
            id="hostname-of-the-host",
            marks=pytest.mark.clause("hostname.namespace"),
        ),
        pytest.param(
            config("pid", domainname="a"),
            "domainname",
            "unable to set domainname without a private UTS namespace",
            id="domainname-of-the-host",
            marks=pytest.mark.clause("domainname.namespace"),
        ),
        pytest.param(
            config("pid", uidMappings=[ID]),
            "linux.uidMappings",
            "user namespace mappings specified, but user namespace isn't enabled in the config",
            id="uids-without-namespace",
            marks=pytest.mark.clause("linux.id-mappings.without-namespace"),
        ),
        pytest.param(
            config("pid", gidMappings=[ID]),
            "linux.gidMappings",
            "user namespace mappings specified, but user namespace isn't enabled in the config",
            id="gids-without-namespace",
        ),
        pytest.param(
            config("user"),
            "linux.uidMappings",
            "is required for a new user namespace",
            id="namespace-without-uids",
            marks=pytest.mark.clause("linux.id-mappings.required"),
        ),
        pytest.param(
            config("user", uidMappings=[ID]),
            "linux.gidMappings",
            "is required for a new user namespace",
            id="namespace-without-gids",
        ),
        pytest.param(
            mapped(uidMappings=[ID, {**ID, "containerID": 999, "hostID": 0}]),
            "linux.uidMappings[1].containerID",
            "999 is in the range of another mapping",
            id="overlap-inside",
            marks=pytest.mark.clause("linux.id-mappings.size"),
        ),
        pytest.param(
            mapped(gidMappings=[{**ID, "containerID": 5000}, {**ID, "hostID": 99500}]),
            "linux.gidMappings[0].hostID",
            "100000 is in the range of another mapping",
            id="overlap-outside",
        ),
        pytest.param(
            mapped(uidMappings=[{"containerID": 0, "hostID": 1, "size": 2**32 - 1}]),
            "linux.uidMappings[0].size",
            "4294967295 ids reach beyond 32 bits",
            id="one-too-many",
        ),
        pytest.param(
            config("mount", mounts=[{"destination": "/a", "options": ["bind", "idmap"]}]),
            "mounts[0].options",
            "idmap needs uidMappings and gidMappings, here or for a new user namespace",
            id="idmap-of-nothing",
            marks=pytest.mark.clause("mounts.idmap.container"),
        ),
        pytest.param(
            config(joined("user"), mounts=[{"destination": "/a", "options": ["rbind", "ridmap"]}]),
            "mounts[0].options",
            "idmap needs uidMappings and gidMappings, here or for a new user namespace",
            id="idmap-of-joined",
        ),
        pytest.param(
            config("pid", timeOffsets={"monotonic": {"secs": 1}}),
            "linux.timeOffsets",
            "time namespace offsets specified, but time namespace isn't enabled in the config",
            id="offsets-without-namespace",
            marks=pytest.mark.clause("linux.time-offsets.namespace"),
        ),
        pytest.param(
            config(joined("time"), timeOffsets={"boottime": {"secs": 1}}),
            "linux.timeOffsets",
            "time namespace offsets specified, but time namespace isn't enabled in the config",
            id="offsets-of-joined",
        ),
        pytest.param(
            config("time", timeOffsets={"realtime": {}}),
            "linux.timeOffsets.realtime",
            "is not one of monotonic, boottime",
            id="unknown-clock",
            marks=pytest.mark.clause("linux.time-offsets.bad"),
        ),
        pytest.param(
            config("pid", netDevices={"eth0": {}}),
            "linux.netDevices",
            "unable to move network devices without a private NET namespace",
            id="devices-without-namespace",
            marks=pytest.mark.clause("linux.net-devices.namespace"),
        ),
        pytest.param(
            config("mount", rootfsPropagation="sideways"),
            "linux.rootfsPropagation",
            '"sideways" is not supported: it is one of shared, slave, private, unbindable, rshared, rslave,'
            " rprivate, runbindable",
            id="propagation",
            marks=pytest.mark.clause("linux.rootfs-propagation.unknown"),
        ),
        pytest.param(
            mapped(user={"uid": 1000, "gid": 0}),
            "process.user.uid",
            "1000 is not mapped into the user namespace",
            id="uid-unmapped",
            marks=pytest.mark.clause("process.user.unmapped"),
        ),
        pytest.param(
            mapped(user={"uid": 0, "gid": 5000}),
            "process.user.gid",
            "5000 is not mapped into the user namespace",
            id="gid-unmapped",
        ),
        pytest.param(
            mapped(user={"uid": 0, "gid": 0, "additionalGids": [999, 1000]}),
            "process.user.additionalGids[1]",
            "1000 is not mapped into the user namespace",
            id="group-unmapped",
        ),
        pytest.param(
            config(
                process={
                    "cwd": "/",
                    "args": ["sh"],
                    "rlimits": [
                        {"type": name, "soft": 1, "hard": 1} for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_AS")
                    ],
                }
            ),
            "process.rlimits[2].type",
            'duplicated rlimit "RLIMIT_AS"',
            id="rlimit-twice",
            marks=pytest.mark.clause("process.rlimits.duplicate"),
        ),
    ],
)
def test_checks_name_place_and_reason_when_sections_contradict_each_other(
    given: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.read(given)
    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"ociVersion": "1.3.0", "root": {"path": "/"}}, id="no-process-no-linux"),
        pytest.param(config(joined("uts"), hostname="a", domainname="b"), id="names-in-a-joined-namespace"),
        pytest.param(
            config(joined("user"), uidMappings=[ID], gidMappings=[ID], user={"uid": 5000, "gid": 5000}),
            id="mappings-beside-a-joined-namespace",
            marks=pytest.mark.clause("linux.id-mappings.joined"),
        ),
        pytest.param(mapped(user={"uid": 999, "gid": 999, "additionalGids": [0]}), id="last-id"),
        pytest.param(mapped(uidMappings=[{**ID, "hostID": 101000, "containerID": 1000}, ID]), id="neighbours"),
        pytest.param(mapped(uidMappings=[{"containerID": 0, "hostID": 0, "size": 2**32 - 1}]), id="all-ids"),
        pytest.param(mapped(mounts=[{"destination": "/a", "options": ["bind", "idmap"]}]), id="idmap-of-container"),
        pytest.param(
            config(
                "mount", mounts=[{"destination": "/a", "options": ["bind"], "uidMappings": [ID], "gidMappings": [ID]}]
            ),
            id="mapped-without-option",
        ),
        pytest.param(
            config(joined("network"), netDevices={"eth0": {}, "eth1": {"name": "x%d"}, "eth2": {"name": "x%d"}}),
            id="devices-into-a-joined-namespace",
        ),
        pytest.param(config(annotations={"a": "", "org.example": "x"}), id="annotations"),
    ],
)
def test_checks_accept_a_configuration_when_its_sections_agree(given: dict[str, Any]) -> None:
    Config.read(given)


def hosts(key: str, kind: str) -> str:
    return f'sysctl "{key}" is not allowed in the hosts {kind} namespace'


def nobodys(key: str) -> str:
    return f'sysctl "{key}" is not in a separate kernel namespace'


@pytest.mark.clause("linux.sysctl.namespace", "linux.sysctl.hostname", "linux.sysctl.separators")
@pytest.mark.parametrize(
    ("key", "missing", "reason"),
    [
        pytest.param("kernel.msgmax", "ipc", hosts("kernel.msgmax", "ipc"), id="ipc"),
        pytest.param("kernel/shm_rmid_forced", "ipc", hosts("kernel.shm_rmid_forced", "ipc"), id="ipc-slashes"),
        pytest.param("fs.mqueue.msg_max", "ipc", hosts("fs.mqueue.msg_max", "ipc"), id="mqueue"),
        pytest.param("net.ipv4.ip_forward", "network", hosts("net.ipv4.ip_forward", "network"), id="net"),
        pytest.param(
            "net/ipv4/conf/eth0.100/x", "network", hosts("net.ipv4.conf.eth0/100.x", "network"), id="net-slash"
        ),
        pytest.param("kernel.domainname", "uts", nobodys("kernel.domainname"), id="domainname"),
        pytest.param("kernel.hostname", "uts", nobodys("kernel.hostname"), id="hostname-of-the-host"),
        pytest.param(
            "kernel.hostname",
            "",
            'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
            id="hostname",
        ),
        pytest.param("user.max_user_namespaces", "", nobodys("user.max_user_namespaces"), id="user"),
        pytest.param("vm.swappiness", "", nobodys("vm.swappiness"), id="vm"),
        pytest.param("kernel.msgmaxi", "", nobodys("kernel.msgmaxi"), id="longer-than-a-known-one"),
        pytest.param("fs.mqueue", "", nobodys("fs.mqueue"), id="prefix-only"),
        pytest.param("kernel.core_pattern", "", nobodys("kernel.core_pattern"), id="core-pattern"),
        pytest.param(
            "net/../kernel/core_pattern",
            "",
            '"net/../kernel/core_pattern" is not the name of a sysctl',
            id="parent-directory",
        ),
    ],
)
def test_sysctl_is_refused_when_no_namespace_of_the_container_holds_it(key: str, missing: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.read(config(*(kind for kind in ALL if kind != missing), sysctl={key: "1"}))
    assert caught.value.field.startswith(f"linux.sysctl.{key}")
    assert caught.value.reason == reason


@pytest.mark.parametrize("key", ["kernel.sem", "net.core.somaxconn", "net/core/somaxconn", "kernel.domainname"])
def test_sysctl_is_accepted_when_a_namespace_holds_it(key: str) -> None:
    Config.read(config(*ALL, sysctl={key: "1"}))


def test_sysctl_of_users_is_accepted_when_there_is_a_user_namespace() -> None:
    Config.read(mapped(sysctl={"user.max_user_namespaces": "1"}))
