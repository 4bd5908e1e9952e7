"""linux.seccomp as instructions: libseccomp compiles, we keep what it made.

pyseccomp is imported here and nowhere else, in the runtime: left to itself it runs ldconfig, inside a container
the container's. The installed command has libseccomp built in, under the same names (launcher/seccomp.c).

Docker's profile takes libseccomp 18 ms, so what it made is kept by content in a directory only we can write to, beside
the identity of the library: another one may know more calls, or have a mistake less (GHSA-4q85-33p6-j5g6).

What libseccomp cannot do and how it is met:

* A name it does not know is skipped, as by runc and crun: a profile lists calls of kernels to come. A negative
  number other than −1 is a call of another architecture and is passed on.
* Two conditions on the same argument cannot be ANDed in one rule. runc and crun make a rule of each, so do we.
* A rule with the default action is refused, and is needless.
* An architecture given twice, or native, is EEXIST.
"""

from __future__ import annotations

import errno
import os
import sys

from pyoci.config.linux.seccomp import ARCHITECTURES, OPERATORS, verdict
from pyoci.errors import Ignoring, StepError, Unsupported
from pyoci.syscalls import files
from pyoci.syscalls.call import BUILT_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pyoci.config.linux.seccomp import Arg, Seccomp, Syscall

    Rule = tuple[int, str, tuple[Arg, ...]]  # verdict, name of the call, conditions

_LIBRARY = "libseccomp.so.2"
_UNKNOWN_CALL = -1  # __NR_SCMP_ERROR
# Stands for the libseccomp that is built in: drawn once, when the image is made of which each process goes on. The file
# of the program would not do, for it may be a copy in memory.
_MADE = os.urandom(16).hex().encode() if BUILT_IN else b""
_FORMAT = 1  # of the files in the cache
_MOST_FILES = 64
_OTHERS_MAY_WRITE = 0o022


def make(seccomp: Seccomp, cache_dir: str = "") -> tuple[bytes, list[str]]:
    """The filter as an array of struct sock_filter, and the names it knows nothing about.

    With *cache_dir* it is kept there and found there again; then no unknown name is reported.
    """
    if not cache_dir or not _is_ours(cache_dir):
        return assemble(seccomp)
    path = f"{cache_dir}/{key(seccomp)}"
    if program := _kept(path):
        return program, []
    program, unknown = assemble(seccomp)
    with Ignoring(OSError):  # a full or read-only /run costs time, not the container
        _keep(cache_dir, path, program)
    return program, unknown


def rules(seccomp: Seccomp) -> Iterator[Rule]:
    """The rules libseccomp is given."""
    default = verdict(seccomp.default_action, seccomp.default_errno_ret)
    for syscall in seccomp.syscalls:
        value = verdict(syscall.action, syscall.errno_ret)
        if value != default:
            for name in syscall.names:
                for conditions in _conditions(syscall):
                    yield value, name, conditions


def _conditions(syscall: Syscall) -> Iterator[tuple[Arg, ...]]:
    """All conditions at once, or one after the other where two are about the same argument."""
    if len({arg.index for arg in syscall.args}) == len(syscall.args):
        yield syscall.args
    else:
        for arg in syscall.args:
            yield (arg,)


def assemble(seccomp: Seccomp) -> tuple[bytes, list[str]]:
    """The filter as libseccomp makes it, and the names it does not know. Raises Unsupported and StepError."""
    library = _pyseccomp()
    compiler = library.SyscallFilter(verdict(seccomp.default_action, seccomp.default_errno_ret))
    for place, name in enumerate(seccomp.architectures):
        try:
            compiler.add_arch(ARCHITECTURES[name])
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise Unsupported(f"libseccomp cannot filter {name} on {os.uname().machine}", errno=error.errno,
                                  field=f"linux.seccomp.architectures[{place}]") from error
    native = library.system_arch()
    unknown = []
    for value, name, conditions in rules(seccomp):
        # A lone surrogate has no bytes to ask for.
        if not name.isidentifier() or (number := library.resolve_syscall(native, name)) == _UNKNOWN_CALL:
            unknown.append(name)
            continue
        comparisons = [library.Arg(arg.index, OPERATORS[arg.op], arg.value, arg.value_two) for arg in conditions]
        try:
            compiler.add_rule(value, number, *comparisons)
        except OSError as error:
            raise _refused(name, error) from error
    with open(os.memfd_create("seccomp"), "r+b", buffering=0) as file:
        compiler.export_bpf(file)
        file.seek(0)
        return file.readall(), unknown


