"""What is installed: every module, the schemas, compiled bytecode, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyoci.cli import COMMANDS
from pyoci.cli import help as pages
from pyoci.cli.options import GLOBAL
from tests.support import installed
from tests.support.bundle import Bundle

pytestmark = pytest.mark.differs("about pyoci's own files")

_TREE = Path(installed.__file__).resolve().parents[2]


@pytest.fixture
def package(program: str) -> Path:
    """The installed package."""
    (found,) = (Path(program).resolve().parent.parent / "lib").glob("python3*/site-packages/pyoci")
    return found


@pytest.fixture
def share(program: str) -> Path:
    """What is installed for people and shells."""
    return Path(program).resolve().parent.parent / "share"


def files(directory: Path, pattern: str) -> set[str]:
    """The paths below *directory* that match *pattern*."""
    return {str(path.relative_to(directory)) for path in directory.rglob(pattern)}


def test_has_every_module(package: Path) -> None:
    assert files(package, "*.py") == files(_TREE / "pyoci", "*.py")


def test_has_the_schemas(package: Path) -> None:
    assert files(package / "spec", "*") == files(_TREE / "spec", "*.json")


def test_has_compiled_bytecode(package: Path) -> None:
    compiled = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in package.rglob("__pycache__/*.pyc")}

    assert compiled == set(package.rglob("*.py"))


@pytest.fixture(params=["program", "script"])
def command(request: pytest.FixtureRequest, program: str, place: Path) -> str:
    """The installed program, or what is installed where no launcher can be built."""
    if request.param == "program":
        return program
    (place / "bin").mkdir()
    shutil.copy2(_TREE / "bin/pyoci", place / "bin")
    (place / "bin/python3").symlink_to(sys.executable)
    (place / "lib").symlink_to(Path(program).resolve().parent.parent / "lib")
    return str(place / "bin/pyoci")


@pytest.mark.needs("launcher")
def test_is_a_program_when_one_can_be_built(program: str) -> None:
    assert Path(program).read_bytes()[:4] == b"\x7fELF"


def test_runs_a_container(command: str, place: Path) -> None:
    bundle = Bundle(place / "bundle").args("/bin/echo", "from the container").write()

    name = f"pyoci-installed-{place.parent.name}"
    words = [command, "--root", str(place / "root"), "run", "--bundle", str(bundle), name]
    finished = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (finished.stdout, finished.stderr, finished.returncode) == ("from the container\n", "", 0)


def test_explains_a_configuration_when_the_schema_is_needed(command: str, place: Path) -> None:
    bundle = Bundle(place / "bundle")
    bundle.config["hostname"] = 7

    words = [command, "--root", str(place / "root"), "run", "--bundle", str(bundle.write()), "explained"]
    finished = subprocess.run(words, capture_output=True, text=True, check=False)

    assert "hostname" in finished.stderr
    assert "internal error" not in finished.stderr


def test_the_script_says_so_when_its_library_is_gone(place: Path) -> None:
    lonely = place / "lonely/bin/pyoci"
    lonely.parent.mkdir(parents=True)
    shutil.copy2(_TREE / "bin/pyoci", lonely)

    finished = subprocess.run([str(lonely), "--version"], capture_output=True, text=True, check=False)

    assert finished.returncode == 1
    assert finished.stderr.startswith("pyoci: ")
    assert finished.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def lonely(program: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the program, a bundle that has to be explained, and places for the kernel's file systems."""
    root = tmp_path_factory.mktemp("lonely")
    for name in ("bin", "dev", "proc", "run", "sys", "tmp"):
        (root / name).mkdir()
    shutil.copy2(program, root / "bin/pyoci")
    bundle = Bundle(root / "bundle")
    bundle.config["process"]["args"] = [5]  # jsonschema explains
    bundle.write()
    return root


