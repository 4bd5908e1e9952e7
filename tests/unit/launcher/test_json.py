"""launcher/json.c under the sanitizers: damaged documents are refused as by json, and no byte behind is read."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from launcher import link

pytestmark = pytest.mark.skipif(bool(link.missing()), reason=link.missing())

TOP = Path(link.__file__).parents[1]
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

# In a process of its own, for the sanitizers have to be loaded first.
_SCRIPT = r"""
import importlib.util, json, random, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("_pyoci", sys.argv[1])
read_json = importlib.util.module_from_spec(spec).read_json
texts = [path.read_text()[:2000] for path in sorted(Path(sys.argv[2]).glob("*/*/config.json"))]
pieces = ['"', "\\", "\\u", "\\ud83d", "\\ude00", *"{}[],:-0\0\x1f\t\n \xe9\U0001d11e", "1e5", "1.", "1.5", "E+",
          "null", "fal", "NaN", "-Infinity", "\\n", "\\x", "9" * 30]
choose = random.Random(2024)
def outcome(read, text):
    try:
        return repr(read(text))
    except (ValueError, RecursionError):
        return ""
for _ in range(int(sys.argv[3])):
    text = choose.choice(texts)
    start = choose.randrange(len(text)) * choose.randrange(2)
    text = text[start : start + choose.randrange(1, 600)]
    for _ in range(choose.randrange(1, 6)):
        at = choose.randrange(len(text) + 1)
        text = text[:at] + choose.choice(pieces) + text[at + choose.randrange(3) :]
    assert outcome(read_json, text) == outcome(json.loads, text), text
ends = ("", "\\", '"', '"\\', '"\\u12', "-", "{", '{"a', '{"a"', '{"a":', "[1,", "f")
for text in ("[" * 100_000, '{"a":' * 100_000, *ends):
    assert outcome(read_json, text) == ""
"""


def libasan() -> str:
    """The sanitizer's library, if the compiler brings it."""
    found = subprocess.check_output(["cc", "-print-file-name=libasan.so"], text=True).strip()
    return found if found.startswith("/") else ""


@pytest.mark.skipif(not link.missing() and not libasan(), reason="the compiler has no libasan")
def test_damaged_documents_are_read_as_by_the_standard_module_and_no_byte_more(tmp_path: Path) -> None:
    target, include = tmp_path / "_pyoci.so", f"-I{sysconfig.get_path('include')}"
    sources = [str(TOP / "launcher" / name) for name in ("calls.c", "json.c")]
    subprocess.run(["cc", *SANITIZED, "-shared", "-fPIC", include, *sources, "-o", str(target)], check=True)
    environment = {"LD_PRELOAD": libasan(), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}

    done = subprocess.run(
        [sys.executable, "-I", "-c", _SCRIPT, target, TOP / "tests/data/recorded", "5000"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.stderr[-2000:], done.returncode) == ("", 0)
