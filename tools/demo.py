"""Run a container, as `make run` does: a shell on a terminal, otherwise a look around.

The root filesystem is busybox alone. Root gets a container with all namespaces and a cgroup of its own, everybody else
one in a user namespace. Everything made here is removed again.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BUSYBOX = Path("/bin/busybox")
_CLONE_NEWUSER = 0x10000000
_LOOK_AROUND = """
for command in hostname id ps mount; do
    echo; echo "container# $command"; $command
done
"""


def say(text: str) -> None:
    """Tell what is being done, apart from what the container prints."""
    print(f"==> {text}", flush=True)


def make_rootfs(path: Path) -> None:
    """A root filesystem of one static program under its many names."""
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
        (path / name).mkdir(parents=True)
    (path / "bin/busybox").write_bytes(_BUSYBOX.read_bytes())
    (path / "bin/busybox").chmod(0o755)
    applets = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in set(applets) - {"busybox"}:
        (path / "bin" / name).symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\n")


def what_is_missing() -> str:
    """Why this user cannot run containers here, or nothing."""
    if not _BUSYBOX.exists():
        return "there is no /bin/busybox: apt-get install busybox-static"
    if os.geteuid() == 0:
        return ""
    if (child := os.fork()) == 0:
        os._exit(ctypes.CDLL(None).unshare(_CLONE_NEWUSER) and 1)
    if os.waitpid(child, 0)[1] == 0:
        return ""
    return (
        "this user may make no user namespace (look at /proc/sys/user/max_user_namespaces, "
        "/proc/sys/kernel/unprivileged_userns_clone and /proc/sys/kernel/apparmor_restrict_unprivileged_userns): "
        "run it as root"
    )


def configure(bundle: Path, interactive: bool) -> None:
    """Change what `pyoci spec` wrote to what is shown here."""
    path = bundle / "config.json"
    config: dict[str, Any] = json.loads(path.read_text())
    config["hostname"] = "pyoci"
    config["process"]["terminal"] = interactive
    config["process"]["args"] = ["sh", "-l"] if interactive else ["sh", "-c", _LOOK_AROUND]
    path.write_text(json.dumps(config, indent=2))


def main(pyoci: str) -> int:
    """Make the bundle, run it, tell what was done; the container's exit status."""
    if reason := what_is_missing():
        print(f"make run: {reason}", file=sys.stderr)
        return 1
    interactive = os.isatty(0) and os.isatty(1)
    rootless = ["--rootless"] if os.geteuid() != 0 else []
    with tempfile.TemporaryDirectory(prefix="pyoci-run-") as directory:
        bundle = Path(directory)
        say(f"making a root filesystem from {_BUSYBOX} in {bundle}/rootfs")
        make_rootfs(bundle / "rootfs")
        say(f"{pyoci} {' '.join(['spec', *rootless, '--bundle', directory])}")
        subprocess.run([pyoci, "spec", *rootless, "--bundle", directory], check=True)
        configure(bundle, interactive)
        command = [pyoci, "--root", f"{directory}/state", "run", "--bundle", directory, f"demo-{os.getpid()}"]
        say(" ".join(command))
        if interactive:
            say("a shell in the container; leave it with exit or Ctrl-D")
        status = subprocess.run(command, check=False).returncode
    say(f"the container's program ended with {status}; the container and {directory} are removed")
    return 0 if interactive else status  # a shell ends with what was typed last


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
