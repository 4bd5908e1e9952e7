"""contrib/containers.conf.d/pyoci.conf, as it is: in /etc/containers, or named by CONTAINERS_CONF."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import abilities
from tests.support.engines import HOME, IMAGE, Podman

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.runtime import Result

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.differs("it names pyoci")]

_SHIPPED = Path(__file__).resolve().parents[2] / "contrib/containers.conf.d/pyoci.conf"
_LIMITS = [] if abilities.has("sys_resource") else ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]


@pytest.fixture(params=["etc", "variable"])
def run(request: pytest.FixtureRequest, podman: Podman) -> Iterator[Callable[..., Result]]:
    """``run(*words)`` with pyoci where `make install` puts it; there is nothing else that tells podman of it."""
    place = podman.place
    own = place.inside("/etc/containers/containers.conf.d/pyoci.conf")
    named = f"CONTAINERS_CONF={place.write('shipped.conf', _SHIPPED.read_text())}"
    options = [
        word for word in podman.options if not word.startswith("--runtime") and word != Path(podman.runtime).name
    ]
    installed = f"mount -t tmpfs tmpfs /usr/local/bin; ln -s {podman.runtime} /usr/local/bin/pyoci"
    command = ["unshare", "--mount", "sh", "-c", f'{installed}; exec "$@"', "sh", "env"]
    command += [named] if request.param == "variable" else []
    command += ["podman", *options, "--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime=pyoci", "run"]
    if request.param == "etc":
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(_SHIPPED.read_text())
    yield lambda *words: place.run([*command, "--rm", "--network=none", *_LIMITS, *words])
    own.unlink(missing_ok=True)


def test_podman_finds_the_runtime_by_its_name(podman: Podman, run: Callable[..., Result]) -> None:
    said = run(f"--cgroup-parent=/{podman.place.cgroup}", IMAGE, "echo", "fine").ok()

    assert (said.output, said.stderr) == ("fine", "")


def test_podman_reads_its_errors_from_the_log(podman: Podman, run: Callable[..., Result]) -> None:
    said = run(f"--cgroup-parent=/{podman.place.cgroup}", IMAGE, "/missing")

    said.failed("Error: pyoci: pyoci create failed: ", "/missing: no such file or directory", status=127)
    assert len(said.stderr.splitlines()) == 1


def test_podman_runs_it_without_cgroups(podman: Podman, run: Callable[..., Result]) -> None:
    own = podman.place.run(["cat", "/proc/self/cgroup"]).output

    said = run("--cgroups=disabled", "--cgroupns=host", IMAGE, "cat", "/proc/self/cgroup").ok()

    assert said.output == own


def test_it_is_the_default_where_one_says_so(podman: Podman) -> None:
    text = _SHIPPED.read_text().replace("[engine]\n", f'[engine]\nruntime = "pyoci"\ntmp_dir = "{HOME}/podman/tmp"\n')
    text = text.replace("/usr/local/bin/pyoci", podman.runtime)
    named = podman.place.write("default.conf", text)
    options = [
        word for word in podman.options if not word.startswith("--runtime") and word != Path(podman.runtime).name
    ]

    said = podman.place.run(["env", f"CONTAINERS_CONF={named}", "podman", *options, "--cgroup-manager=cgroupfs",
                             "info", "--format", "{{.Host.OCIRuntime.Path}}"])  # fmt: skip

    assert said.ok().output == podman.runtime
