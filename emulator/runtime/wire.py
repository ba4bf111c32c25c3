"""The network connection behind an end of a WebSocket, as the runtime sees it."""

from __future__ import annotations

from typing import Protocol

from emulator.core.sockets import Close, Disconnect, Failure

__all__ = ["Incoming", "Wire"]

type Incoming = str | bytes | Close | Disconnect | Failure
"""What an end receives: messages, then at most one end."""


class Wire(Protocol):
    """What an end's frames go out on. What comes in goes to `WebSocketEnd.from_wire`."""

    def send(self, message: str | bytes) -> None: ...
    def send_close(self, close: Close) -> None: ...
    def finish(self) -> None:
        """Both Closes are through: end the connection after what is still to be written."""

    def abort(self) -> None:
        """End the connection without a Close frame."""

    def pause_reading(self) -> None:
        """Let the peer wait: nobody takes what it sends."""

    def resume_reading(self) -> None: ...

    @property
    def unsent_bytes(self) -> int:
        """Payload bytes of the messages that are not wholly written."""
