from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from pyoci.syscalls import call


def test_error_names_call_and_path_when_given() -> None:
    failure = call.error("mount", errno.EBUSY, "/mnt", "flags MS_BIND")

    assert isinstance(failure, OSError)
    assert (failure.errno, failure.filename, failure.strerror) == (
        errno.EBUSY, "/mnt", "Device or resource busy: flags MS_BIND",
    )  # fmt: skip
    assert failure.__notes__ == ["mount(2)"]


def test_syscall_raises_oserror_when_the_call_fails() -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        call.syscall("setns", -1, 0, path="nowhere")

    assert (caught.value.errno, caught.value.filename) == (errno.EBADF, "nowhere")
    assert caught.value.__notes__ == ["setns(2)"]


def test_syscall_says_enosys_when_the_number_is_not_known() -> None:
    with pytest.raises(OSError, match="no number known") as caught:
        call.syscall("no_such_call")

    assert caught.value.errno == errno.ENOSYS


def test_syscall_passes_all_64_bits_when_an_argument_is_large(tmp_path: object) -> None:
    fd = os.open(str(tmp_path), os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Invalid argument"):  # unknown flags in the upper half are seen
            call.syscall("close_range", fd, fd, 1 << 31)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        pytest.param("process", False, id="process: is it alive"),
        pytest.param("files", False, id="files: replace"),
        pytest.param("fd", False, id="fd"),
        pytest.param("terminal", False, id="terminal"),
        pytest.param("mount", True, id="mount"),
        pytest.param("procfs", True, id="procfs"),
        pytest.param("seccomp", True, id="seccomp"),
        pytest.param("capabilities", True, id="capabilities"),
    ],
)
def test_import_loads_little_when_a_command_starts(module: str, allowed: bool) -> None:
    code = f"import sys; import pyoci.syscalls.{module}; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                            check=True, capture_output=True, text=True).stdout.split()  # fmt: skip

    assert ("_ctypes" in output) is allowed
    assert "ctypes" not in output
    assert not {"re", "enum", "typing", "dataclasses", "logging", "subprocess", "socket", "signal", "pathlib",
                "contextlib", "functools", "json", "tempfile", "shutil"} & set(output)  # fmt: skip
