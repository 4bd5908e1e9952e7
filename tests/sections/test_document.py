"""config.json as a document: what holds for the whole of it (config.md, bundle.md)."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.support.container import Container, mounts_naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def objects(value: Any) -> list[dict[str, Any]]:
    """Every object in *value* whose names the specification gives (not the maps with names of the user's)."""
    found = []
    if isinstance(value, dict):
        found.append(value)
        for member in value.values():
            found += objects(member)
    elif isinstance(value, list):
        for element in value:
            found += objects(element)
    return found


@pytest.mark.clause("general.unknown-properties", "platform.others-ignored")
def test_container_runs_when_every_object_has_unknown_properties(container: Container) -> None:
    config = container.bundle.config
    for section in objects(config):
        section.update({"x-unknown": {"deep": [1, None, "x"]}, "futureProperty": True})
    config.update(windows={"layerFolders": []}, solaris={"milestone": "x"}, vm={}, freebsd=None, zos={})

    assert container.output("echo ran") == "ran"


@pytest.mark.clause("oci-version.semver", "oci-version.major")
@pytest.mark.parametrize("version", ["1.0.0", "1.3.0", "1.2.1-rc.1", "1.3.0+dev", "1.99.0", "1.0.0-0.a-b.7+x.y"])
def test_container_is_created_when_the_version_is_one_of_major_1(container: Container, version: str) -> None:
    container.bundle.config["ociVersion"] = version

    container.create().ok()


@pytest.mark.differs("runc does not look at it")
@pytest.mark.clause("oci-version.semver", "oci-version.major")
@pytest.mark.parametrize("version", ["", "1", "1.0", "invalid", "2.0.0", "0.9.0", "01.0.0", "1.0.0-01", "v1.0.0", None])
def test_create_fails_when_the_version_is_another(container: Container, version: str | None) -> None:
    container.bundle.config["ociVersion"] = version

    container.create().failed("ociVersion")


@pytest.mark.clause("annotations.strings", "annotations.unknown", "state.annotations")
def test_annotations_are_kept_when_nobody_knows_them(container: Container) -> None:
    annotations = {"org.example/ä": 'ü\n"\\', "empty": "", "org.opencontainers.image.stopSignal": "nonsense"}
    container.bundle.config["annotations"] = annotations
    container.create().ok()

    assert container.state()["annotations"] == annotations


@pytest.mark.clause("state.annotations")
@pytest.mark.parametrize("given", [{}, None, "absent"])
def test_state_has_no_annotations_when_there_are_none(container: Container, given: Any) -> None:
    if given != "absent":
        container.bundle.config["annotations"] = given
    container.create().ok()

    assert not container.state().get("annotations")


@pytest.mark.differs("runc does not look at the keys")
@pytest.mark.clause("annotations.empty-key")
def test_create_fails_when_an_annotation_has_no_key(container: Container) -> None:
    container.bundle.config["annotations"] = {"": "value"}

    container.create().failed("annotations")


@pytest.mark.clause("general.integer-widths", "annotations.strings", "general.unknown-values")
@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        pytest.param("user", "uid", 2**32, id="uint32 + 1"),
        pytest.param("user", "uid", -1, id="uint32 < 0"),
        pytest.param("user", "gid", 1.5, id="fraction"),
        pytest.param("user", "uid", True, id="bool for a number"),
        pytest.param("user", "uid", "0", id="text for a number"),
        pytest.param("process", "oomScoreAdj", 2**63, id="int + 1"),
        pytest.param("process", "terminal", 1, id="number for a bool"),
        pytest.param("process", "args", "sh", id="text for a list"),
        pytest.param("process", "args", [1], id="number for a text"),
        pytest.param("process", "env", {}, id="object for a list"),
        pytest.param("config", "annotations", {"key": 1}, id="number in annotations"),
        pytest.param("config", "annotations", [], id="list for an object"),
        pytest.param("config", "mounts", {}, id="object for the mounts"),
        pytest.param("config", "hostname", 1, id="number for the name"),
        pytest.param("linux", "namespaces", [{"type": "nonsense"}], id="unknown namespace"),
        pytest.param("linux", "rootfsPropagation", "nonsense", id="unknown propagation"),
        pytest.param("linux", "rootfsPropagation", 1, id="number for propagation"),
    ],
)
def test_create_fails_and_leaves_nothing_when_a_value_has_the_wrong_type(
    container: Container, section: str, name: str, value: Any
) -> None:
    bundle = container.bundle
    sections = {"config": bundle.config, "process": bundle.process, "linux": bundle.linux}
    sections["user"] = bundle.process["user"]
    sections[section][name] = value

    container.create().failed()

    container.runtime("state", container.id).failed()


@pytest.mark.clause("general.duplicate-members", "general.member-order")
def test_last_member_counts_when_a_name_is_given_twice(container: Container) -> None:
    text = json.dumps(dict(reversed(container.bundle.config.items())))
    twice = text[:-1] + ', "hostname": "first", "hostname": "last"}'
    (container.bundle.write() / "config.json").write_text(twice.replace('"args": ["true"]', '"args": ["hostname"]'))

    assert container.runtime("run", "-b", container.bundle.path, container.id).ok().output == "last"


