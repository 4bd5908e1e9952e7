"""hooks: programs run at points of the lifecycle (config.md#posix-platform-hooks, runtime.md#lifecycle)."""

from __future__ import annotations

import errno
import os
import select
import time

from pyoci import json_text
from pyoci.errors import ConfigError, HookError, Ignoring
from pyoci.record import Record, int64
from pyoci.syscalls import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.container.init import Init

_OUTPUT_KEPT = 4096
_LONGEST_POLL = 3600.0  # seconds: poll(2) takes no more than 2³¹ milliseconds
_SIGKILL = 9
_DEFAULTED = range(1, 32)
_OUTSIDE = frozenset(("poststart", "poststop"))


class Hook(Record):
    """One program: *args* includes argv[0], *env* is its whole environment, *timeout* is in seconds."""

    path: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    timeout: int64 | None = None

    def check(self) -> None:
        """A path is absolute, a timeout above zero."""
        if not self.path.startswith("/"):
            raise ConfigError(f'"{self.path}" is not an absolute path', "path")
        if self.timeout is not None and self.timeout <= 0:
            raise ConfigError(f"{self.timeout} is not greater than zero", "timeout")


class Hooks(Record):
    """The hooks of each kind, in the order they run."""

    prestart: tuple[Hook, ...] = ()
    create_runtime: tuple[Hook, ...] = ()
    create_container: tuple[Hook, ...] = ()
    start_container: tuple[Hook, ...] = ()
    poststart: tuple[Hook, ...] = ()
    poststop: tuple[Hook, ...] = ()


KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def wait_for_runtime(init: Init) -> None:
    """Let the runtime run the prestart and createRuntime hooks, in its own namespaces; limits are set by then."""
    if init.config.hooks.prestart or init.config.hooks.create_runtime or init.config.hooks.create_container:
        init.channel.ask("hooks")


def create_container(init: Init) -> None:
    """Run the createContainer hooks: paths of the host, namespaces of the container."""
    run("createContainer", init.config.hooks.create_container, {**init.hook_state, "status": "creating"})


def start_container(init: Init) -> None:
    """Run the startContainer hooks: paths and namespaces of the container."""
    run("startContainer", init.config.hooks.start_container, {**init.hook_state, "status": "created"})


def run(kind: str, hooks: tuple[Hook, ...], state: dict[str, object]) -> None:
    """Run *hooks* in order, each with *state* on its standard input. Raises HookError at the first that fails."""
    document = json_text.dumps(state).encode()
    if kind in _OUTSIDE:  # those of create have nothing to inherit, or what the program shall have too
        process.close_range(3, flags=process.CLOSE_RANGE_CLOEXEC)
    for place, hook in enumerate(hooks):
        started = time.monotonic()
        try:
            status, output = _run(hook, document)
        except OSError as error:
            reason = f"fork/exec {hook.path}: {str(error.strerror).lower()}"
            raise _error(kind, place, hook, reason, error.errno) from error
        except ValueError as error:  # Python starts nothing whose args[0] is empty
            raise _error(kind, place, hook, f"fork/exec {hook.path}: {error}") from error
        if status is None:
            raise _error(kind, place, hook, f"timed out after {hook.timeout} s and was killed{_quoted(output)}")
        if status:
            ending = f"exit status {status}" if status > 0 else f"signal {-status}"
            seconds = time.monotonic() - started
            raise _error(kind, place, hook, f"{ending} after {seconds:.1f} s{_quoted(output)}")


def _error(kind: str, place: int, hook: Hook, reason: str, number: int | None = None) -> HookError:
    return HookError(f"error running {kind} hook #{place}: {reason}", field=f"hooks.{kind}[{place}]", file=hook.path,
                     errno=number)


def _quoted(output: bytes) -> str:
    text = output.decode(errors="replace").strip()
    return f", output: {text}" if text else ""


def _run(hook: Hook, document: bytes) -> tuple[int | None, bytes]:
    """The exit status, negative for a signal, None when time ran out; and the end of what was written."""
    stdin, feed = os.pipe2(os.O_CLOEXEC)
    listen, stdout = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(feed, False)
    os.set_blocking(listen, False)
    try:
        pid = _spawn(hook, stdin, stdout)
    except OSError:
        os.close(feed)
        os.close(listen)
        raise
    finally:
        os.close(stdin)
        os.close(stdout)
    try:
        output, in_time = _attend(pid, feed, listen, document, hook.timeout)
    finally:
        os.close(listen)
    if not in_time:
        os.killpg(pid, _SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if in_time else None, output


def _spawn(hook: Hook, stdin: int, stdout: int) -> int:
    """Start *hook* as leader of a process group, with default signals and nothing but its three streams."""
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stdout, 2)]
    environment = dict(entry.partition("=")[::2] for entry in hook.env)
    return os.posix_spawn(hook.path, list(hook.args) or [hook.path], environment, file_actions=actions, setpgroup=0,
                          setsigmask=[], setsigdef=[n for n in _DEFAULTED if n not in (9, 19)])


def _attend(pid: int, feed: int, listen: int, document: bytes, timeout: int | None) -> tuple[bytes, bool]:
    """Feed the hook and listen to it until it ends or *timeout* seconds are over: the last output, and whether in time.

    Its end is told by a pidfd, not by its streams: a daemon it leaves behind may hold those open.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    ended = os.pidfd_open(pid)
    poll = select.poll()
    for fd, event in ((ended, select.POLLIN), (listen, select.POLLIN), (feed, select.POLLOUT)):
        poll.register(fd, event)
    output = b""
    try:
        while True:
            left = None if deadline is None else min(max(0.0, deadline - time.monotonic()), _LONGEST_POLL) * 1000
            ready = {fd for fd, _ in poll.poll(left)}
            if listen in ready:
                output = _hear(poll, listen, output)
            if feed in ready:
                document, feed = _tell(poll, feed, document)
            if ended in ready:
                return _hear(poll, listen, output), True
            if not ready and deadline is not None and time.monotonic() >= deadline:
                return output, False
    finally:
        os.close(ended)
        if feed >= 0:
            os.close(feed)


def _hear(poll: select.poll, listen: int, output: bytes) -> bytes:
    """What was heard so far, its last part."""
    with Ignoring(BlockingIOError):
        while heard := os.read(listen, 65536):
            output = (output + heard)[-_OUTPUT_KEPT:]
        with Ignoring(KeyError):
            poll.unregister(listen)
    return output


def _tell(poll: select.poll, feed: int, document: bytes) -> tuple[bytes, int]:
    """Write more of *document*; what is left, and *feed* or −1 when it is closed. A hook need not read (EPIPE)."""
    try:
        document = document[os.write(feed, document) :]
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        document = b""
    if not document:
        poll.unregister(feed)
        os.close(feed)
        feed = -1
    return document, feed
