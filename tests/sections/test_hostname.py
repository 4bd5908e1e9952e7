"""hostname."""

from __future__ import annotations

import os

import pytest

from tests.support.container import Container


@pytest.mark.clause("hostname.set")
@pytest.mark.parametrize("name", ["a", "with.dots", "ünicode", "x" * 64])
def test_is_the_name_inside_alone(container: Container, name: str) -> None:
    before = os.uname().nodename
    container.bundle.config["hostname"] = name

    assert container.output("hostname; cat /proc/sys/kernel/hostname").splitlines() == [name, name]
    assert os.uname().nodename == before


@pytest.mark.clause("hostname.set")
def test_is_the_hosts_unless_given(container: Container) -> None:
    container.bundle.config.pop("hostname")

    assert container.output("hostname") == os.uname().nodename


@pytest.mark.clause("hostname.namespace")
def test_needs_a_uts_namespace(container: Container) -> None:
    container.bundle.without_namespace("uts")

    container.create().failed("unable to set hostname without a private UTS namespace")


def test_the_kernel_refuses_is_an_error(container: Container) -> None:
    container.bundle.config["hostname"] = "x" * 65

    container.create().failed()


@pytest.mark.needs("userns")
@pytest.mark.clause("hostname.set")
def test_is_set_in_a_user_namespace(container: Container) -> None:
    container.bundle.user_namespace()

    assert container.output("hostname") == "bundle"
