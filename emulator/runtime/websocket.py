"""One end of a WebSocket: who holds it, what waits in it, and how it closes.

A `WebSocketPair` is two joined ends. An end is in the hands of an object (accepted for
hibernation), of running code (accepted with `accept()`), or of a wire: the network connection
that a 101 response was sent on. What one end sends, the other receives.

Source: spec websockets §0, §1, §2, §4.2.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, assert_never

from emulator.core.sockets import (
    ACCEPT_AFTER_HIBERNATION,
    ACCEPT_AFTER_RESPONSE,
    ACCEPTED_TWICE,
    PEER_TAKEN,
    RETURNED_ACCEPTED,
    RETURNED_HIBERNATABLE,
    RETURNED_OUTGOING,
    RETURNED_TWICE,
    SEND_AFTER_CLOSE,
    SEND_BEFORE_ACCEPT,
    WAITING_MESSAGES_MAX,
    Close,
    Disconnect,
    Failure,
    ReadyState,
    payload_bytes,
    ready_state,
    standard_ready_state,
)
from emulator.core.values import JsException, error, type_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.hibernation import SocketRegistry
    from emulator.runtime.instance import Instance
    from emulator.runtime.wire import Incoming, Wire

__all__ = ["Holder", "WebSocketEnd", "web_socket_pair"]


class Holder(Enum):
    """In whose hands an end is."""

    NOBODY = "nobody"
    CODE = "code"  # accept(), or new WebSocket()
    OBJECT = "object"  # acceptWebSocket()
    RESPONSE = "response"  # it was put in a Response, or its wire was lost


_TAKEN: Final = {
    Holder.CODE: RETURNED_ACCEPTED,
    Holder.OBJECT: RETURNED_HIBERNATABLE,
    Holder.RESPONSE: RETURNED_TWICE,
}


class WebSocketEnd:
    """One end. `receive` is called by its peer; `send` and `close` by whoever holds it."""

    __slots__ = (
        "__weakref__",
        "attachment",
        "auto_response_ms",
        "can_send",
        "close_received",
        "close_sent",
        "events",
        "expandos",
        "holder",
        "inbox",
        "is_failed",
        "is_gone",
        "is_over",
        "is_reading_paused",
        "is_receiver_busy",
        "is_told",
        "is_underway",
        "keeper",
        "listener",
        "opening",
        "peer",
        "registry",
        "tags",
        "was_closed_first",
        "wire",
    )

    peer: WebSocketEnd

    def __init__(self) -> None:
        self.holder = Holder.NOBODY
        self.keeper: Instance | None = None  # of an accepted end: whose code accepted it
        self.registry: SocketRegistry | None = None
        self.wire: Wire | None = None
        self.listener: Callable[[Incoming], None] | None = None
        self.inbox: deque[Incoming] | None = None  # made when something has to wait
        self.tags: tuple[str, ...] = ()
        self.attachment: bytes | None = None
        self.auto_response_ms: int | None = None
        self.can_send = False  # accepted, not closed by us, and the peer is still there
        self.close_sent = False
        self.close_received = False
        self.is_gone = False  # the connection ended without a Close
        self.is_failed = False  # the peer broke the protocol
        self.is_over = False  # one of the three: nothing more comes
        self.is_told = False  # ... and the last event of an accepted end has been handled
        self.is_underway = False  # in a Response that left the object
        self.was_closed_first = False  # own close() came before the peer's
        self.is_receiver_busy = False
        self.is_reading_paused = False  # of the wire on the other side
        self.expandos: dict[str, Any] | None = None  # properties that user code put on the socket
        self.events: Any = None  # the EventTarget behind the socket, once it has listeners
        self.opening: Any = None  # of `new WebSocket()`: how far the connection is

    # --- whose it is -----------------------------------------------------------------------

    def accept(self, keeper: Instance | None, listener: Callable[[Incoming], None]) -> None:
        """`accept()`: events go to `listener`, beginning with what waited.

        Args:
            keeper: the instance whose code accepts, which the socket keeps awake.

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
                self.can_send = not (self.is_gone or self.is_failed)
                self.listener = listener
                self.keeper = keeper
                if keeper is not None:
                    keeper.keep_socket(self)
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
        self.can_send = not (self.is_gone or self.is_failed)
        self.registry = registry

    def refusal(self) -> JsException | None:
        """Why the end cannot be sent in a Response; None if it can (spec §1.4)."""
        text = _TAKEN.get(self.holder) if self.opening is None else RETURNED_OUTGOING
        return None if text is None else type_error(text)

    def couple(self, wire: Wire) -> None:
        """The end is in a 101 response: what it receives goes out on `wire`."""
        self.holder = Holder.RESPONSE
        self.wire = wire
        waiting, self.inbox = self.inbox, None
        for item in waiting or ():
            self._to_wire(wire, item)

    def join(self, fetched: WebSocketEnd, keeper: Instance | None) -> None:
        """`new WebSocket()` has its connection: become what fetching it has given."""
        self.peer = fetched.peer
        self.peer.peer = self
        self.holder = Holder.CODE
        self.can_send = True
        self.keeper = keeper
        for item in fetched.inbox or ():
            self.receive(item)

    # --- sending ---------------------------------------------------------------------------

    def send(self, message: str | bytes) -> None:
        """Send a message through the holder's output gate.

        Raises:
            JsException: TypeError, before an accept or after the own close(), unless the
                connection had died before that.
        """
        if self.can_send:
            registry = self.registry
            instance = self.keeper if registry is None else registry.container.instance
            if instance is None:
                self.transfer(message)
            else:
                instance.emit_frame(self, message)
        elif self.close_sent and (self.was_closed_first or self.close_received):
            raise type_error(SEND_AFTER_CLOSE)
        elif self.holder is Holder.NOBODY or self.holder is Holder.RESPONSE:
            raise type_error(SEND_BEFORE_ACCEPT)

    def close(self, close: Close) -> None:
        """Send a Close. A second one, and one to a dead connection, do nothing.

        Raises:
            JsException: TypeError, before an accept.
        """
        if self.holder is Holder.NOBODY or self.holder is Holder.RESPONSE:
            raise type_error(SEND_BEFORE_ACCEPT)
        if self.close_sent:
            return
        self.close_sent = True
        self.can_send = False
        if self.is_gone or self.is_failed:
            return
        self.was_closed_first = not self.close_received
        instance = self._instance
        if instance is None:
            self.transfer(close)
        else:
            instance.emit_frame(self, close)

    @property
    def _instance(self) -> Instance | None:
        return self.keeper if self.registry is None else self.registry.container.instance

    def transfer(self, item: str | bytes | Close) -> None:
        """Bring what was sent to the other end: the output gate has let it out."""
        peer = self.peer
        wire = peer.wire
        if isinstance(item, Close):
            peer.receive(item)
            if self.close_received:
                self._finish()
        elif wire is not None:
            wire.send(item)
        else:
            peer.receive(item)

    def _finish(self) -> None:
        wire = self.peer.wire
        if wire is not None:
            wire.finish()
        self._let_keeper_go()

    # --- receiving -------------------------------------------------------------------------

    def from_wire(self, item: Incoming) -> None:
        """The wire of this end brought something: it is for the peer."""
        if isinstance(item, Disconnect):
            self.wire = None
        self.peer.receive(item)

    def receive(self, item: Incoming) -> None:
        """Take what the peer sent."""
        registry = self.registry
        if (
            registry is not None
            and not (self.is_receiver_busy or self.inbox or self.is_over)
            and (type(item) is str or type(item) is bytes)
        ):
            registry.take_message(self, item)
        elif self.wire is not None:
            self._to_wire(self.wire, item)
        elif not self.is_over:  # whatever follows a Close is ignored
            self._keep(item)

    def _keep(self, item: Incoming) -> None:
        """Note an end, and put `item` behind what waits."""
        if not isinstance(item, (str, bytes)):
            self._note_end(item)
        if self.inbox is None:
            self.inbox = deque()
        self.inbox.append(item)
        if len(self.inbox) >= WAITING_MESSAGES_MAX:
            self._pause_reading()
        self.pump()

    def _note_end(self, item: Close | Disconnect | Failure) -> None:
        self.is_over = True
        if isinstance(item, Close):
            self.close_received = True
            if self.close_sent:
                self._finish()
        else:
            self.is_gone = isinstance(item, Disconnect)
            self.is_failed = not self.is_gone
            self.can_send = False

    def _to_wire(self, wire: Wire, item: Incoming) -> None:
        if isinstance(item, (str, bytes)):
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
            self.resume_reading()

    def _pause_reading(self) -> None:
        wire = self.peer.wire
        if wire is not None and not self.is_reading_paused:
            self.is_reading_paused = True
            wire.pause_reading()

    def resume_reading(self) -> None:
        """What waited has been taken: the other side may go on."""
        if self.is_reading_paused:
            self.is_reading_paused = False
            if self.peer.wire is not None:
                self.peer.wire.resume_reading()

    # --- ends ------------------------------------------------------------------------------

    def told(self) -> None:
        """The last event of an accepted end has been handled: it keeps nobody awake any more."""
        self.is_told = True
        if not self.close_received or self.close_sent:
            self._let_keeper_go()

    def drop(self) -> None:
        """The connection ends without a Close and, on this side, without an event."""
        self.is_gone = self.is_over = self.is_told = True
        self.can_send = False
        self.registry = None
        self.inbox = None
        self._let_keeper_go()
        self.peer.receive(Disconnect())

    def _let_keeper_go(self) -> None:
        keeper, self.keeper = self.keeper, None
        if keeper is not None:
            keeper.forget_socket(self)

    def note_unsent(self, *, is_unsent: bool) -> None:
        """The wire of this end has something unsent, or has sent it all."""
        registry = self.peer.registry
        if registry is not None:
            registry.note_unsent(self.peer, is_unsent=is_unsent)

    # --- what it shows ---------------------------------------------------------------------

    @property
    def is_plainly_open(self) -> bool:
        return not (self.close_sent or self.is_over) and self.opening is None

    @property
    def ready_state(self) -> ReadyState:
        if not (self.close_sent or self.is_over):
            return ReadyState.OPEN if self.opening is None else self.opening.ready_state
        if self.holder is Holder.CODE:
            return standard_ready_state(
                close_sent=self.close_sent,
                close_received=self.close_received,
                is_gone=self.is_gone,
                is_failed=self.is_failed,
                is_told=self.is_told,
            )
        return ready_state(
            close_sent=self.close_sent,
            close_received=self.close_received,
            was_closed_first=self.was_closed_first,
            is_gone=self.is_gone,
            is_failed=self.is_failed,
        )

    @property
    def unsent_bytes(self) -> int:
        """Payload bytes that were sent and are not wholly written yet."""
        instance = self._instance
        frames: list[Incoming] = []
        if instance is not None:
            frames += [frame for sender, frame in instance.frames if sender is self]
            frames += [args[0] for release, args in instance.outbox if release == self.transfer]
        wire = self.peer.wire
        return sum(map(payload_bytes, frames)) + (wire.unsent_bytes if wire is not None else 0)


def web_socket_pair() -> tuple[WebSocketEnd, WebSocketEnd]:
    """Two joined ends."""
    one, other = WebSocketEnd(), WebSocketEnd()
    one.peer, other.peer = other, one
    return one, other
