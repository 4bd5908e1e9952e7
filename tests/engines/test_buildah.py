"""buildah run, and builds by buildah and by podman, which has it inside."""

from __future__ import annotations

import json

import pytest

from tests.support.engines import HOME, IMAGE, ON_TERMINAL, Buildah, Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.runtime import Result

_NO_MKDIR = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}],
}


@pytest.fixture
def working(buildah: Buildah) -> Iterator[str]:
    """A working container, and afterwards nothing of it."""
    buildah.place.write("seccomp.json", json.dumps(_NO_MKDIR))
    with buildah.leaving_nothing():
        name = buildah("from", f"--security-opt=seccomp={HOME}/seccomp.json", IMAGE).output
        yield name
        buildah("rm", name)


@pytest.mark.parametrize(
    ("options", "script", "found"),
    [
        pytest.param("", "id -u; pwd; echo $PATH", "0\n/\n/usr/bin:/bin", id="nothing"),
        pytest.param("--user=alice", "id -un", "alice", id="user"),
        pytest.param("--hostname=named", "hostname", "named", id="hostname"),
        pytest.param("--workingdir=/tmp", "pwd", "/tmp", id="workingdir"),
        pytest.param("--env=A=b", "echo $A", "b", id="env"),
        pytest.param("--no-pivot", "ls -d /bin", "/bin", id="no-pivot"),
        pytest.param("--cap-add=CAP_NET_ADMIN --cap-drop=CAP_CHOWN", "awk '/CapEff/ {print $2}' /proc/self/status",
                     "00000000800415fa", id="capabilities"),
        pytest.param(f"--volume={HOME}/volume:/v:ro", "touch /v/new 2>&1", "touch: /v/new: Read-only file system",
                     id="volume"),
        pytest.param("--mount=type=tmpfs,dst=/t,tmpfs-size=1m", "df -k /t | awk 'END {print $2}'", "1024", id="tmpfs"),
        pytest.param("--runtime-flag=debug", "echo fine", "fine", id="runtime-flag"),
        pytest.param("", "mkdir /new 2>&1", "mkdir: can't create directory '/new': Disk quota exceeded", id="seccomp"),
        pytest.param("", "tty 2>&1", "not a tty", id="no-terminal"),
        pytest.param("--add-history", "grep -c ' /dev/mqueue ' /proc/mounts", "1", id="mounts"),
    ],
)  # fmt: skip
def test_run_with(buildah: Buildah, working: str, options: str, script: str, found: str) -> None:
    said = buildah("run", "--network=none", *options.split(), working, "sh", "-c", f"{script}\ntrue")

    assert said.output == found


def test_run_with_the_runtime_by_its_path(buildah: Buildah, working: str) -> None:
    said = buildah("run", "--network=none", f"--runtime={buildah.runtime}", working, "echo", "fine")

    assert said.output == "fine"


def test_run_reads_standard_input(buildah: Buildah, working: str) -> None:
    words = " ".join(buildah.command(["run", "--network=none", working, "tr", "a-z", "A-Z"]))

    assert buildah.place.run(["sh", "-c", f"echo text | {words}"]).ok().output == "TEXT"


def test_run_on_a_terminal(buildah: Buildah, working: str) -> None:
    said = buildah(ON_TERMINAL, "run", "--network=none", "--tty", working, "sh", "-c", "tty")

    assert "/dev/pts/0" in said.output


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["sh", "-c", "exit 4"], 4, "exit status 4"),
        (["/missing"], 1, 'exec: "/missing": stat /missing: no such file or directory'),
        (["missing"], 1, 'exec: "missing": executable file not found in $PATH'),
        (["/etc"], 1, 'exec: "/etc": permission denied'),
    ],
)
def test_run_says_what_failed(buildah: Buildah, working: str, words: list[str], status: int, reason: str) -> None:
    buildah.attempt("run", "--network=none", working, *words).failed(reason, status=status)


def test_what_run_changes_is_in_the_image(buildah: Buildah, working: str) -> None:
    buildah("run", "--network=none", working, "sh", "-c", "echo kept > /file")
    buildah("commit", working, "kept")

    other = buildah("from", "kept").output

    said = buildah("run", "--network=none", other, "cat", "/file")
    buildah("rm", other)
    assert said.output == "kept"


