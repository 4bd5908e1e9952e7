"""Laws of the command line: how an option is written does not change what it means."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyoci import cli
from pyoci.cli.arguments import Option, parse
from pyoci.cli.options import GLOBAL
from pyoci.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLES = {"": GLOBAL, **{name: cli._command(name).OPTIONS for name in cli.COMMANDS if cli._command(name).OPTIONS}}
WORDS = st.text(alphabet="abc=-/ é", max_size=8)


def values(option: Option) -> st.SearchStrategy[str]:
    if option.choices:
        return st.sampled_from(option.choices)
    if option.kind == "number":
        return st.integers(0, 2**31 - 1).map(str)
    return WORDS


@st.composite
def written(draw: st.DrawFn, options: Sequence[Option]) -> tuple[Option, str, list[str]]:
    """An option, its value, and one of the ways to write both."""
    option = draw(st.sampled_from(options))
    name = draw(st.sampled_from(option.names)).lstrip("-")
    dashes = draw(st.sampled_from(("-", "--")))
    if option.kind == "flag":
        value = draw(st.sampled_from(("true", "false")))
        return option, value, [f"{dashes}{name}={value}"]
    value = draw(values(option))
    return option, value, draw(st.sampled_from(([f"{dashes}{name}={value}"], [f"{dashes}{name}", value])))


def read(option: Option, text: str) -> object:
    return {"flag": text == "true", "number": int(text) if option.kind == "number" else 0}.get(option.kind, text)


@pytest.mark.parametrize("command", TABLES)
@given(st.data())
def test_means_the_same_however_it_is_written(command: str, data: st.DataObject) -> None:
    options = TABLES[command]
    given_options = data.draw(st.lists(written(options), max_size=6))
    operands = data.draw(st.lists(WORDS.filter(lambda word: not word.startswith("-")), max_size=2))
    words = [word for _, _, words in given_options for word in words]
    expected: dict[str, Any] = {}
    for option, text, _ in given_options:
        earlier = expected.get(option.key, [])
        assert isinstance(earlier, list) or option.kind != "list"
        expected[option.key] = [*earlier, text] if option.kind == "list" else read(option, text)  # type: ignore[misc]
    found: dict[str, Any] = {}
    assert operands == parse([*words, *operands], options, found)
    assert expected == found
    behind: dict[str, Any] = {}
    assert operands == parse([*operands, *words], options, behind)
    assert expected == behind


@pytest.mark.parametrize("command", TABLES)
@given(st.data())
def test_agrees_with_argparse_on_long_names(command: str, data: st.DataObject) -> None:
    options = TABLES[command]
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for option in options:
        theirs = {"flag": {"action": "store_true"}, "list": {"action": "append"}, "number": {"type": int}}
        parser.add_argument(option.names[0], dest=option.key, **theirs.get(option.kind, {}))  # type: ignore[arg-type]
    words = []
    for option in data.draw(st.lists(st.sampled_from(options), max_size=6)):
        # argparse loses the value of --x=-- (python/cpython#59317).
        value = "" if option.kind == "flag" else "=" + data.draw(values(option).filter(lambda text: text != "--"))
        words.append(option.names[0] + value)
    ours: dict[str, Any] = {}
    parse(words, options, ours)
    assert vars(parser.parse_args(words)) == ours


@given(st.lists(st.text(alphabet="-=abd: \x00é", max_size=6)))
def test_no_argv_ends_in_a_traceback(words: list[str]) -> None:
    for options in TABLES.values():
        try:
            parse(words, options, {})
        except UsageError:
            continue


@pytest.mark.parametrize("command", TABLES)
def test_names_are_unique_and_none_is_a_global_ones(command: str) -> None:
    names = [name for option in TABLES[command] for name in option.names]
    assert len(names) == len(set(names))
    keys = {option.key for option in GLOBAL if command}
    assert keys.isdisjoint(option.key for option in TABLES[command])


def test_create_and_run_have_the_same_options() -> None:
    assert TABLES["run"][: len(TABLES["create"])] == TABLES["create"]
