"""One end of a WebSocket: who holds it, what waits in it, and how it closes.

A `WebSocketPair` is two joined ends. An end is in the hands of an object (accepted for
hibernation), of running code (accepted with `accept()`), or of a wire: the network connection
that a 101 response was sent on. What one end sends, the other receives.

Source: spec websockets §0, §1, §2, §4.2.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from emulator.core.sockets import (
    ACCEPT_AFTER_HIBERNATION,
    ACCEPT_AFTER_RESPONSE,
    ACCEPTED_TWICE,
    DISCONNECTED,
    PEER_TAKEN,
    SEND_AFTER_CLOSE,
    SEND_BEFORE_ACCEPT,
    Close,
    Disconnect,
    Failure,
    ReadyState,
)
from emulator.core.values import error, type_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.hibernation import SocketRegistry

__all__ = ["Emitter", "Holder", "Incoming", "WebSocketEnd", "Wire", "web_socket_pair"]

type Incoming = str | bytes | Close | Disconnect | Failure


class Holder(Enum):
    """In whose hands an end is."""

    NOBODY = "nobody"
    CODE = "code"  # accept()
    OBJECT = "object"  # acceptWebSocket()
    RESPONSE = "response"  # it was put in a Response, or its wire was lost


class Wire(Protocol):
    """A network connection that an end's frames go out on."""

    def send(self, message: str | bytes) -> None: ...
    def send_close(self, close: Close) -> None: ...
    def finish(self) -> None:
        """Both Closes are through: end the connection after what is still to be written."""

    def abort(self) -> None:
        """End the connection without a Close frame."""

    @property
    def unsent_bytes(self) -> int: ...


class Emitter(Protocol):
    """Whose output gate the frames of an end pass."""

    def emit(self, release: Callable[..., None], *args: Any) -> None: ...


