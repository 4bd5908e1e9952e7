"""What jsonschema and referencing need of rpds, whose own is a library in Rust: collections that are never changed.

A changed copy shares nothing with the original here, which costs time where there are thousands of entries.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping
    from typing import Any, Self


class HashTrieMap(dict):  # type: ignore[type-arg]
    """A map."""

    @classmethod
    def convert(cls, value: Mapping[Hashable, Any]) -> Self:
        """*value* as such a map."""
        return value if isinstance(value, cls) else cls(value)

    def insert(self, key: Hashable, value: object) -> Self:
        """A map that has *value* for *key*, too."""
        return type(self)({**self, key: value})

    def remove(self, key: Hashable) -> Self:
        """A map without *key*. Raises KeyError."""
        changed = type(self)(self)
        del changed[key]
        return changed

    def update(self, *others: Any, **named: Any) -> Self:  # type: ignore[override]
        """A map that has what the *others* have, too."""
        changed = type(self)(self)
        for other in (*others, named):
            dict.update(changed, other)
        return changed


class HashTrieSet(frozenset):  # type: ignore[type-arg]
    """A set."""

    def insert(self, value: Hashable) -> Self:
        """A set with *value*, too."""
        return type(self)(self | {value})

    def discard(self, value: Hashable) -> Self:
        """A set without *value*."""
        return type(self)(self - {value})

    def update(self, *others: Iterable[Hashable]) -> Self:
        """A set with all of the *others*, too."""
        return type(self)(self.union(*others))


class List:
    """A list."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._values = tuple(values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def push_front(self, value: object) -> List:
        """A list that begins with *value*."""
        return List((value, *self._values))
