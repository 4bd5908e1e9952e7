"""domainname."""

from __future__ import annotations

import pytest

from tests.support.container import Container

_DOMAIN = "cat /proc/sys/kernel/domainname"


@pytest.mark.clause("domainname.set")
@pytest.mark.differs("runc knows it since 1.1.8")
@pytest.mark.parametrize("name", ["nis.example", "x" * 64])
def test_domainname_is_the_name_inside_alone(container: Container, name: str) -> None:
    container.bundle.config["domainname"] = name

    assert container.output(_DOMAIN) == name


@pytest.mark.clause("domainname.namespace")
@pytest.mark.differs("runc knows it since 1.1.8")
def test_domainname_needs_a_uts_namespace(container: Container) -> None:
    container.bundle.without_namespace("uts").config.update(hostname="", domainname="nis.example")

    container.create().failed("unable to set domainname without a private UTS namespace")


@pytest.mark.differs("runc knows it since 1.1.8")
def test_domainname_the_kernel_refuses_is_an_error(container: Container) -> None:
    container.bundle.config["domainname"] = "x" * 65

    container.create().failed("domainname", "invalid argument")
