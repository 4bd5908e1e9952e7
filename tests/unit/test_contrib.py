"""What we ship for engines: it is written in their languages, and all of it names the same handler and command."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
COMMAND = "/usr/local/bin/pyoci"


def test_docker_is_given_one_runtime_by_default():
    settings = json.loads((CONTRIB / "docker/daemon.json").read_text())

    assert settings == {"runtimes": {"pyoci": {"path": COMMAND}}, "default-runtime": "pyoci"}


def test_containerd_has_a_handler_that_its_shim_can_call():
    plugins = tomllib.loads((CONTRIB / "containerd/pyoci.toml").read_text())["plugins"]
    section = plugins["io.containerd.grpc.v1.cri"]["containerd"]

    assert section["default_runtime_name"] == handler()
    assert section["runtimes"] == {
        handler(): {"runtime_type": "io.containerd.runc.v2", "options": {"BinaryName": COMMAND}}
    }


def test_crio_has_a_handler_of_the_same_name():
    section = tomllib.loads((CONTRIB / "cri-o/10-pyoci.conf").read_text())["crio"]["runtime"]

    assert section["default_runtime"] == handler()
    assert section["runtimes"][handler()]["runtime_path"] == COMMAND


def handler():
    """What the RuntimeClass of Kubernetes calls it."""
    lines = (CONTRIB / "kubernetes/runtimeclass.yaml").read_text().splitlines()
    (name,) = [line.removeprefix("handler: ") for line in lines if line.startswith("handler: ")]
    return name
