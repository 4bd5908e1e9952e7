"""What every process starts with: its descriptors, its session, its keyring."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runtime import Result

_WITH_FILES = ["sh", "-c", 'exec "$@" 3</etc/hostname 4</etc/passwd 9</etc', "-"]
_COUNT = "ls /proc/self/fd | tr '\\n' ' '"


@pytest.mark.clause("process.descriptors", "process.preserve-fds")
@pytest.mark.parametrize(("options", "seen"), [([], "0 1 2 3 "), (["--preserve-fds", "2"], "0 1 2 3 4 5 ")])
def test_has_three_descriptors_and_those_given(container: Container, options: list[str], seen: str) -> None:
    container.bundle.script(_COUNT)  # one more is the directory that ls reads

    assert container.run(*options, prefix=_WITH_FILES).ok().stdout == seen


@pytest.mark.clause("process.descriptors", "process.preserve-fds")
@pytest.mark.parametrize(("options", "seen"), [([], "0 1 2 3 "), (["--preserve-fds", "1"], "0 1 2 3 4 ")])
def test_of_an_exec_has_them_too(container: Container, options: list[str], seen: str) -> None:
    container.up()

    assert container.exec("sh", "-c", _COUNT, flags=options, prefix=_WITH_FILES).ok().stdout == seen


@pytest.mark.clause("process.descriptors")
def test_no_descriptor_leads_to_the_host(container: Container) -> None:
    links = container.output("for fd in /proc/self/fd/*; do readlink $fd; done; true").splitlines()

    assert not [link for link in links if str(container.runtime.root) in link]


@pytest.mark.clause("process.session")
@pytest.mark.parametrize("new", [True, False])
def test_leads_a_session_with_a_keyring_of_its_own(container: Container, new: bool) -> None:
    container.bundle.linux["maskedPaths"].remove("/proc/keys")
    container.bundle.script("cut -d' ' -f1,5,6 /proc/1/stat; cat /proc/keys")

    lines = container.run(*([] if new else ["--no-new-keyring"])).ok().stdout.splitlines()

    assert lines[0] == "1 1 1"
    assert any(f"_ses.{container.id}" in line for line in lines[1:]) == new


@pytest.mark.clause("process.session")
def test_of_an_exec_leads_its_own(container: Container, exec_process: Callable[..., Result]) -> None:
    container.up()

    pid, group, session = exec_process(args=["cut", "-d", " ", "-f1,5,6", "/proc/self/stat"]).ok().output.split()

    assert pid == group == session


def test_null_device_among_the_streams_is_the_container_s_own(container: Container) -> None:
    """The host's would be a way out of its mounts, and nothing criu can checkpoint."""
    script = "for fd in 0 2; do stat -L -c %d /proc/self/fd/$fd; done > /tmp/found; stat -c %d /dev/null"
    container.bundle.script(script)

    own = container.run(stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).ok().output

    assert (container.bundle.rootfs / "tmp/found").read_text().split() == [own, own]
