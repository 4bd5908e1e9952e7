"""What each command may load. Start-up is part of the product: its price is in the modules, by name."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest

import pyoci

TOP = Path(__file__).parents[2]


def names(text: str) -> frozenset[str]:
    """The words of *text*."""
    return frozenset(text.split())


# What `python3 -I -S` has loaded before the first line is ours, and what os brings along.
INTERPRETER = names("""
    abc codecs encodings encodings.aliases encodings.utf_8 io marshal zipimport site _frozen_importlib
    _frozen_importlib_external os os.path posixpath genericpath stat _collections_abc __future__ __main__
""")
# Written in C, or small: what they cost is not worth a word.
CHEAP = names("errno fcntl gc posix select time resource _json _socket struct _struct")
# What ctypes is made of; and python-prctl's C module.
CTYPES = names("_ctypes _prctl")
# Never: 3 to 180 ms each, and some would be looked for inside the container.
FORBIDDEN = names("""
    argparse ast collections contextlib copy ctypes ctypes.util dataclasses difflib dis enum functools getopt gettext
    grp importlib.metadata inspect jeepney json jsonschema keyword linecache locale logging multiprocessing operator
    pathlib pickle platform pwd pyroute2 pyseccomp random re selectors shlex shutil signal socket string subprocess
    tempfile textwrap threading tokenize traceback typing warnings weakref
""")

SMALL = ["start", "state", "kill", "delete", "list", "pause", "resume", "ps", "update", "events", "wait"]
BIG = ["create", "run", "exec"]


@functools.cache
def loaded(*words: str) -> frozenset[str]:
    """The modules loaded by the command line *words*, run as it is installed: isolated and without site."""
    script = f"import sys; sys.path.insert(0, {str(TOP)!r}); from pyoci.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", "-c", script, "--root", "/nonexistent/pyoci", *words],
        check=False, capture_output=True, text=True, env={}, cwd="/", timeout=60,
    )  # fmt: skip
    assert "internal error" not in done.stderr
    assert "cannot import" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return frozenset(line.rpartition("|")[2].strip() for line in lines)


def line(command: str) -> list[str]:
    """A command line that gets as far as looking for the container."""
    if command == "list":
        return [command]
    return ["ps", "-f", "json", "none"] if command == "ps" else [command, "none"]


@functools.cache
def modules_of(source: str) -> frozenset[str]:
    """What the module *source* alone loads."""
    script = f"import sys; sys.path.insert(0, {str(TOP)!r}); import {source}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True, env={}, timeout=60
    )
    return frozenset(done.stdout.split())


def strangers(modules: frozenset[str], known: frozenset[str]) -> set[str]:
    """Those *modules* that are neither ours nor *known*; what is built in does not count."""
    built_in = frozenset(sys.builtin_module_names)
    return (
        {name for name in modules if name.partition(".")[0] not in {"pyoci", "_pyoci"}}
        - known
        - INTERPRETER
        - built_in
        - {"imported package"}
    )


@pytest.mark.parametrize("command", SMALL)
def test_small_command_loads_nothing_dear(command: str) -> None:
    modules = loaded(*line(command))
    assert f"pyoci.cli.{command}" in modules
    assert strangers(modules, CHEAP) == set()


@pytest.mark.parametrize("command", SMALL)
def test_small_command_reads_no_configuration(command: str) -> None:
    assert not {name for name in loaded(*line(command)) if name.startswith("pyoci.config")}


@pytest.mark.parametrize("command", ["create", "run", "exec"])
def test_big_command_loads_nothing_dear_before_it_knows_the_bundle(command: str) -> None:
    words = [command, "-b", "/nonexistent", "none"] if command != "exec" else [command, "none", "true"]
    assert loaded(*words) & FORBIDDEN == set()


@pytest.mark.parametrize("command", BIG)
def test_operation_of_a_big_command_loads_what_ctypes_stands_on_at_most(command: str) -> None:
    assert strangers(modules_of(f"pyoci.runtime.{command}"), CHEAP | CTYPES) == set()


@pytest.mark.parametrize("command", [*SMALL, *BIG])
def test_only_the_chosen_command_is_loaded(command: str) -> None:
    commands = {f"pyoci.cli.{name}" for name in (*SMALL, *BIG, "spec", "features", "help", "version")}
    # run takes its options from create, exec a part of them.
    allowed = {f"pyoci.cli.{command}", *({"pyoci.cli.create"} if command in BIG else ())}
    assert loaded(*line(command)) & commands <= allowed


@pytest.mark.parametrize("words", [["bogus"], ["--bogus", "state"], ["state"]])
def test_usage_error_loads_nothing_dear(words: list[str]) -> None:
    assert strangers(loaded(*words), CHEAP) == set()


def test_importing_pyoci_loads_nothing_of_it() -> None:
    assert {name for name in modules_of("pyoci") if name.startswith("pyoci.")} == set()


@pytest.mark.parametrize("name", sorted(pyoci.__all__))
def test_public_name_is_found_where_it_lives(name: str) -> None:
    assert getattr(pyoci, name) is not None
    assert name in dir(pyoci)


def test_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'pyoci' has no attribute 'bogus'"):
        getattr(pyoci, "bogus")  # noqa: B009 (mypy knows that it is none)


def sections() -> list[str]:
    """Every module that a container's birth may load."""
    places = ("config", "cgroups", "syscalls", "container")
    files = sorted(path for place in places for path in (TOP / "pyoci" / place).rglob("*.py"))
    names = [".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__") for path in files]
    # One explains what is wrong, when nothing is made; the other is for who asks for systemd, and has to wait for it.
    return [name for name in names if name not in {"pyoci.config.schema", "pyoci.cgroups.bus"}]


def test_no_section_loads_anything_dear() -> None:
    """One process imports them all; what is new after each is that one's."""
    script = f"""import sys; sys.path.insert(0, {str(TOP)!r})
for name in {sections()!r}:
    before = set(sys.modules)
    __import__(name)
    print(name, *(set(sys.modules) - before))"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True, env={}, timeout=60
    )
    found = {line.split()[0]: FORBIDDEN.intersection(line.split()[1:]) for line in done.stdout.splitlines()}
    assert {name: dear for name, dear in found.items() if dear} == {}


@pytest.mark.parametrize("command", SMALL)
def test_operation_of_a_small_command_loads_no_ctypes(command: str) -> None:
    assert strangers(modules_of(f"pyoci.runtime.{command}"), CHEAP) == set()


def test_cgroups_load_no_ctypes() -> None:
    """kill, delete, pause and resume need them."""
    assert strangers(modules_of("pyoci.cgroups"), CHEAP) == set()
