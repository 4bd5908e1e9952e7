"""No cgroup at all: the container stays in the caller's (``--cgroup-manager disabled``, crun's)."""

from __future__ import annotations

from pyoci.cgroups.cgroup import Cgroup
from pyoci.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.cgroups.directory import Undo


class Disabled(Cgroup):
    """A cgroup that is none: there is nothing to make, to limit or to remove."""

    def __init__(self) -> None:
        super().__init__([])

    def state(self) -> dict[str, object]:
        """What to keep as JSON."""
        return {"disabled": True}

    def planned(self) -> dict[str, object]:
        """As ``state``."""
        return self.state()

    def version(self, controller: str) -> int:  # noqa: ARG002 (the interface)
        """As if on v2, so that limits reach ``write``; device rules do not, crun leaves them out as well."""
        return 2

    def write(self, settings: Iterable[tuple[str, str]], undo: Undo | None = None) -> None:  # noqa: ARG002
        """Refuse every limit: it would not hold."""
        for name, value in settings:
            raise Unsupported(f"cannot set limits without cgroups: {name} = {value}", hint="cgroups are disabled")
