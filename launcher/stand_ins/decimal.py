"""What fractions needs of decimal, which is a library in C: a type to ask for. JSON is read without it."""

from __future__ import annotations


class Decimal:
    """A number that nobody has."""
