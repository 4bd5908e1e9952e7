"""The operations (runtime.md), one in each module."""
