"""Several containers at once: those whose id a regular expression is found in."""

from __future__ import annotations

from pyoci.container.store import Store
from pyoci.errors import ContainerError, ContainerNotFound, PyociError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def matching(root: str, pattern: str) -> list[str]:
    """The ids in which *pattern* (of the module ``re``) is found, sorted. Raises UsageError."""
    import re

    if not pattern:  # what is left of "$NAME" when there is no such variable
        raise UsageError("an empty regular expression would match every container")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f'invalid regular expression "{pattern}": {error}') from None
    return [container_id for container_id in Store(root).ids() if expression.search(container_id)]


def each(root: str, pattern: str, action: Callable[[str], object]) -> None:
    """Do *action* for every container that matches; one that is gone by then does not count.

    Raises one ContainerError in the end that tells for which it failed and why.
    """
    failed = []
    for container_id in matching(root, pattern):
        try:
            action(container_id)
        except ContainerNotFound:
            continue
        except (PyociError, OSError) as error:
            failed.append(f"{container_id}: {error}")
    if failed:
        raise ContainerError("; ".join(failed))