@pytest.mark.needs("nat")
def test_run_with_a_network(buildah: Buildah, working: str) -> None:
    said = buildah("run", working, "ip", "-o", "-4", "addr", "show", "eth0")

    assert "inet 10.88." in said.output


@pytest.fixture(params=["buildah", "podman"])
def build(request: pytest.FixtureRequest) -> Iterator[Callable[..., Result]]:
    """Build with what a Containerfile says after FROM; ``build(text, *options)``."""
    engine: Engine = request.getfixturevalue(request.param)

    def make(text: str, *options: str) -> Result:
        engine.place.write("context/Containerfile", f"FROM {IMAGE}\n{text}\n")
        return engine.attempt("build", "--network=none", "--isolation=oci", *options, f"{HOME}/context")

    with engine.leaving_nothing():
        yield make


@pytest.mark.parametrize(
    ("text", "options", "found"),
    [
        pytest.param("RUN echo $((6 * 7))", "", "42", id="shell"),
        pytest.param('RUN ["id", "-u"]', "", "0", id="words"),
        pytest.param("USER alice\nWORKDIR /tmp\nENV A=b\nRUN id -un; pwd; echo $A", "", "alice\n/tmp\nb", id="user"),
        pytest.param("ARG A=c\nRUN echo $A", "--build-arg=A=d", "d", id="build-arg"),
        pytest.param("RUN --mount=type=bind,source=Containerfile,target=/v head -n 1 /v", "", f"FROM {IMAGE}",
                     id="bind"),
        pytest.param("RUN --mount=type=tmpfs,target=/v grep -c ' /v tmpfs ' /proc/mounts", "", "1", id="tmpfs"),
        pytest.param("RUN --mount=type=cache,target=/v touch /v/x && ls /v", "", "x", id="cache"),
        pytest.param("RUN --mount=type=secret,id=word head -n 1 /run/secrets/word",
                     f"--secret=id=word,src={HOME}/context/Containerfile", f"FROM {IMAGE}", id="secret"),
        pytest.param("RUN ulimit -n; ulimit -c", "--ulimit=nofile=99:99 --ulimit=core=0", "99\n0", id="ulimit"),
        pytest.param("RUN df -k /dev/shm | awk 'END {print $2}'", "--shm-size=1m", "1024", id="shm-size"),
        pytest.param("RUN awk '/CapEff/ {print $2}' /proc/self/status", "--cap-drop=all", "0000000000000000", id="cap"),
        pytest.param("RUN head -n 1 /v/Containerfile", f"--volume={HOME}/context:/v:ro", f"FROM {IMAGE}", id="volume"),
        pytest.param("RUN test -e /sys/fs/cgroup/memory || exec echo 67108864; "
                     "cat /sys/fs/cgroup/memory/memory.limit_in_bytes", "--memory=64m", "67108864", id="memory"),
    ],
)  # fmt: skip
def test_build(build: Callable[..., Result], text: str, options: str, found: str) -> None:
    said = build(text, *options.split()).ok()

    printed = [line for line in said.stdout.splitlines() if not line.startswith(("STEP", "COMMIT", "-->"))]
    assert "\n".join(printed[:-1]) == found


@pytest.mark.parametrize(
    "build", ["buildah", pytest.param("podman", marks=pytest.mark.needs("podman-5"))], indirect=True
)
def test_build_in_a_user_namespace(build: Callable[..., Result]) -> None:
    maps = ["--userns-uid-map=0:100000:2000", "--userns-gid-map=0:100000:2000"]

    said = build("RUN tr -s ' ' < /proc/self/uid_map", *maps).ok()

    assert " 0 100000 2000" in said.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        pytest.param("RUN exit 3", 3, "exit status 3", id="status"),
        pytest.param('RUN ["/missing"]', 1, 'exec: "/missing": stat /missing: no such file or directory', id="missing"),
    ],
)
def test_a_build_fails_with_its_step(build: Callable[..., Result], text: str, status: int, reason: str) -> None:
    build(text).failed(reason, status=status)


def test_layers_and_stages(build: Callable[..., Result]) -> None:
    text = f"RUN echo one > /one\nFROM {IMAGE}\nCOPY --from=0 /one /two\nRUN cat /two"

    first = build(text, "--layers").ok()
    again = build(text, "--layers").ok()

    assert "one" in first.stdout.splitlines()
    assert "Using cache" in again.stdout
