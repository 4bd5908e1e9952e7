from __future__ import annotations

import json

import pytest

from pyoci import json_text

TEXTS = [
    "null", "true", "false", "0", "-1", "1e3", "1.5",
    '""', '"\\u00e9\\n"', '"\\ud83d\\ude00"', '"\\ud800"', "[]", "{}",
    " [ 1 , 2 ] ",
    '\t{"a": {"b": [null, true]}}\r\n', '{"a": 1, "a": 2}', str(2**64), "NaN", "-Infinity",
]  # fmt: skip
NOT_JSON = [
    "", " ", "nul", "[1,]", "{", "[", "]", '{"a"}', '{"a": }', "{1: 2}", "'a'", '"a', '"\n"', '"\\x"',
    "[1] 2", "{} {}", "01", "+1", ".5",
    "// a\n1", "\ufeff1", "\x0c1", "\xa01",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_reads_what_json_reads(text: str) -> None:
    assert repr(json.loads(text)) == repr(json_text.loads(text))
    assert repr(json.loads(text)) == repr(json_text.loads(text.encode()))


@pytest.mark.parametrize("text", NOT_JSON)
def test_refuses_what_json_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json.loads(text)
    with pytest.raises(ValueError, match=r"."):
        json_text.loads(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("", "line 1 column 1", id="empty"),
        pytest.param("\n\n  x", "line 3 column 3", id="third line"),
        pytest.param("{}\n x", "line 2 column 2", id="behind the value"),
        pytest.param('{\n"a" 1}', "line 2 column 5", id="inside an object"),
    ],
)
def test_error_names_the_place(text: str, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        json_text.loads(text)


def test_error_when_it_is_no_utf_8() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        json_text.loads(b'"\xff"')


def test_error_when_nested_too_deeply() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        json_text.loads("[" * 100_000)


@pytest.mark.parametrize(
    "value", [None, True, 0, 'é\n"', [], {}, [[]], {"a": []}, {"a": {"b": [1, {"c": None}]}}, (1, 2)]
)
@pytest.mark.parametrize("indent", [0, 2, 4])
def test_writes_what_json_writes(value: object, indent: int) -> None:
    separators = None if indent else (",", ":")
    expected = json.dumps(value, ensure_ascii=False, indent=indent or None, separators=separators)
    assert expected == json_text.dumps(value, indent)


def test_writes_an_escape_for_half_a_surrogate_pair() -> None:
    for text in ("\udcff", "é\ud800", "\U0001f642\udc00"):
        written = json_text.dumps({text: text})
        assert json_text.loads(written.encode()) == {text: text}


@pytest.mark.parametrize("value", [b"x", {b"1": 2}, {"a": object()}, {1, 2}])
def test_refuses_to_write_what_has_no_form(value: object) -> None:
    with pytest.raises(TypeError):
        json_text.dumps(value)
