from __future__ import annotations

import io

import pytest

from pyoci import cli
from pyoci.cli import update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fake

NO_SCHEMATA = {"l3_cache_schema": "", "mem_bw_schema": ""}


def call(*words: str) -> int:
    return cli.call(["pyoci", "--root", "/r", "update", *words])


@pytest.mark.parametrize(
    ("words", "resources"),
    [
        pytest.param("web", {}, id="nothing"),
        pytest.param("--memory 64M --memory-swap -1 --memory-reservation=1048576 web",
                     {"memory": {"limit": 67108864, "swap": -1, "reservation": 1048576}}, id="memory"),
        pytest.param("--cpu-period 1000 --cpu-quota -1 --cpu-burst 0 --cpu-share 2 --cpu-idle 1 web",
                     {"cpu": {"period": 1000, "quota": -1, "burst": 0, "shares": 2, "idle": 1}}, id="cpu"),
        pytest.param("--cpu-rt-period 5 --cpu-rt-runtime 3 --cpuset-cpus 0-1 --cpuset-mems 0 web",
                     {"cpu": {"realtimePeriod": 5, "realtimeRuntime": 3, "cpus": "0-1", "mems": "0"}}, id="the rest"),
        pytest.param("web --pids-limit 0 --blkio-weight 10", {"pids": {"limit": 0}, "blockIO": {"weight": 10}},
                     id="behind the id"),
        pytest.param("-kernel-memory 1k -kernel-memory-tcp=2 web", {"memory": {"kernel": 1024, "kernelTCP": 2}},
                     id="one dash"),
        pytest.param("--memory= --cpuset-cpus= web", {}, id="empty values are none"),
    ],
)  # fmt: skip
def test_options_become_resources(fake: Fake, words: str, resources: dict[str, object]) -> None:
    calls = fake("update", "update")
    assert call(*words.split()) == 0
    assert calls == [(("/r", "web", resources), NO_SCHEMATA)]


def test_schemata_are_passed_on(fake: Fake) -> None:
    calls = fake("update", "update")
    assert call("--l3-cache-schema", "L3:0=f", "--mem-bw-schema=MB:0=5", "web") == 0
    assert calls == [(("/r", "web", {}), {"l3_cache_schema": "L3:0=f", "mem_bw_schema": "MB:0=5"})]


@pytest.mark.parametrize("option", ["--resources", "-r", "-resources"])
def test_file_takes_the_place_of_options(fake: Fake, tmp_path: Path, option: str) -> None:
    calls = fake("update", "update")
    (tmp_path / "r.json").write_text('{"pids": {"limit": 5}, "unified": {"memory.high": "max"}}\n')

    assert call(option, str(tmp_path / "r.json"), "--pids-limit", "6", "web") == 0

    assert calls[0][0][2] == {"pids": {"limit": 5}, "unified": {"memory.high": "max"}}


@pytest.mark.parametrize("words", ["--resources=- web", "--resources - web", "-r - web"])
def test_resources_come_from_standard_input(fake: Fake, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    calls = fake("update", "update")
    monkeypatch.setattr("builtins.open", lambda file, *_, **__: Raw(b'{"cpu": {"quota": 5}}') if file == 0 else None)
    assert call(*words.split()) == 0
    assert calls[0][0][2] == {"cpu": {"quota": 5}}


class Raw(io.BytesIO):
    """A file without a buffer."""

    readall = io.BytesIO.read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is not JSON: expected a value", id="nothing"),
        pytest.param("[]", "expected an object as linux.resources", id="an array"),
        pytest.param("{", "is not JSON", id="half of it"),
        pytest.param("\xff", "is not JSON", id="no UTF-8"),
    ],
)
def test_file_is_refused_when_it_is_no_object(
    fake: Fake, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    calls = fake("update", "update")
    (tmp_path / "r.json").write_bytes(text.encode("latin-1"))
    assert call("-r", str(tmp_path / "r.json"), "web") == 1
    assert message in capfd.readouterr().err
    assert not calls


def test_file_is_named_when_it_cannot_be_opened(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake("update", "update")
    assert call("-r", "/nonexistent", "web") == 1
    assert "open /nonexistent: no such file or directory" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param("--memory 10x", "invalid value for memory: invalid size: '10x'", id="no unit"),
        pytest.param("--memory-swap=-2", "invalid value for memory-swap: invalid size: '-2'", id="negative"),
        pytest.param("--cpu-quota 1.5", 'invalid value for cpu-quota: "1.5" is no whole number', id="a fraction"),
        pytest.param("--pids-limit many", 'invalid value for pids-limit: "many" is no whole number', id="a word"),
        pytest.param("--cpu-share ٣", "invalid value for cpu-share", id="other digits"),
    ],
)
def test_value_is_refused_when_it_is_none(
    fake: Fake, capfd: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    calls = fake("update", "update")
    assert call(*words.split(), "web") == 1
    assert message in capfd.readouterr().err
    assert not calls


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("-1", -1), ("512", 512), ("1b", 1), ("1k", 1024), ("1K", 1024), ("1kb", 1024), ("1KiB", 1024),
     ("1 m", 1 << 20), ("1.5g", 3 << 29), ("2t", 2 << 40), ("1p", 1 << 50), ("5 b", 5), ("5i", 5), ("0.5", 0),
     ("1.0000000001k", 1024), ("123456789012345678", 123456789012345678)],
)  # fmt: skip
def test_size(text: str, expected: int) -> None:
    assert update.size(text) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "k", "-5", "-1k", "+1", "1.", ".5", "1..5", "1kk", "1e3", "0x10", "1  k", "1bi", "١", "1e", "nan"]
)
def test_size_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="invalid size"):
        update.size(text)
