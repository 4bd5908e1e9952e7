"""Calls to containerd's services over its socket; the messages come from our own short .proto files."""

from __future__ import annotations

import functools
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SECONDS = 30


class Client:
    """One *service* of the .proto file: ``client("StartContainer", container_id=…)``."""

    def __init__(self, proto: str, service: str, socket: Path, metadata: Sequence[tuple[str, str]] = ()) -> None:
        import grpc

        self.messages, services = _compiled(proto)
        self._channel = grpc.insecure_channel(f"unix://{socket}")
        self._stub = getattr(services, f"{service}Stub")(self._channel)
        self._metadata = metadata

    def __call__(self, method: str, request: str = "", **fields: Any) -> Any:
        """Call *method* with the fields of its request. Raises grpc.RpcError when it fails."""
        message = getattr(self.messages, request or f"{method}Request")(**fields)
        return getattr(self._stub, method)(message, metadata=self._metadata, timeout=_SECONDS)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


@functools.cache
def _compiled(proto: str) -> tuple[Any, Any]:
    """The modules of messages and of services, made by grpcio-tools from a file below the top of this tree."""
    import grpc

    messages, services = grpc.protos_and_services(proto)
    return messages, services
