"""The conversation between the runtime and the container being born.

One JSON packet at a time over SOCK_SEQPACKET, which keeps packets whole and says when the other side is gone::

    init → runtime                     runtime → init
    {"ask": "cgroup"}                  {}             it was removed before init was in; now it is
    {"ask": "maps"}                    {}             the id maps are written
    {"forked": n}                                     by stage: init, though it may die before it is born
    {"born": true}                     {}             init may begin; the kernel says which process that is
    {"ask": "hooks"}                   {}             limits are set, prestart and createRuntime were run
    {"terminal": true} + descriptor                   the pty's master, when no console socket takes it
    {"ask": "listener", "fd": n}       {}             the seccomp listener was handed over
    {"warning": text}
    {"error": {…}}                                    the end: a step failed
    {"ready": true}                    {}             everything but the program is in place; the container is noted

Until it has the last of these answers a process of a container dies with the runtime: it finds nobody to talk to.

Plain packets are sent by write(2) and read by read(2), so that a seccomp filter already loaded need
allow no more than the program itself will use.
"""

from __future__ import annotations

import _socket
import os

from pyoci import json_text
from pyoci.errors import Ignoring, StepError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.errors import PyociError

    Message = dict[str, object]

_LARGEST = 1 << 18
_LONGEST = 1 << 12  # of the texts in a packet; with the six an error has it stays below the kernel's limit
_FD_SIZE = 4
_UCRED_SIZE = 12
_SCM_CREDENTIALS = 2


def shortened(text: str) -> str:
    """*text* cut to what surely fits into a packet with others: config.json may name things as long as it likes.

    The middle goes: where it happened stands at the begin, and at the end the reason, by which engines choose a status.
    """
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


def described(error: PyociError) -> Message:
    """*error* as a message that another process can raise again."""
    message = shortened(error.message)  # first: a ConfigError then notes its field among the details
    details = {name: shortened(value) if isinstance(value, str) else value for name, value in error.details.items()}
    return {"kind": type(error).__name__, "message": message, "details": details}


class Channel:
    """One end of the conversation; owns its socket."""

    def __init__(self, socket: _socket.socket) -> None:
        self._socket = socket
        self.sender = 0
        """Who sent the last packet received, as the runtime's end sees it."""

    @staticmethod
    def pair() -> tuple[Channel, Channel]:
        """Two connected ends: the runtime's and init's."""
        mine, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        mine.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        return Channel(mine), Channel(theirs)

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, message: Message, fds: Iterable[int] = ()) -> None:
        """Send one packet; *fds* stay the caller's."""
        packet = json_text.dumps(message).encode()
        if fds:
            rights = b"".join(fd.to_bytes(_FD_SIZE, "little") for fd in fds)
            self._socket.sendmsg([packet], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
        else:
            os.write(self.fileno(), packet)

    def answer(self) -> None:
        """Say that a request is met; of one who died meanwhile ``receive`` tells."""
        with Ignoring(BrokenPipeError):
            self.send({})

    def receive(self) -> tuple[Message | None, list[int]]:
        """One packet and its descriptors, which become the caller's; None when the other side is gone."""
        room = _socket.CMSG_SPACE(4 * _FD_SIZE) + _socket.CMSG_SPACE(_UCRED_SIZE)
        try:
            packet, ancillary, _, _ = self._socket.recvmsg(_LARGEST, room, _socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:  # said first of one that went without reading all: then come its last words
            return self.receive()
        fds: list[int] = []
        for _, kind, data in ancillary:
            numbers = [int.from_bytes(data[at : at + _FD_SIZE], "little") for at in range(0, len(data), _FD_SIZE)]
            if kind == _SCM_CREDENTIALS:
                self.sender = numbers[0]
            else:
                fds += numbers
        if not packet:
            return None, fds
        message = json_text.loads(packet)
        assert isinstance(message, dict)
        return message, fds

    def ask(self, what: str, **more: object) -> None:
        """Send a request and wait until the runtime has met it."""
        self.send({"ask": what, **more})
        self.wait(what)

    def wait(self, what: str) -> None:
        """Wait until the runtime has met the request *what*. Raises StepError when it is gone."""
        if not os.read(self.fileno(), _LARGEST):
            raise StepError(f"the runtime went away instead of answering: {what}")