@pytest.mark.needs("root", "launcher")
@pytest.mark.parametrize("words", [
    *[(command, "--help") for command in COMMANDS], ("--help",), ("--version",), ("features",), ("list",),
    ("completion", "bash"), ("nonsense",), ("spec",), ("run", "--bundle", "/bundle", "one"),
], ids=" ".join)  # fmt: skip
def test_the_program_needs_nothing_else(program: str, lonely: Path, place: Path, words: tuple[str, ...]) -> None:
    """In a root where there is nothing but a kernel's file systems, it says and does what it does here."""
    mounts = "for name in dev proc sys; do mount --rbind /$name $0/$name; done"
    inside = f'{mounts}; cd $0/tmp; exec chroot $0 /bin/pyoci "$@"'

    alone = subprocess.run(["unshare", "--mount", "sh", "-ec", inside, lonely, *words], env={}, cwd=place,
                           capture_output=True, text=True, check=False)  # fmt: skip
    (place / "beside").mkdir()
    here = subprocess.run([program, *words], env={}, cwd=place / "beside", capture_output=True, text=True, check=False)

    assert "import" not in alone.stderr
    if words[:2] == ("run", "--bundle"):
        assert "process.args[0]: expected a string, got an integer" in alone.stderr
    elif words[0] != "list":
        assert (alone.stdout, alone.stderr, alone.returncode) == (here.stdout, here.stderr, here.returncode)


def test_starts_from_any_directory_by_a_link(command: str, place: Path) -> None:
    (place / "link").symlink_to(command)

    finished = subprocess.run(["./link", "--version"], cwd=place, env={}, capture_output=True, text=True, check=True)

    assert finished.stdout.startswith("pyoci version ")


def test_runs_no_code_of_the_current_directory(command: str, place: Path) -> None:
    """It runs as root, in directories that others write to."""
    for name in ("pyoci", "os", "posix", "ctypes", "sitecustomize"):
        (place / f"{name}.py").write_text("raise SystemExit('code of the current directory')")

    environment = {"PYTHONPATH": str(place), "PYTHONSTARTUP": str(place / "os.py"), "PYTHONHOME": ""}
    finished = subprocess.run([command, "--version"], cwd=place, env=environment, capture_output=True, check=True)

    assert finished.stdout.startswith(b"pyoci version ")


_PAGES = {"pyoci": GLOBAL, **{f"pyoci-{name}": pages.module(name).OPTIONS for name in COMMANDS}}


def test_has_the_manual(share: Path) -> None:
    assert {path.stem for path in (share / "man/man8").glob("pyoci*")} == set(_PAGES)


@pytest.mark.needs("man")
@pytest.mark.parametrize("name", _PAGES)
def test_manual_has_no_mistakes(share: Path, name: str) -> None:
    page, environment = share / f"man/man8/{name}.8", {**os.environ, "LC_ALL": "C.UTF-8"}

    done = subprocess.run(
        ["man", "--warnings", "-Tutf8", "-Z", "-l", page], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stderr == ""


@pytest.mark.needs("man")
@pytest.mark.parametrize("name", _PAGES)
def test_manual_tells_of_each_option(share: Path, name: str) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200", "MAN_KEEP_FORMATTING": ""}

    done = subprocess.run(
        ["man", "-l", share / f"man/man8/{name}.8"], env=environment, capture_output=True, text=True, check=True
    )

    text = " ".join(done.stdout.split())
    for option in _PAGES[name]:
        assert f"{', '.join(option.names)} {option.value}".strip() in text
        assert pages.sentence(option) in text


@pytest.mark.needs("man")
def test_manual_is_found_by_the_name_of_a_command(share: Path) -> None:
    """man(1) looks beside each directory of PATH."""
    environment = {"PATH": f"{share.parent}/bin:/usr/bin:/bin"}

    done = subprocess.run(["man", "-w", "pyoci-run"], env=environment, capture_output=True, text=True, check=True)

    assert Path(done.stdout.strip()).samefile(share / "man/man8/pyoci-run.8")


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", "bash-completion/completions/pyoci"),
        ("zsh", "zsh/site-functions/_pyoci"),
        ("fish", "fish/vendor_completions.d/pyoci.fish"),
    ],
)
def test_has_the_completion_of_a_shell(program: str, share: Path, shell: str, place: str) -> None:
    printed = subprocess.run([program, "completion", shell], capture_output=True, text=True, check=True)

    assert (share / place).read_text() == printed.stdout
