from __future__ import annotations

import pytest

from pyoci.config.linux import id_mappings
from pyoci.config.linux.id_mappings import IdMapping
from pyoci.errors import ConfigError, Unsupported


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"containerID": 0, "hostID": 0, "size": 0}, "size", id="no id at all"),
        pytest.param({"containerID": 0, "hostID": 0}, "size", id="size missing"),
        pytest.param({"containerID": -1, "hostID": 0, "size": 1}, "containerID", id="negative"),
        pytest.param({"containerID": 0, "hostID": 2**32 - 1, "size": 2}, "size", id="beyond the last id"),
        pytest.param({"containerID": 0, "hostID": 1.0, "size": 1}, "hostID", id="a fraction"),
    ],
)
def test_read_refuses(value, field):
    with pytest.raises(ConfigError) as caught:
        IdMapping.read(value)
    assert field == caught.value.field


def test_text_has_a_line_for_each_range():
    ranges = [
        IdMapping.read({"containerID": 0, "hostID": 1000, "size": 1}),
        IdMapping.read({"containerID": 1, "hostID": 100000, "size": 2**32 - 100001}),
    ]
    assert id_mappings.text(ranges) == "0 1000 1\n1 100000 4294867295\n"


def test_delegate_names_the_program_and_the_package_when_it_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unsupported) as caught:
        id_mappings._delegate("newgidmap", 1, [IdMapping(container_id=0, host_id=1, size=2)])
    assert caught.value.message == "cannot run newgidmap: no such file or directory"
    assert "uidmap" in str(caught.value.details["hint"])
    assert caught.value.details["field"] == "linux.gidMappings"


def test_delegate_passes_on_what_the_program_said(tmp_path, monkeypatch):
    program = tmp_path / "newuidmap"
    program.write_text('#!/bin/sh\necho "newuidmap: $* is not allowed" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Exception, match="newuidmap: 42 0 1 2 is not allowed") as caught:
        id_mappings._delegate("newuidmap", 42, [IdMapping(container_id=0, host_id=1, size=2)])
    assert "/etc/subuid" in str(caught.value)


def test_delegate_is_content_when_the_program_is(tmp_path, monkeypatch):
    program = tmp_path / "newgidmap"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    id_mappings._delegate("newgidmap", 42, [IdMapping(container_id=0, host_id=7, size=1)] * 2)
    assert (tmp_path / "arguments").read_text() == "42 0 7 1 0 7 1\n"
