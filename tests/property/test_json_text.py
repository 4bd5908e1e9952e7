"""json_text reads and writes as the standard module does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher import link
from pyoci import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.fixture(scope="module", params=["scanner", "launcher"], autouse=True)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Read by the standard module's scanner, and by the function of the installed command's interpreter."""
    if request.param == "launcher":
        if reason := link.missing():
            pytest.skip(reason)
        target = tmp_path_factory.mktemp("launcher") / "_pyoci.so"
        sources = [str(Path(link.__file__).parent / name) for name in ("calls.c", "json.c")]
        include = f"-I{sysconfig.get_path('include')}"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", include, *sources, "-o", str(target)], check=True)
        spec = importlib.util.spec_from_file_location("_pyoci", target)
        assert spec
        json_text.read_json = importlib.util.module_from_spec(spec).read_json
    yield
    json_text.read_json = None


def outcome(read: object, text: str) -> object:
    try:
        return repr(read(text))  # type: ignore[operator]
    except ValueError:
        return ValueError


@given(VALUES, st.sampled_from([0, 1, 2, 4]))
def test_writes_what_json_writes(value: object, indent: int) -> None:
    separators = None if indent else (",", ":")
    assert json.dumps(value, ensure_ascii=False, indent=indent or None, separators=separators) == json_text.dumps(
        value, indent
    )


@given(VALUES, st.booleans())
def test_reads_what_json_writes(value: object, ascii_only: bool) -> None:
    assert value == json_text.loads(json.dumps(value, ensure_ascii=ascii_only))


@given(st.text(alphabet='{}[]",:0123456789.eE+-\\untrfalse \n\t\x00é', max_size=30))
def test_reads_and_refuses_like_json(text: str) -> None:
    assert outcome(json.loads, text) == outcome(json_text.loads, text)


@given(VALUES, st.integers(min_value=0), st.text(max_size=3))
def test_reads_and_refuses_like_json_when_damaged(value: object, place: int, text: str) -> None:
    whole = json.dumps(value)
    place %= len(whole) + 1
    damaged = whole[:place] + text + whole[place + 1 :]
    assert outcome(json.loads, damaged) == outcome(json_text.loads, damaged)
