"""A frozen module is the module: what its constants and its code do, they do inside the launcher."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from launcher import link

pytestmark = pytest.mark.skipif(bool(link.missing()), reason=link.missing())

# In the place of pyoci.cli. Everything a compiler makes a constant of, and every kind of variable.
_MODULE = '''
"""A docstring: with "quotes", a \\\\ and what C reads as ??( a trigraph."""
import os

NUMBERS = (0, -5, -6, 256, 257, 2**30, -(2**30), 2**64 + 1, 0xFFFF_FFFF_FFFF_FFFF, 1.5, -0.0, 1e-300, True, None, ...)
TEXTS = ("", "a", "é", "ÿ", "ab", "naïve", "→", "a→b", "𝄞", "x𝄞", "\\0", "a\\0b", "\\ud800", "\\x80", "??/")
BYTES = (b"", b"a", b"\\0\\xff??=", b"7\\0001", bytes(range(256)), b'"\\\\')
NESTED = (1, (2, (3, "four", ()), None), True, 1.0, False, 0, 0.0)


def same(letter):
    return letter in {"p", "q", "pq", 7}, letter in ("p", frozenset({"z"}))


def also_same(letter):
    return letter in {"p", "q", "pq", 7}


def outer(a, /, b, *rest, c=3, **named):
    local = [a]

    def inner(d):
        nonlocal b
        b += d
        return a, b, c, rest, sorted(named.items()), local

    return inner


class Thing:
    """Its own docstring."""

    __slots__ = ("x",)
    count: int = 3

    def __init__(self, x):
        self.x = x
        super().__init__()

    @property
    def twice(self):
        return [self.x * n for n in range(self.count) if (m := n) or m == 0]


def generate(n):
    try:
        for i in range(n):
            try:
                got = yield i
            except ValueError as error:
                got = f"{error!s:>5}|{i:03d}"
            finally:
                n -= 1
    finally:
        yield got, n


async def wait():
    return [x async for x in arange()]


async def arange():
    for i in range(3):
        yield i


def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


def match(value):
    match value:
        case {"a": [1, *others], **rest}:
            return others, rest
        case Thing(x=y) | (y, _):
            return y
        case str() as text if len(text) > 2:
            return text
        case _:
            return None


def where():
    try:
        {}["missing"]
    except KeyError as error:
        place = error.__traceback__
        return place.tb_lineno, place.tb_frame.f_code.co_name, place.tb_frame.f_code.co_qualname


def signature(function):
    code = function.__code__
    names = ("argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "varnames", "cellvars", "freevars", "names",
             "flags", "stacksize", "firstlineno", "code", "exceptiontable", "linetable", "name", "qualname")
    return [getattr(code, f"co_{name}") for name in names], list(code.co_lines()), list(code.co_positions())


def main():
    generator = generate(3)
    steps = [next(generator), generator.send(1), generator.throw(ValueError("v")), next(generator)]
    inner = outer(1, 2, 4, c=5, e=6)
    functions = (same, also_same, outer, inner, Thing.__init__, Thing.twice.fget, generate, wait, arange, match, where)
    result = [
        NUMBERS, [len(text) for text in TEXTS], TEXTS, BYTES, NESTED, __doc__, Thing.__doc__,
        [same(x) for x in ("p", "z", 7, "pq")], also_same("q"), inner(7), Thing(2).twice, steps, drive(wait()),
        [match(x) for x in ({"a": [1, 2, 3], "b": 4}, Thing(9), (8, 0), "long", 1)], where(),
        [signature(function) for function in functions],
        [{**{f"key{n}": n for n in range(1000)}}["key999"] for _ in range(50)][-1],
        hash("a→b") == hash("→".join("ab")), "naïve".encode(), TEXTS[5] is TEXTS[5], {"é": 1}["é"],
    ]
    os.write(1, repr(result).encode("utf-8", "surrogatepass"))
    os._exit(0)
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The source."""
    path = tmp_path / "module.py"
    path.write_text(_MODULE)
    return path


def test_a_module_does_the_same_when_it_is_frozen(module: Path, tmp_path: Path) -> None:
    target = tmp_path / "python"
    link.build_interpreter(target, tmp_path / "build", {**link.sources(), "pyoci.cli": (module, "module.py")})
    plain = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import module; module.main()"

    expected = subprocess.check_output([sys.executable, "-I", "-S", "-X", "utf8", "-c", plain])

    assert subprocess.check_output([target], env={"PYOCI_LIBRARY": str(tmp_path)}) == expected


def test_every_module_is_frozen() -> None:
    top = Path(link.__file__).parents[1]
    paths = {path for path, _shown in link.sources().values()}
    assert {path for path in (top / "pyoci").rglob("*.py") if path.name != "__main__.py"} <= paths
