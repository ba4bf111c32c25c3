"""The hibernatable sockets of one object. They outlive its instances.

Per socket there is one reader: take a frame, answer it if it is the auto-response's request,
else dispatch one event, and go on when the handler's synchronous part has run. So handlers of one
socket start in order and may overlap, and a burst on two sockets interleaves.

Source: spec websockets §0, §3, §4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.sockets import (
    NO_TAGS_BEFORE_ACCEPT,
    NO_TAGS_STANDARD,
    SOCKETS_PER_OBJECT_MAX,
    AutoResponse,
    Failure,
    check_tags,
)
from emulator.core.values import error
from emulator.runtime.delivery import Delivery, UserObject
from emulator.runtime.websocket import Holder, Incoming, WebSocketEnd, close_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.actor import ActorContainer

__all__ = ["SocketRegistry"]


class SocketRegistry:
    """What `acceptWebSocket` put in the object's keeping."""

    __slots__ = ("_by_age", "_container", "_unanswered", "auto_response", "event_timeout_ms")

    def __init__(self, container: ActorContainer) -> None:
        self._container = container
        self._by_age: dict[WebSocketEnd, None] = {}
        self._unanswered: dict[WebSocketEnd, None] = {}  # ended by the peer, not by the object
        self.auto_response: AutoResponse | None = None
        self.event_timeout_ms: int | None = None

    def __len__(self) -> int:
        return len(self._by_age)

    def accept(self, end: WebSocketEnd, tags: list[str]) -> None:
        """Take `end` in.

        Raises:
            JsException: bad tags, an end that is taken, or one socket too many.
        """
        checked = check_tags(tags)
        if len(self._by_age) >= SOCKETS_PER_OBJECT_MAX:
            raise error(
                f"only {SOCKETS_PER_OBJECT_MAX} websockets can be accepted on a single "
                "Durable Object instance"
            )
        end.accept_for(self)
        end.tags = checked
        self._by_age[end] = None
        if end.inbox:
            self._container.host.soon(end.pump)

    def sockets(self, tag: str | None = None) -> list[WebSocketEnd]:
        """All sockets, newest first; with a tag, those that bear it, oldest first (sic)."""
        if tag is None:
            return list(reversed(self._by_age))
        return [end for end in self._by_age if tag in end.tags]

    def tags(self, end: WebSocketEnd) -> tuple[str, ...]:
        """The tags of a socket.

        Raises:
            JsException: Error, if it is not in the object's keeping.
        """
        if end.holder is Holder.CODE:
            raise error(NO_TAGS_STANDARD)
        if end.holder is not Holder.OBJECT:
            raise error(NO_TAGS_BEFORE_ACCEPT)
        return end.tags

    def emit(self, release: Callable[..., None], *args: Any) -> None:
        instance = self._container.instance
        if instance is None:
            release(*args)
        else:
            instance.emit(release, *args)

    # --- events ----------------------------------------------------------------------------

    def pump(self, end: WebSocketEnd) -> None:
        """Dispatch what waits on `end`, up to the first event that has to wait itself."""
        while end.inbox and not end.is_receiver_busy:
            item = end.inbox.popleft()
            if type(item) is str and self._answer(end, item):
                continue
            end.is_receiver_busy = True
            self._container.deliver(self._delivery(end, item))

    def _answer(self, end: WebSocketEnd, message: str) -> bool:
        pair = self.auto_response
        if pair is None or message != pair.request:
            return False
        end.auto_response_ms = self._container.host.clock.now_ms()
        if not end.close_sent:
            end.peer.receive(pair.response)
        return True

    def _delivery(self, end: WebSocketEnd, item: Incoming) -> Delivery:
        handler, run = _handler(end, item)

        def start(user: UserObject) -> Any:
            return run(user) if user.has(handler) else None

        def dispatched() -> None:
            if not isinstance(item, str | bytes):
                self._release(end)
            end.is_receiver_busy = False
            self.pump(end)

        return Delivery(
            kind="websocket",
            detail=handler,
            run=start,
            succeed=lambda _: None,
            fail=self._container.report,
            dispatched=dispatched,
        )

    # --- ends of life ----------------------------------------------------------------------

    def _release(self, end: WebSocketEnd) -> None:
        # The socket has had its last event. Without a Close of its own it hangs until the
        # instance goes (spec §2.4).
        self._by_age.pop(end, None)
        if end.close_received and not end.close_sent:
            self._unanswered[end] = None

    def hibernate(self) -> None:
        """The instance goes, the sockets stay; what it never answered ends now."""
        for end in self._by_age:
            end.expandos.clear()
        self._end_unanswered()

    def drop_all(self) -> None:
        """The object broke: every socket ends without a Close frame and without an event."""
        ends, self._by_age = list(self._by_age), {}
        self.auto_response = None
        self.event_timeout_ms = None
        for end in ends:
            end.drop()
        self._end_unanswered()

    def _end_unanswered(self) -> None:
        ends, self._unanswered = list(self._unanswered), {}
        for end in ends:
            if not end.close_sent:
                end.drop()


def _handler(end: WebSocketEnd, item: Incoming) -> tuple[str, Callable[[UserObject], Any]]:
    if isinstance(item, str | bytes):
        return "webSocketMessage", lambda user: user.web_socket_message(end, item)
    if isinstance(item, Failure):
        return "webSocketError", lambda user: user.web_socket_error(end, item)
    code, reason, was_clean = close_event(item)
    return "webSocketClose", lambda user: user.web_socket_close(end, code, reason, was_clean)
