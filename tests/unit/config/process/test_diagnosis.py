from __future__ import annotations

import platform
import shutil
import struct
import sys

import pytest

from pyoci.config.process import diagnosis


def explain(data: bytes, machine: str = "x86_64", *, exists: bool = False) -> str:
    return diagnosis.explain(lambda offset, size: data[offset : offset + size], machine, lambda _: exists)


def elf(machine=62, *, wide=True, little=True, loader=b"", at=200):
    """An ELF header, one PT_LOAD and, if there is a loader, one PT_INTERP that points to *at*."""
    order = "<" if little else ">"
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if little else 2, 1]) + bytes(9)
    count = 2 if loader else 1
    if wide:
        header = ident + struct.pack(f"{order}HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
        segments = [struct.pack(f"{order}IIQQQQQQ", kind, 0, at, 0, 0, len(loader) + 1, 0, 0) for kind in (1, 3)]
    else:
        header = ident + struct.pack(f"{order}HHIIIIIHHHHHH", 2, machine, 1, 0, 52, 0, 0, 52, 32, count, 0, 0, 0)
        segments = [struct.pack(f"{order}8I", kind, at, 0, 0, len(loader) + 1, 0, 0, 0) for kind in (1, 3)]
    return (header + b"".join(segments[:count])).ljust(at, b"\0") + loader + b"\0"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"echo hello\n", "neither an ELF program nor a script", id="no first line"),
        pytest.param(b"#!", "names no interpreter", id="nothing behind #!"),
        pytest.param(b"#! \t\n", "names no interpreter", id="blanks behind #!"),
        pytest.param(b"#!/bin/bash\n", 'its interpreter "/bin/bash" does not exist', id="interpreter missing"),
        pytest.param(b"#! /bin/env python\nx", 'its interpreter "/bin/env" does not exist', id="argument"),
        pytest.param(b"#!/bin/sh\r\necho\r\n", 'ends in CRLF: the kernel looks for "/bin/sh\\r"', id="crlf"),
        pytest.param(b"#!\r\n", "names no interpreter", id="crlf alone"),
        pytest.param(b"#!\t/bin/x\t-e\r\n", 'its interpreter "/bin/x" does not exist', id="crlf behind an argument"),
        pytest.param(b"#!/bin/\x1b[31m\n", '"/bin/\\x1b[31m"', id="control characters are spelled out"),
        pytest.param(b"#!/bin/\xff\n", '"/bin/\\udcff"', id="not unicode"),
        pytest.param(elf(183), "it is built for aarch64, this machine is x86_64", id="other machine"),
        pytest.param(elf(22, little=False), "it is built for s390x", id="other byte order"),
        pytest.param(elf(62, loader=b"/lib/ld-musl.so"), 'its loader "/lib/ld-musl.so" does not exist', id="loader"),
        pytest.param(elf(3, wide=False, loader=b"/lib/ld.so"), 'its loader "/lib/ld.so" does not exist', id="32 bits"),
        pytest.param(elf(62, loader=b"/far", at=9000), 'its loader "/far"', id="loader far into the file"),
        pytest.param(elf()[:40], "cut short or damaged", id="half a header"),
        pytest.param(b"\x7fELF" + bytes(60), "cut short or damaged", id="no class"),
    ],
)
def test_explain_says(data, expected):
    assert expected in explain(data)


@pytest.mark.parametrize(
    ("data", "exists"),
    [
        pytest.param(elf(), False, id="static program"),
        pytest.param(elf(3, wide=False), False, id="32 bits on 64"),
        pytest.param(elf(62, loader=b"/lib/ld.so"), True, id="loader is there"),
        pytest.param(b"#!/bin/sh\n", True, id="interpreter is there"),
        pytest.param(elf(999), False, id="a machine nobody knows"),
        pytest.param(elf()[:60] + b"\xff" * 40, False, id="headers of nonsense"),
    ],
)
def test_explain_is_silent_when_it_sees_no_reason(data, exists):
    assert explain(data, exists=exists) == ""


@pytest.mark.parametrize("path", [sys.executable, shutil.which("sh")])
def test_explain_finds_nothing_wrong_with_programs_that_run(path):
    with open(path, "rb") as file:
        data = file.read()
    missing: list[str] = []
    found = diagnosis.explain(
        lambda offset, size: data[offset : offset + size], platform.machine(), lambda path: not missing.append(path)
    )
    assert (found, missing[0][:4]) == ("", "/lib")
