"""Every exception of pyoci.

::

    PyociError                 one line for the user, and what is known besides: step, field, call, file, errno, hint
    ├── UsageError             the command line cannot be understood
    ├── BundleError            no bundle, no config.json, or it cannot be read
    ├── ConfigError            config.json asks for something wrong; knows where
    ├── ContainerError         about one container
    │   ├── ContainerExists
    │   ├── ContainerNotFound
    │   ├── InvalidId
    │   └── WrongStatus        the container is not in a state that allows the operation
    ├── StepError              a step of a container's birth failed
    ├── HookError              a hook failed, timed out or could not be run
    ├── SystemdError           systemd refused, or does not answer
    └── Unsupported            this kernel or host cannot do what is asked

The text of an error keeps runc's wording where callers match on it; what we know better follows after it.
"""

from __future__ import annotations


class PyociError(Exception):
    """One line for the user, and what is known besides.

    Keyword arguments become attributes and fields of the JSON log: ``step`` (a name such as
    ``linux.sysctl.write``), ``field`` (a path in config.json), ``call`` (a system call), ``file`` (the path
    it touched), ``errno`` (a number) and ``hint`` (what to do about it).
    """

    def __init__(self, message: str, /, **details: str | int | None) -> None:
        super().__init__(message)
        self.details: dict[str, str | int] = {name: value for name, value in details.items() if value is not None}

    @property
    def message(self) -> str:
        """The text without the hint."""
        return str(self.args[0])

    def __str__(self) -> str:
        """The text, with the hint behind it."""
        hint = self.details.get("hint")
        return f"{self.message} ({hint})" if hint else self.message


class UsageError(PyociError):
    """The command line cannot be understood."""


class BundleError(PyociError):
    """There is no bundle, no config.json in it, or it cannot be read."""


class ConfigError(PyociError):
    """config.json asks for something wrong at *field*; the path grows as the error rises through the reader."""

    def __init__(self, reason: str, field: str = "", **details: str | int | None) -> None:
        super().__init__(reason, **details)
        self.reason = reason
        self.field = field

    def within(self, outer: str) -> ConfigError:
        """The same mistake, seen from one level further out."""
        separator = "" if not self.field or self.field.startswith("[") else "."
        self.field = f"{outer}{separator}{self.field}"
        return self

    @property
    def message(self) -> str:
        """The place, then what is wrong there."""
        if self.field:
            self.details["field"] = self.field
        return f"{self.field}: {self.reason}" if self.field else self.reason


class ContainerError(PyociError):
    """Something about one container."""


class ContainerExists(ContainerError):
    """The id is taken."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f'container with given ID already exists: "{container_id}"')


class ContainerNotFound(ContainerError):
    """There is no container of that id below the root directory."""

    def __init__(self, container_id: str, root: str = "") -> None:
        place = f" below {root}" if root else ""
        super().__init__(f'container does not exist: "{container_id}"{place}')


class InvalidId(ContainerError):
    """The id has characters no id may have."""

    def __init__(self, container_id: str) -> None:
        super().__init__(
            f'invalid container ID format: "{container_id}": only letters, digits and _ + - . are allowed, at most 255'
        )


class WrongStatus(ContainerError):
    """The container is not in a state that allows the operation; the text is the operation's own."""


class StepError(PyociError):
    """A step of a container's birth failed."""


class HookError(PyociError):
    """A hook failed, timed out or could not be run."""


class SystemdError(PyociError):
    """systemd refused, or does not answer; *name* is the error's on D-Bus."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class Unsupported(PyociError):
    """This kernel or host cannot do what is asked."""


class Ignoring:
    """A context in which the named exceptions count as success; contextlib.suppress without its import."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        """End, and swallow what was named."""
        return kind is not None and issubclass(kind, self._kinds)
