"""Paths of a container are reached by descriptor, through syscalls/files.py; who names a path says here why it is safe.

Every call by a path in pyoci/config and pyoci/container is one of these: with ``dir_fd``, so that only a last name is
looked up, and never through a link; by ``/proc/self/fd``, a descriptor's other name; or in the table below.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).parents[2]
BY_PATH = frozenset(
    f"os.{name}"
    for name in (
        *("open", "stat", "lstat", "mkdir", "makedirs", "mknod", "mkfifo", "symlink", "link", "readlink", "unlink"),
        *("remove", "rmdir", "rename", "replace", "chown", "lchown", "chmod", "utime", "truncate", "access", "statvfs"),
        *("listdir", "scandir", "walk", "getxattr", "setxattr", "chdir", "chroot", "execve", "posix_spawn"),
        *("path.exists", "path.lexists", "path.isdir", "path.isfile", "path.islink", "path.samefile", "path.getsize"),
    )
) | {"open", "mount.mount", "mount.mount_setattr", "mount.umount2", "mount.pivot_root"}
BELOW_ROOT = "the container's directory below --root, which is the runtime's alone"
HOST = "a path of the host, looked up by the runtime or before the pivot"
RESCTRL = "resctrl, on the host"
CACHE = "the directory of cached filters is ours alone, or not used"
AS_THE_PROGRAM = "what execve(2) will look up as well, when nothing of the host is open any more"
INSIDE = "the root we have just entered, or are leaving"
OPEN = "a descriptor, not a path"
def of(reason: str, *functions: str) -> dict[str, str]:
    """The *functions* of a module that are safe for one *reason*."""
    return dict.fromkeys(functions, reason)


ALLOWED = {
    "config/__init__.py": of(HOST, "read"),
    "config/copy_up.py": of(OPEN, "directory", "_attributes"),
    "config/hooks.py": of("config.json names the program: of the host, or inside and without privileges", "_spawn"),
    "config/linux/devices.py": of(HOST, "_kernel_name"),
    "config/linux/id_mappings.py": of(HOST, "_write", "open_namespace"),
    "config/linux/intel_rdt.py": {
        **of(RESCTRL, "find", "create", "planned", "_make", "_compare", "_write_schemata", "_make_monitoring_group"),
        **of(RESCTRL, "check_change", "change", "delete", "_write"),
    },
    "config/linux/masked_paths.py": of("where we are, or have just gone by descriptor", "_clone_attached"),
    "config/linux/mount_label.py": of(HOST, "option"),
    "config/linux/namespaces.py": of(HOST, "shares_mounts", "_open", "_is_own_user"),
    "config/linux/net_devices.py": of(HOST, "_connect_in"),
    "config/linux/resctrl_statistics.py": of(RESCTRL, "of", "_value", "_line", "_nodes"),
    "config/linux/seccomp.py": of(HOST, "_send"),
    "config/linux/seccomp_program.py": {
        **of(OPEN, "assemble"), **of(HOST, "_identity", "_library"), **of(CACHE, "_is_ours", "_kept", "_keep"),
    },
    "config/mounts.py": of(HOST, "_see_new_root", "_mounted_by_path", "_hint"),
    "config/process/execute.py": {
        **of(OPEN, "home"), **of(AS_THE_PROGRAM, "execve", "why_not", "is_executable", "_hint"),
    },
    "config/process/oom_score_adj.py": of(HOST, "set"),
    "config/process/selinux_label.py": of(HOST, "is_enabled"),
    "config/root.py": {
        **of(HOST, "absolute", "isolate", "_attach", "_make_parent_private"), **of(INSIDE, "pivot"),
    },
    "config/schema.py": of(HOST, "load"),
    "container/console.py": of(HOST, "connect"),
    "container/container.py": of(BELOW_ROOT, "_awaits_start"),
    "container/exec_fifo.py": of(BELOW_ROOT, "make", "give_the_word", "_write"),
    "container/notify_socket.py": of(BELOW_ROOT, "shown", "__init__"),
    "container/processes.py": of(HOST, "_namespace", "_sharing"),
    "container/store.py": of(BELOW_ROOT, "_read", "lock", "_is_there", "is_locked", "remove", "_make", "ids"),
}  # fmt: skip


def modules() -> Iterator[Path]:
    """The modules that run next to a container's files."""
    for package in ("config", "container"):
        yield from sorted((TOP / "pyoci" / package).rglob("*.py"))


def calls_by_path(path: Path) -> Iterator[tuple[str, str, int]]:
    """The function, the call and the line of each call in *path* that looks a whole path up."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in BY_PATH and not is_by_descriptor(node):
                yield function.name, ast.unparse(node.func), node.lineno


def is_by_descriptor(call: ast.Call) -> bool:
    """Whether *call* names what it means relative to a descriptor."""
    if ast.unparse(call.func) == "mount.mount_setattr":
        return ast.unparse(call.args[0]) != "mount.AT_FDCWD"
    target = call.args[1] if ast.unparse(call.func) == "mount.mount" else call.args[0]
    first = target.values[0] if isinstance(target, ast.JoinedStr) else None
    if isinstance(first, ast.Constant) and str(first.value).startswith("/proc/self/fd/"):
        return True
    return any(keyword.arg == "dir_fd" for keyword in call.keywords)


def found() -> dict[str, set[str]]:
    """By module, the functions with a call by path."""
    calls = {str(path.relative_to(TOP / "pyoci")): {name for name, _, _ in calls_by_path(path)} for path in modules()}
    return {module: names for module, names in calls.items() if names}


def test_no_path_is_looked_up_but_those_known_to_be_safe() -> None:
    assert found() == {module: set(reasons) for module, reasons in ALLOWED.items()}


@pytest.mark.parametrize(
    ("line", "is_seen"),
    [
        pytest.param("os.mkdir(path)", True, id="by path"),
        pytest.param("os.mkdir(name, dir_fd=parent)", False, id="by name in a directory"),
        pytest.param("os.chown(f'/proc/self/fd/{fd}', 0, 0)", False, id="by descriptor"),
        pytest.param("os.chown(f'/proc/self/root/{name}', 0, 0)", True, id="by another magic link"),
        pytest.param("mount.mount(None, path, None)", True, id="the target of a mount"),
        pytest.param("open(path)", True, id="built in"),
    ],
)
def test_what_is_by_path_is_told_from_what_is_not(tmp_path: Path, line: str, is_seen: bool) -> None:
    (tmp_path / "module.py").write_text(f"def step(init):\n    {line}\n")

    assert bool(list(calls_by_path(tmp_path / "module.py"))) == is_seen


def test_no_path_is_joined_with_the_root_filesystems() -> None:
    joined = [
        f"{path.relative_to(TOP)}:{node.lineno}"
        for path in (TOP / "pyoci").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) and joins_the_root(node)
    ]

    assert joined == []


def joins_the_root(node: ast.JoinedStr | ast.BinOp | ast.Call) -> bool:
    """Whether *node* makes a path of the one of a root filesystem."""
    if is_a_message(node) or (isinstance(node, ast.Call) and not ast.unparse(node.func).endswith(".join")):
        return False
    return any(isinstance(part, ast.Attribute) and part.attr == "rootfs" for part in ast.walk(node))


def is_a_message(node: ast.AST) -> bool:
    """Whether the text that *node* makes has words in it."""
    return isinstance(node, ast.JoinedStr) and any(
        isinstance(part, ast.Constant) and " " in str(part.value) for part in node.values
    )
