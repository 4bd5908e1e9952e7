"""launcher/seccomp.c compiles what pyseccomp does, and refuses what that refuses."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from launcher import link
from pyoci.config.linux import seccomp_program
from pyoci.config.linux.seccomp import OPERATORS, Seccomp
from pyoci.runtime import features

pytestmark = pytest.mark.skipif(bool(link.missing()), reason=link.missing())
TOP = Path(link.__file__).parents[1]
RECORDED = sorted((TOP / "tests/data/recorded/seccomp").glob("*.json"))
ALLOW, ERRNO = 0x7FFF0000, 0x00050001


@pytest.fixture(scope="module")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module, as one that can be loaded."""
    target = tmp_path_factory.mktemp("seccomp") / "_seccomp.so"
    include = f"-I{sysconfig.get_path('include')}"
    source = str(TOP / "launcher/seccomp.c")
    command = ["cc", *link.COMPILE, "-shared", "-fPIC", include, source, "-lseccomp", "-o", str(target)]
    subprocess.run(command, check=True)
    spec = importlib.util.spec_from_file_location("_seccomp", target)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcome(section: Seccomp) -> object:
    """The filter and the unknown names, or how it is refused."""
    try:
        return seccomp_program.assemble(section)
    except Exception as error:  # noqa: BLE001 (whichever it is)
        return type(error), str(error)


def rule(name: str, op: str, action: str = "SCMP_ACT_ERRNO", index: int = 0) -> dict[str, object]:
    compared = {"index": index, "value": 2**63 + 5, "valueTwo": 2**64 - 1, "op": op}
    return {"names": [name, "open", "no_such_call"], "action": action, "args": [compared]}


@pytest.mark.parametrize("section", [
    *[pytest.param(json.loads(path.read_text()), id=path.stem) for path in RECORDED],
    *[pytest.param({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule("read", op, index=5)]}, id=op)
      for op in OPERATORS],
    pytest.param({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390X"]}, id="another byte order"),
    pytest.param({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        rule("read", "SCMP_CMP_EQ", "SCMP_ACT_ALLOW"), rule("read", "SCMP_CMP_EQ", "SCMP_ACT_LOG"),
    ]}, id="disagreement"),
])  # fmt: skip
def test_compiles_and_refuses_what_pyseccomp_does(
    built_in: ModuleType, monkeypatch: pytest.MonkeyPatch, section: dict[str, object]
) -> None:
    read = Seccomp.read(section)
    expected = outcome(read)

    monkeypatch.setattr(seccomp_program, "_pyseccomp", lambda: built_in)

    assert outcome(read) == expected


def test_is_of_the_same_version(built_in: ModuleType) -> None:
    assert built_in.system_arch() == seccomp_program._pyseccomp().system_arch()
    assert built_in.version() == features.libseccomp_version()


@pytest.mark.parametrize("wrong", [(), (1,), (ALLOW, "read"), (ERRNO, 0, b"short"), (ERRNO, 0, *[b""] * 7)])
def test_what_is_no_rule_is_a_type_error(built_in: ModuleType, wrong: tuple[object, ...]) -> None:
    compiler = built_in.SyscallFilter(ALLOW)

    with pytest.raises(TypeError):
        compiler.add_rule(*wrong)
