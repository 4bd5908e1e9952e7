"""The image of the interpreter: its memory leads nowhere else, and each process from it is one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from launcher import image, link
from tests.support.waiting import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(bool(link.missing()), reason=link.missing())

TOP = Path(image.__file__).parents[1]
WORD = 8
# A fifth above what it takes to get to reading options.
_KIB_WRITTEN = 375
_KIB_WRITTEN_IF_COUNTED = 535


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory it is built in: the program is there, and its image as ``pyoci``."""
    directory = tmp_path_factory.mktemp("image")
    link.build(directory / "pyoci", directory)
    return directory


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], env={}, capture_output=True, text=True, check=False)


def test_holds_every_module_that_it_can() -> None:
    paths = {str(path.relative_to(TOP)) for path in TOP.glob("pyoci/**/*.py")}
    left_out = {f"{name.replace('.', '/')}.py" for name in image.LEFT_OUT}

    assert {code.co_filename for code in image.compiled().values()} == paths - left_out


def elsewhere(maps: str, program: Path) -> list[range]:
    """What a process has mapped besides the program: all of that is somewhere else in the next process.

    Not its stack, where frames were to which objects that are no more still point.
    """
    found = []
    for line in maps.splitlines():
        place, *_, name = line.split()
        if name.startswith(("/", "[")) and name not in {str(program), "[stack]"}:
            start, _, end = place.partition("-")
            found.append(range(int(start, 16), int(end, 16)))
    return found


def test_leads_out_of_the_program_nowhere(built: Path, tmp_path: Path) -> None:
    found = [leading_out(built, tmp_path) for _ in range(3)]

    # Now and then a number is one by chance, for elsewhere is somewhere else each time.
    assert min(found) == 0


def words_of(memory: bytes) -> Iterator[int]:
    """All machine words of the pieces of *memory*."""
    for address, piece in image.pieces(memory):
        aligned = piece[-address % WORD :]
        yield from array("Q", aligned[: len(aligned) // WORD * WORD])


def test_takes_the_same_memory_as_when_it_was_seen_what_is_written_to(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or else it would be other objects that lie together."""
    image.run([built / "python", TOP / "launcher/preload.py", built / "noted"], built / "modules", tmp_path / "memory")

    assert capsys.readouterr().err == ""


def test_commands_are_practised_as_far_as_they_get_without_namespaces(built: Path, tmp_path: Path) -> None:
    alone, noted = ["unshare", "--user", "--map-root-user"], tmp_path / "noted"
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("there are no user namespaces")
    script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec env -i "$@"'
    program = [built / "python", TOP / "launcher/preload.py", "-", image.PRACTICE]

    image.run([*alone, "sh", "-c", script, "sh", *program], built / "modules", noted)

    assert len(named(noted) & named(built / "noted")) > 0.9 * len(named(built / "noted"))


def named(noted: Path) -> set[int]:
    """The numbers of the pieces of memory that are named in *noted*."""
    return {number for number, is_named in enumerate(noted.read_bytes()[WORD:]) if is_named}


def test_can_be_made_where_commands_cannot_be_practised(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "practice.py").write_text("raise SystemExit(1)")
    monkeypatch.setattr(image, "PRACTICE", tmp_path / "practice.py")

    image.make(built / "python", tmp_path / "pyoci", tmp_path)

    assert "lies anywhere" in capsys.readouterr().err
    assert run(tmp_path / "pyoci", "--version").stdout.startswith("pyoci version ")


def leading_out(built: Path, directory: Path) -> int:
    """How many words of a memory are pointers to what is not the program's.

    But for the thread: its descriptor is put right when the process goes on.
    """
    script = directory / "script.py"
    script.write_text(
        f"exec(open({str(TOP / 'launcher/preload.py')!r}).read())\nopen({str(directory / 'maps')!r}, 'w').write("
        "open('/proc/self/maps').read())\n"
        f"import _thread; open({str(directory / 'thread')!r}, 'w').write(str(_thread.get_ident()))\n"
    )
    with (built / "modules").open() as modules, (directory / "memory").open("wb") as memory_file:
        command = [built / "python", script, built / "noted"]
        subprocess.run(
            command, stdin=modules, stdout=memory_file, stderr=subprocess.DEVNULL, env={}, cwd=TOP, check=True
        )
    others = elsewhere((directory / "maps").read_text(), built / "python")
    memory = (directory / "memory").read_bytes()
    lowest = min(place.start for place in others)
    thread = int((directory / "thread").read_text())
    words = (word for word in words_of(memory) if word >= lowest and word != thread)
    return sum(word % WORD == 0 and any(word in place for place in others) for word in words)


def test_is_started_as_a_process_of_its_own(built: Path) -> None:
    assert run(built / "pyoci", "--version").stdout.startswith("pyoci version ")
    assert "unknown command" in run(built / "pyoci", "bogus").stderr


def signals(pid: int) -> dict[str, int]:
    """The sets of signals the process *pid* ignores and catches."""
    lines = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(lines[name], 16) for name in ("SigIgn", "SigCgt")}


def has(mask: int, number: signal.Signals) -> bool:
    return bool(mask >> (number - 1) & 1)


def test_little_of_it_is_written_to(built: Path, tmp_path: Path) -> None:
    """Each page costs a microsecond: those of the objects that are used, where CPython counts references to all."""
    os.mkfifo(tmp_path / "log")
    with subprocess.Popen([built / "pyoci", "--log", tmp_path / "log", "state", "none"], env={}) as process:
        wait_for(lambda: is_waiting(process.pid), "the process to wait for a reader")
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        process.kill()

    (written,) = (int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:"))
    assert written < (_KIB_WRITTEN if sys.version_info >= (3, 12) else _KIB_WRITTEN_IF_COUNTED)


@pytest.mark.parametrize("ignored", [False, True])
def test_signals_are_as_in_any_interpreter(built: Path, tmp_path: Path, ignored: bool) -> None:
    os.mkfifo(tmp_path / "log")  # opening it waits for a reader
    trap = "trap '' INT; " if ignored else ""
    words = ["sh", "-c", f'{trap}exec "$@"', "sh", built / "pyoci", "--log", tmp_path / "log", "state", "none"]
    with subprocess.Popen(words, env={}) as process:
        wait_for(lambda: is_waiting(process.pid), "the process to wait for a reader")
        found = signals(process.pid)
        process.kill()

    assert has(found["SigIgn"], signal.SIGPIPE)
    assert has(found["SigIgn"], signal.SIGINT) is ignored
    assert has(found["SigCgt"], signal.SIGINT) is not ignored


def is_waiting(pid: int) -> bool:
    """Whether it is an image that waits in a system call."""
    name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    return name == "pyoci" and rest.split()[0] == "S"
