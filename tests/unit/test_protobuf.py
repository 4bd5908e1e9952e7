from __future__ import annotations

import pytest

from pyoci import protobuf


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param([], b"", id="nothing"),
        pytest.param([(1, 0)], b"\x08\x00", id="zero"),
        pytest.param([(1, True)], b"\x08\x01", id="bool"),
        pytest.param([(1, 150)], b"\x08\x96\x01", id="two bytes"),
        pytest.param([(1, -1)], b"\x08" + b"\xff" * 9 + b"\x01", id="negative"),
        pytest.param([(2, "testing")], b"\x12\x07testing", id="text"),
        pytest.param([(16, "é")], b"\x82\x01\x02\xc3\xa9", id="number of two bytes"),
        pytest.param([(2, "\udcff")], b"\x12\x01\xff", id="a path that is no UTF-8"),
        pytest.param([(3, protobuf.encode([(1, 150)]))], b"\x1a\x03\x08\x96\x01", id="message within"),
    ],
)
def test_encodes_as_the_format_says(fields, message) -> None:
    assert protobuf.encode(fields) == message


@pytest.mark.parametrize("value", [0, 1, 127, 128, 2**31 - 1, 2**32, -1, -(2**31), -(2**63)])
def test_decodes_what_it_encodes(value) -> None:
    found = protobuf.decode(protobuf.encode([(5, value), (7, "text")]))

    assert protobuf.signed(found[5]) == value
    assert found[7] == b"text"


def test_takes_the_last_of_a_repeated_field() -> None:
    assert protobuf.decode(protobuf.encode([(1, 1), (1, 2)])) == {1: 2}


def test_passes_over_numbers_of_fixed_size() -> None:
    assert protobuf.decode(b"\x09" + bytes(8) + b"\x15" + bytes(4) + b"\x18\x07") == {1: bytes(8), 2: bytes(4), 3: 7}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(b"\x08", "a number is cut off", id="no value"),
        pytest.param(b"\x08\x96", "a number is cut off", id="half a value"),
        pytest.param(b"\x12\x07test", "field 2 is cut off", id="half a text"),
        pytest.param(b"\x0b", "field 1 is of the unknown type 3", id="group"),
    ],
)
def test_refuses_what_is_no_message(message, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        protobuf.decode(message)