@pytest.mark.clause("bundle.config-file")
@pytest.mark.parametrize("name", ["Config.json", "config.json.bak", "sub/config.json"])
def test_create_fails_when_the_configuration_has_another_name(container: Container, name: str) -> None:
    path = container.bundle.write() / name
    path.parent.mkdir(exist_ok=True)
    os.rename(container.bundle.path / "config.json", path)

    container.runtime("create", "-b", container.bundle.path, container.id).failed("config.json not found")


@pytest.mark.differs("crun's option, which runc has not")
@pytest.mark.clause("bundle.config-option")
def test_other_file_is_read_when_the_option_names_it(container: Container, place: Path) -> None:
    container.bundle.config["hostname"] = "other"
    container.bundle.args("hostname")
    shutil.move(container.bundle.write() / "config.json", place / "other.json")
    container.bundle.config["hostname"] = "not-read"
    container.bundle.write()

    result = container.runtime("run", "-b", container.bundle.path, "--config", place / "other.json", container.id)

    assert result.ok().output == "other"


@pytest.mark.differs("runc reads the environment of exec from the bundle")
@pytest.mark.clause("bundle.read-once")
def test_changes_have_no_effect_when_the_container_was_created_before(container: Container, place: Path) -> None:
    stop = place / "stop"
    container.bundle.config["annotations"] = {"key": "before"}
    container.bundle.config["hooks"] = {"poststop": [{"path": "/bin/touch", "args": ["touch", str(stop)]}]}
    container.bundle.script("echo before >/said; sleep 1000")
    container.create().ok()

    container.bundle.config["annotations"] = {"key": "after"}
    container.bundle.config["hooks"] = {}
    container.bundle.script("echo after >/said")
    container.bundle.env("AFTER=1")
    container.bundle.write()
    container.start().ok()

    assert container.wait_for_file("/said") == "before\n"
    assert container.state()["annotations"] == {"key": "before"}
    assert "AFTER" not in container.exec("env").ok().output
    container.delete("--force").ok()
    assert stop.exists()


@pytest.mark.differs("runc reads the bundle again for exec")
@pytest.mark.clause("bundle.read-once")
def test_container_lives_on_when_the_configuration_is_gone(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    container.create().ok()

    (container.bundle.path / "config.json").unlink()

    container.start().ok()
    container.exec("true").ok()
    assert container.status == "running"
    container.delete("--force").ok()


@pytest.mark.clause("general.warnings-change-nothing")
def test_container_runs_when_there_is_something_to_warn_of(container: Container, place: Path) -> None:
    for kind in ("bounding", "effective", "permitted"):
        container.bundle.process["capabilities"][kind].append("CAP_NO_SUCH_THING")
    container.bundle.script("echo ran")

    options = ["--log", str(place / "log")]
    result = container.runtime("run", "-b", container.bundle.write(), container.id, options=options)

    assert result.ok().output == "ran"
    assert "CAP_NO_SUCH_THING" in (place / "log").read_text()


# Each breaks at another point of create: before anything is made, with the cgroup, with the namespaces, while
# mounting, at a hook, behind the pivot, at the end.
BREAKAGE = {
    "cgroup": lambda config: config["linux"].update(resources={"memory": {"limit": 4096}}),
    "namespace path": lambda config: config["linux"]["namespaces"].append({"type": "user", "path": "/etc/passwd"}),
    "mount": lambda config: config["mounts"].append({"destination": "/m", "type": "nonsense"}),
    "hook": lambda config: config.update(hooks={"createContainer": [{"path": "/bin/false"}]}),
    "sysctl": lambda config: config["linux"].update(sysctl={"net.no.such.key": "1"}),
    "program": lambda config: config["process"].update(args=["/no/such/program"]),
    "cwd": lambda config: config["process"].update(cwd="/etc/passwd"),
    "device": lambda config: config["linux"].update(
        devices=[{"path": "/etc/passwd", "type": "c", "major": 1, "minor": 3}]
    ),
}


@pytest.mark.clause("general.errors-leave-nothing", "create.cannot-apply")
@pytest.mark.parametrize(
    "where",
    [
        pytest.param(name, marks=pytest.mark.differs("runc lets such a file be") if name == "device" else ())
        for name in BREAKAGE
    ],
)
def test_nothing_is_left_when_create_breaks(container: Container, where: str) -> None:
    """The fixture looks for processes, cgroups, mounts and state afterwards."""
    container.bundle.mount("/volume", "tmpfs", "tmpfs")
    BREAKAGE[where](container.bundle.config)

    result = container.create()

    assert result.status != 0
    assert mounts_naming(str(container.bundle.path)) == []
    assert not (container.runtime.root / container.id).exists()
    assert not [path for path in container.bundle.path.iterdir() if path.name not in ("config.json", "rootfs")]