def _refused(name: str, error: OSError) -> StepError:
    """EEXIST: two rules about the same call and arguments disagree."""
    reason = ("another rule says something else about the same arguments" if error.errno == errno.EEXIST
              else str(error.strerror).lower())
    return StepError(f"error adding seccomp rule for syscall {name}: {reason}", field="linux.seccomp.syscalls",
                     errno=error.errno)


class _Anything:
    """What pyseccomp subscripts in its annotations."""

    def __class_getitem__(cls, _: object) -> type[_Anything]:
        return cls


def _pyseccomp() -> ModuleType:
    """pyseccomp, or what stands for it in the interpreter.

    It is imported without ``ctypes.util``, which would run ldconfig, and without ``typing`` (10 ms).
    """
    if BUILT_IN:
        import _seccomp

        return _seccomp
    import ctypes

    make_module = type(sys)
    util, typing = make_module("ctypes.util"), make_module("typing")
    vars(util)["find_library"] = {"c": None, "seccomp": _LIBRARY}.get
    vars(typing).update(dict.fromkeys(("Any", "Collection", "Iterable", "Union"), _Anything),
                        cast=lambda _, value: value, overload=lambda function: function)
    substitutes = {"ctypes.util": util, "typing": sys.modules.get("typing", typing)}
    replaced = {name: sys.modules.pop(name, None) for name in substitutes}
    sys.modules.update(substitutes)
    vars(ctypes)["util"] = util
    try:
        import pyseccomp
    except (ImportError, OSError) as error:
        raise Unsupported(f"linux.seccomp needs pyseccomp and {_LIBRARY}: {error}", field="linux.seccomp") from error
    finally:
        vars(ctypes)["util"] = replaced["ctypes.util"]
        for name, module in replaced.items():
            del sys.modules[name]
            if module:
                sys.modules[name] = module
    return pyseccomp


def key(seccomp: Seccomp) -> str:
    """The name of the filter in the cache: a digest of all that it depends on, but for the library."""
    from _blake2 import blake2b

    kernel = os.uname()
    parts = (_FORMAT, kernel.release, kernel.machine, seccomp.default_action, seccomp.default_errno_ret,
             seccomp.architectures, seccomp.syscalls)
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _is_ours(cache_dir: str) -> bool:
    """Whether *cache_dir* is a directory that nobody else can write to; it is made if missing."""
    try:
        with Ignoring(FileExistsError):
            os.mkdir(cache_dir, 0o700)
        status = os.lstat(cache_dir)
    except OSError:  # a read-only or missing /run costs time, not the container
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE


def _kept(path: str) -> bytes:
    """The program kept at *path*, nothing unless the library that made it is still the one installed."""
    try:
        with open(path, "rb", buffering=0) as file:
            library, _, program = file.readall().partition(b"\n")
        return program if library == (_MADE or _identity(library.split(b" ")[0])) else b""
    except OSError:
        return b""


def _keep(cache_dir: str, path: str, program: bytes) -> None:
    """Write *program* to *path*, after making room: what is lost is made again."""
    if len(names := os.listdir(cache_dir)) >= _MOST_FILES:
        for name in names:
            os.unlink(f"{cache_dir}/{name}")
    files.replace(path, (_MADE or _identity(_library())) + b"\n" + program, 0o600)


def _library() -> bytes:
    """The path of the libseccomp that is loaded."""
    with open("/proc/self/maps", "rb") as maps:
        return next(line.split()[-1] for line in maps if b"/libseccomp." in line)


def _identity(library: bytes) -> bytes:
    """The path of a library and what changes when another takes its place."""
    status = os.stat(library)
    return b"%s %d %d %d" % (library, status.st_ino, status.st_size, status.st_mtime_ns)