class WebSocketEnd:
    """One end. `receive` is called by its peer; `send` and `close` by whoever holds it."""

    __slots__ = (
        "__weakref__",
        "attachment",
        "auto_reply",
        "auto_response_ms",
        "close_received",
        "close_sent",
        "emitter",
        "expandos",
        "holder",
        "inbox",
        "is_failed",
        "is_gone",
        "is_receiver_busy",
        "listener",
        "listeners",
        "peer",
        "registry",
        "tags",
        "was_closed_first",
        "wire",
    )

    peer: WebSocketEnd

    def __init__(self) -> None:
        self.holder = Holder.NOBODY
        self.emitter: Emitter | None = None
        self.registry: SocketRegistry | None = None
        self.wire: Wire | None = None
        self.listener: Callable[[Incoming], None] | None = None
        self.inbox: deque[Incoming] = deque()
        self.tags: tuple[str, ...] = ()
        self.attachment: bytes | None = None
        self.auto_response_ms: int | None = None
        self.auto_reply = False
        self.close_sent = False
        self.close_received = False
        self.is_gone = False  # the connection ended without a Close
        self.is_failed = False  # the peer broke the protocol
        self.was_closed_first = False  # own close() came before the peer's
        self.is_receiver_busy = False
        self.expandos: dict[str, Any] = {}  # properties that user code put on the socket
        self.listeners: dict[str, list[Any]] = {}

    # --- whose it is -----------------------------------------------------------------------

    def accept(self, emitter: Emitter, listener: Callable[[Incoming], None]) -> None:
        """`accept()`: events go to `listener`, beginning with what waited.

        Raises:
            JsException: TypeError, if the end is an object's or a response's.
        """
        match self.holder:
            case Holder.CODE:
                return
            case Holder.OBJECT:
                raise type_error(ACCEPT_AFTER_HIBERNATION)
            case Holder.RESPONSE:
                raise type_error(ACCEPT_AFTER_RESPONSE)
            case Holder.NOBODY:
                self.holder = Holder.CODE
                self.emitter = emitter
                self.listener = listener
            case _:
                assert_never(self.holder)

    def accept_for(self, registry: SocketRegistry) -> None:
        """`acceptWebSocket()`: from now on the object's registry holds the end.

        Raises:
            JsException: Error, if either end is taken.
        """
        if self.peer.holder is not Holder.NOBODY or self.holder is Holder.RESPONSE:
            raise error(PEER_TAKEN)
        if self.holder is not Holder.NOBODY:
            raise error(ACCEPTED_TWICE)
        self.holder = Holder.OBJECT
        self.registry = registry

    def couple(self, wire: Wire) -> None:
        """The end is in a 101 response: what it receives goes out on `wire`."""
        self.holder = Holder.RESPONSE
        self.wire = wire
        while self.inbox:
            self._to_wire(wire, self.inbox.popleft())

    # --- sending ---------------------------------------------------------------------------

    def send(self, message: str | bytes) -> None:
        """Send a message through the holder's output gate.

        Raises:
            JsException: TypeError, before an accept or after the own close().
        """
        if self.close_sent:
            raise type_error(SEND_AFTER_CLOSE)
        if self.holder is Holder.NOBODY or self.holder is Holder.RESPONSE:
            raise type_error(SEND_BEFORE_ACCEPT)
        if not (self.is_gone or self.is_failed):
            self._emit(message)

    def close(self, close: Close) -> None:
        """Send a Close. A second one, and one to a dead connection, do nothing.

        Raises:
            JsException: TypeError, before an accept.
        """
        if self.holder is Holder.NOBODY or self.holder is Holder.RESPONSE:
            raise type_error(SEND_BEFORE_ACCEPT)
        if self.close_sent:
            return
        if self.is_gone or self.is_failed:
            self.close_sent = True
            return
        self.close_sent = True
        self.was_closed_first = not self.close_received
        self._emit(close)

    def _emit(self, item: Incoming) -> None:
        if self.registry is not None:
            self.registry.emit(self._transfer, item)
        else:
            assert self.emitter is not None, "an accepted end has an emitter"
            self.emitter.emit(self._transfer, item)

    def _transfer(self, item: Incoming) -> None:
        self.peer.receive(item)
        if isinstance(item, Close) and self.close_received:
            self._finish()

    def _finish(self) -> None:
        wire = self.peer.wire
        if wire is not None:
            wire.finish()

    # --- receiving -------------------------------------------------------------------------

    def from_wire(self, item: Incoming) -> None:
        """The wire of this end brought something: it is for the peer."""
        if isinstance(item, Disconnect):
            self.wire = None
        self.peer.receive(item)

    def receive(self, item: Incoming) -> None:
        """Take what the peer sent."""
        if self.wire is not None:
            self._to_wire(self.wire, item)
            return
        if self.close_received or self.is_gone or self.is_failed:
            return  # whatever follows a Close is ignored
        self.inbox.append(item)
        if not isinstance(item, str | bytes):
            self._note_end(item)
        self.pump()

    def _note_end(self, item: Close | Disconnect | Failure) -> None:
        match item:
            case Close():
                self.close_received = True
                if self.close_sent:
                    self._finish()
            case Disconnect():
                self.is_gone = True
            case Failure():
                self.is_failed = True
            case _:
                assert_never(item)

    def _to_wire(self, wire: Wire, item: Incoming) -> None:
        if isinstance(item, str | bytes):
            wire.send(item)
        elif isinstance(item, Close):
            wire.send_close(item)
        else:
            wire.abort()

    def pump(self) -> None:
        """Hand out what waits, one event at a time."""
        if self.registry is not None:
            self.registry.pump(self)
        elif self.listener is not None:
            while self.inbox:
                self.listener(self.inbox.popleft())

    def drop(self) -> None:
        """The object broke: the connection ends without a Close and without an event."""
        self.is_gone = True
        self.registry = None
        self.holder = Holder.RESPONSE
        self.inbox.clear()
        self.peer.receive(Disconnect())

    # --- what it shows ---------------------------------------------------------------------

    @property
    def ready_state(self) -> ReadyState:
        """As a hibernatable end shows it (spec §1.8)."""
        if self.close_sent and (self.close_received or (self.was_closed_first and self.is_gone)):
            return ReadyState.CLOSED
        if self.close_sent or self.close_received or self.is_gone or self.is_failed:
            return ReadyState.CLOSING
        return ReadyState.OPEN

    @property
    def unsent_bytes(self) -> int:
        wire = self.peer.wire
        return wire.unsent_bytes if wire is not None else 0


def web_socket_pair() -> tuple[WebSocketEnd, WebSocketEnd]:
    """Two joined ends."""
    one, other = WebSocketEnd(), WebSocketEnd()
    one.peer, other.peer = other, one
    return one, other


def close_event(item: Close | Disconnect) -> tuple[int, str, bool]:
    """The arguments of webSocketClose: code, reason, wasClean."""
    if isinstance(item, Disconnect):
        return 1006, DISCONNECTED, False
    return (1005 if item.code is None else item.code), item.reason, True
