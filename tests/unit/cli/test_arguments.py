from __future__ import annotations

from typing import Any

import pytest

from pyoci.cli.arguments import Option, check_operands, parse, whole_number
from pyoci.errors import UsageError

OPTIONS = (
    Option("--bundle", "-b", value="DIR", help=""),
    Option("--detach", "-d", help=""),
    Option("--tty", "-t", help=""),
    Option("--env", "-e", value="NAME=VALUE", kind="list", help=""),
    Option("--preserve-fds", value="N", kind="number", help=""),
    Option("--format", "-f", value="FORMAT", choices=("table", "json"), help=""),
)


@pytest.mark.parametrize(
    ("words", "values", "operands"),
    [
        pytest.param([], {}, [], id="nothing"),
        pytest.param(["--bundle", "x", "ID"], {"bundle": "x"}, ["ID"], id="value in the next word"),
        pytest.param(["--bundle=x", "ID"], {"bundle": "x"}, ["ID"], id="value in the same word"),
        pytest.param(["--bundle=", "ID"], {"bundle": ""}, ["ID"], id="empty value"),
        pytest.param(["--bundle=a=b"], {"bundle": "a=b"}, [], id="value with an equals sign"),
        pytest.param(["--bundle", "--detach"], {"bundle": "--detach"}, [], id="value that looks like an option"),
        pytest.param(["-bundle", "x"], {"bundle": "x"}, [], id="long name with one dash"),
        pytest.param(["-bundle=x"], {"bundle": "x"}, [], id="long name with one dash and a value"),
        pytest.param(["-b", "x"], {"bundle": "x"}, [], id="short name"),
        pytest.param(["-b=x"], {"bundle": "x"}, [], id="short name with an equals sign"),
        pytest.param(["--d"], {"detach": True}, [], id="short name with two dashes"),
        pytest.param(["ID", "-d", "--bundle", "x"], {"detach": True, "bundle": "x"}, ["ID"], id="behind the operand"),
        pytest.param(["-b", "x", "-b", "y"], {"bundle": "y"}, [], id="the last one wins"),
        pytest.param(["-e", "A=1", "--env=B=2"], {"env": ["A=1", "B=2"]}, [], id="a list collects"),
        pytest.param(["-dt"], {"detach": True, "tty": True}, [], id="combined letters"),
        pytest.param(
            ["-dtb", "x"], {"detach": True, "tty": True, "bundle": "x"}, [], id="combined, the last takes one"
        ),
        pytest.param(["--detach=false"], {"detach": False}, [], id="flag with false"),
        pytest.param(["-d=T"], {"detach": True}, [], id="flag in Go's spelling"),
        pytest.param(["--detach", "true"], {"detach": True}, ["true"], id="a flag takes no next word"),
        pytest.param(["--", "-d", "ID"], {}, ["-d", "ID"], id="behind two dashes all are operands"),
        pytest.param(["-"], {}, ["-"], id="one dash is an operand"),
        pytest.param(["", "ID"], {}, ["", "ID"], id="an empty word is an operand"),
        pytest.param(["--preserve-fds", "2"], {"preserve_fds": 2}, [], id="number"),
        pytest.param(["--format=json"], {"format": "json"}, [], id="choice"),
    ],
)
def test_reads_options_and_operands(words: list[str], values: dict[str, Any], operands: list[str]) -> None:
    found: dict[str, Any] = {}
    assert operands == parse(words, OPTIONS, found)
    assert values == found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--bogus"], "flag provided but not defined: --bogus", id="unknown"),
        pytest.param(["--bogus=1"], "flag provided but not defined: --bogus", id="unknown with a value"),
        pytest.param(["-dx"], "flag provided but not defined: -dx", id="combined with an unknown letter"),
        pytest.param(["-bd"], "flag provided but not defined: -bd", id="combined, an inner one takes a value"),
        pytest.param(["---bundle"], "flag provided but not defined: ---bundle", id="three dashes"),
        pytest.param(["--bun=x"], "flag provided but not defined: --bun", id="abbreviated"),
        pytest.param(["--bundle"], "flag needs an argument: --bundle", id="no value"),
        pytest.param(["--detach=maybe"], 'invalid boolean value "maybe" for flag --detach', id="no boolean"),
        pytest.param(["--detach="], 'invalid boolean value "" for flag --detach', id="empty boolean"),
        pytest.param(
            ["--preserve-fds=-1"],
            'invalid value "-1" for flag --preserve-fds: it is a whole number from 0',
            id="below 0",
        ),
        pytest.param(
            ["--preserve-fds=x"],
            'invalid value "x" for flag --preserve-fds: it is a whole number from 0',
            id="no number",
        ),
        pytest.param(["-f", "xml"], 'invalid format option "xml": it is one of table, json', id="no choice"),
    ],
)
def test_refuses(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, OPTIONS, {})
    assert message == caught.value.message


def test_everything_behind_the_first_operand_is_the_containers_when_asked() -> None:
    values: dict[str, Any] = {}
    words = ["-d", "ID", "-t", "--", "--bogus", "-e"]
    assert ["ID", "-t", "--", "--bogus", "-e"] == parse(words, OPTIONS, values, positional_after=1)
    assert {"detach": True} == values


def test_reads_on_behind_a_mistake() -> None:
    values: dict[str, Any] = {}
    with pytest.raises(UsageError, match="--bogus"):
        parse(["--bogus", "--other", "--bundle", "x"], OPTIONS, values)
    assert {"bundle": "x"} == values


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("007", 7, id="leading zeros"),
        pytest.param("2147483647", 2**31 - 1, id="the largest"),
        pytest.param("2147483648", None, id="above the largest"),
        pytest.param("9" * 5000, None, id="thousands of digits"),
        *[pytest.param(text, None, id=f"{text!r}") for text in ("", " 1", "+1", "-1", "0x1", "1_0", "1.0", "٣", "²")],
    ],
)
def test_whole_number(text: str, number: int | None) -> None:
    assert number == whole_number(text)


@pytest.mark.parametrize(
    ("expected", "operands", "message"),
    [
        pytest.param("ID", ["a"], None, id="exactly one"),
        pytest.param("ID", [], "requires exactly 1 argument(s)", id="one is missing"),
        pytest.param("ID", ["a", "b"], "requires exactly 1 argument(s)", id="one too many"),
        pytest.param("", ["a"], "requires exactly 0 argument(s)", id="none wanted"),
        pytest.param("ID [SIGNAL]", ["a"], None, id="the optional one is absent"),
        pytest.param("ID [SIGNAL]", ["a", "b", "c"], "requires a maximum of 2 argument(s)", id="more than optional"),
        pytest.param("ID [SIGNAL]", [], "requires a minimum of 1 argument(s)", id="less than needed"),
        pytest.param("ID COMMAND...", ["a"], "requires a minimum of 2 argument(s)", id="a command is missing"),
        pytest.param("ID [COMMAND...]", ["a", *"bcdef"], None, id="any number"),
    ],
)
def test_counts_operands(expected: str, operands: list[str], message: str | None) -> None:
    if message is None:
        check_operands(operands, expected, "pyoci:")
    else:
        with pytest.raises(UsageError) as caught:
            check_operands(operands, expected, "pyoci:")
        assert f"pyoci: {message}" == caught.value.message
