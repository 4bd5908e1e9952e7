"""A hook: a shell script whose output the test can read."""

from __future__ import annotations

from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class HookScript:
    """An executable script at *path*; what it prints is appended to a record."""

    def __init__(self, path: Path, body: str, root: Path = Path("/")) -> None:
        self.path = path
        self.record = path.with_suffix(".record")
        self._root = root
        self.record.touch(mode=0o666)
        path.write_text(f"#!/bin/sh\nexec >>{self._seen(self.record)}\n{body}\n")
        path.chmod(0o755)

    def _seen(self, path: Path) -> str:
        """*path* as the script sees it."""
        return "/" + str(path.relative_to(self._root))

    def entry(self, *args: str, **properties: Any) -> dict[str, Any]:
        """The hook as an entry of config.json; *args* follow the script's name."""
        path = self._seen(self.path)
        return {"path": path, **({"args": [path, *args]} if args else {}), **properties}

    def text(self) -> str:
        """What the hook has printed by now."""
        return self.record.read_text()
