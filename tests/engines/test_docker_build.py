"""docker build, with both builders: their steps are containers, too."""

from __future__ import annotations

import pytest

from tests.support.engines import HOME, IMAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.docker import DockerContainer
    from tests.support.engines import Docker
    from tests.support.runtime import Result

    Build = Callable[..., Result]


@pytest.fixture(params=["legacy", "buildkit"])
def build(docker: Docker, request: pytest.FixtureRequest, new_id: Callable[[], str]) -> Iterator[Build]:
    """Build an image of the lines of a Dockerfile; it is called ``build.tag``, and removed afterwards."""
    tag = f"localhost/{new_id()}"

    def make(*lines: str, options: tuple[str, ...] = ()) -> Result:
        docker.place.write(f"{tag}/Dockerfile", "\n".join([f"FROM {IMAGE}", *lines]))
        words = ["build", "--no-cache", "--network=none", *options, "--tag", tag, f"{HOME}/{tag}"]
        kit = ["env", f"DOCKER_BUILDKIT={int(request.param == 'buildkit')}", "BUILDKIT_PROGRESS=plain"]
        return docker.place.run([*kit, *docker.command(words)])

    make.tag = tag  # type: ignore[attr-defined]
    yield make
    docker.attempt("rmi", "--force", tag)


def test_steps_run_and_what_they_make_is_in_the_image(build: Build, box: DockerContainer) -> None:
    build(
        "ENV GIVEN=value", "WORKDIR /place", "RUN echo $GIVEN > made", "USER alice", "RUN id -un > /tmp/who",
        'CMD ["cat", "/place/made", "/tmp/who"]',
    ).ok()  # fmt: skip

    assert box.run(image=build.tag).ok().output == "value\nalice"


def test_a_step_that_fails_fails_the_build(build: Build) -> None:
    said = build("RUN echo before && exit 9")

    assert said.status != 0
    assert "before" in said.stdout + said.stderr
    assert "code: 9" in said.stderr


def test_a_step_that_cannot_run_tells_why(build: Build) -> None:
    said = build('RUN ["/no/such"]')

    assert said.status != 0
    assert 'exec: "/no/such": stat /no/such: no such file or directory' in said.stdout + said.stderr


def test_files_of_the_context_are_copied_before_steps(build: Build, box: DockerContainer, docker: Docker) -> None:
    docker.place.write(f"{build.tag}/given", "some text")

    build("COPY given /given", "RUN tr a-z A-Z < /given > /made").ok()

    assert box.run("cat", "/made", image=build.tag).ok().output == "SOME TEXT"


@pytest.mark.parametrize("build", ["buildkit"], indirect=True)
def test_mounts_of_a_step_are_not_in_the_image(build: Build, box: DockerContainer) -> None:
    mounts = "--mount=type=cache,target=/cache --mount=type=tmpfs,target=/scratch"

    build(f"RUN {mounts} touch /cache/x /scratch/x && grep -c -e ' /cache ' -e ' /scratch ' /proc/mounts > /count").ok()

    found = box.run("sh", "-c", "cat /count; find /cache /scratch -type f 2>/dev/null; true", image=build.tag)
    assert found.ok().output == "2"
