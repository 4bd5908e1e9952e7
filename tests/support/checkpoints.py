"""Images of a container: taken by ``checkpoint``, and brought back to life by ``restore``."""

from __future__ import annotations

from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.support.container import Container
    from tests.support.runtime import Result

_SECONDS = 120  # criu asks the kernel a lot, which takes long on an emulated machine
_SHOWN = 4000


class Images:
    """A directory of images."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, container: Container, *options: str | Path, **kwargs: Any) -> Result:
        """``checkpoint`` *container*."""
        words = ("checkpoint", "--image-path", self.path, *options, container.id)
        return self._shown(container.runtime(*words, **{"timeout": _SECONDS, **kwargs}), "dump.log")

    def restore(self, container: Container, *options: str | Path, **kwargs: Any) -> Result:
        """``restore`` as *container*, with its bundle."""
        words = ("restore", "--image-path", self.path, "--bundle", container.bundle.write(), *options, container.id)
        return self._shown(container.runtime(*words, **{"timeout": _SECONDS, **kwargs}), "restore.log")

    def log(self, name: str) -> str:
        """What criu has written into its log *name*."""
        file = self.path / name
        return file.read_text(errors="replace") if file.exists() else ""

    def _shown(self, result: Result, log: str) -> Result:
        if result.status:
            print(self.log(log)[-_SHOWN:])
        return result
