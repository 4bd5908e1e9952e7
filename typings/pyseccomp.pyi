"""The part of pyseccomp 0.1.2 that pyoci uses."""

from typing import Protocol, overload

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

KILL_PROCESS: int
KILL_THREAD: int
KILL: int
TRAP: int
NOTIFY: int
LOG: int
ALLOW: int

NE: int
LT: int
LE: int
EQ: int
GE: int
GT: int
MASKED_EQ: int

def ERRNO(x: int) -> int: ...
def TRACE(x: int) -> int: ...

class Arch:
    NATIVE: int
    X86: int
    X86_64: int
    X32: int
    ARM: int
    AARCH64: int
    MIPS: int
    MIPS64: int
    MIPS64N32: int
    MIPSEL: int
    MIPSEL64: int
    MIPSEL64N32: int
    PARISC: int
    PARISC64: int
    PPC: int
    PPC64: int
    PPC64LE: int
    S390: int
    S390X: int
    RISCV64: int

class Attr:
    ACT_DEFAULT: int
    ACT_BADARCH: int
    CTL_NNP: int
    CTL_TSYNC: int
    API_TSKIP: int
    CTL_LOG: int
    CTL_SSB: int
    CTL_OPTIMIZE: int
    API_SYSRAWRC: int

class Arg:
    def __init__(self, arg: int, op: int, data_a: int, data_b: int = 0) -> None: ...

class SyscallFilter:
    def __init__(self, defaction: int) -> None: ...
    def reset(self, defaction: int) -> None: ...
    def merge(self, filter: SyscallFilter) -> None: ...
    def get_attr(self, attr: int) -> int: ...
    def set_attr(self, attr: int, value: int) -> None: ...
    def add_arch(self, arch: int) -> None: ...
    def remove_arch(self, arch: int) -> None: ...
    def exist_arch(self, arch: int) -> bool: ...
    def syscall_priority(self, syscall: int | str, priority: int) -> None: ...
    def add_rule(self, action: int, syscall: int | str, *args: Arg) -> None: ...
    def add_rule_exactly(self, action: int, syscall: int | str, *args: Arg) -> None: ...
    def export_bpf(self, file: _HasFileno) -> None: ...
    def export_pfc(self, file: _HasFileno) -> None: ...

def system_arch() -> int: ...
def get_api() -> int: ...
def set_api(level: int) -> None: ...
@overload
def resolve_syscall(arch: int, syscall: int) -> bytes: ...
@overload
def resolve_syscall(arch: int, syscall: str) -> int: ...
