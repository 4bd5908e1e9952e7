"""A user without any privilege, who owns a bundle and calls the runtime."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tests.support.container import Container
    from tests.support.runtime import Result

UID = 1234
FIRST_SUBORDINATE_ID = 500_000


class User:
    """He calls the runtime about one container, whose bundle is his."""

    def __init__(self, container: Container, home: Path, uid: int = UID) -> None:
        self.container = container
        self.home = home
        self.uid = uid
        self.environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home)}
        self.before: list[str] = []
        """A command of root's that goes on as the user."""
        self.inside: list[str] = []
        """A command of the user's that goes on as the runtime."""
        home.chmod(0o777)
        container.bundle.rootless(uid, uid)

    def become(self) -> list[str]:
        """The words in front of a command of his."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        ids = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return [*self.before, "setpriv", *ids, "env", "-i", *variables, *self.inside]

    def __call__(self, *args: str | Path, options: Sequence[str] = (), **kwargs: Any) -> Result:
        """Run a command of the runtime."""
        return self.container.runtime(*args, options=options, prefix=self.become(), **kwargs)

    def run(self, *flags: str, options: Sequence[str] = (), **kwargs: Any) -> Result:
        """Run the container of the bundle as it is now."""
        path = self.container.bundle.path
        (path / "config.json").unlink(missing_ok=True)
        self.container.bundle.write()
        for file in (path, *path.rglob("*")):
            os.lchown(file, self.uid, self.uid)
        return self("run", "--bundle", path, *flags, self.container.id, options=options, **kwargs)

    def up(self, options: Sequence[str] = ()) -> User:
        """Have it sleep."""
        self.container.bundle.args("sleep", "1000")
        self.run("--detach", options=options).ok()
        return self

    def output(self, script: str) -> str:
        """What the shell *script* prints in it."""
        self.container.bundle.script(script)
        return self.run().ok().output

    def start_in(self, cgroup: Path) -> None:
        """Begin every command in *cgroup*, which is delegated to the user (v2)."""
        cgroup.mkdir()
        for file in (cgroup, *(cgroup / f"cgroup.{name}" for name in ("procs", "threads", "subtree_control"))):
            os.chown(file, self.uid, self.uid)
        self._begin(f"echo $$ > {shlex.quote(str(cgroup))}/cgroup.procs")

    def give_ids(self) -> None:
        """Name the user in /etc, with subordinate ids, in a mount namespace of his commands."""
        lines = {
            "passwd": f"ruth:x:{self.uid}:{self.uid}::{self.home}:/bin/sh\n",
            "subuid": f"ruth:{FIRST_SUBORDINATE_ID}:65536\n",
            "subgid": f"ruth:{FIRST_SUBORDINATE_ID}:65536\n",
        }
        for name, line in lines.items():
            (self.home / name).write_text(line)
            self._begin(f"mount --bind {shlex.quote(str(self.home / name))} /etc/{name}")
        self.before = ["unshare", "--mount", *self.before]

    def _begin(self, command: str) -> None:
        self.before = ["sh", "-ec", f'{command}; exec "$@"', "sh", *self.before]
