"""The hibernatable sockets of one object. They outlive its instances.

Per socket there is one reader: take a frame, answer it if it is the auto-response's request,
else dispatch one event, and go on when the handler's synchronous part has run. So handlers of one
socket start in order and may overlap, and a burst on two sockets interleaves.

Source: spec websockets §0, §2.3, §3, §4.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from emulator.core.sockets import (
    EVENT_TIMED_OUT,
    NO_TAGS_BEFORE_ACCEPT,
    NO_TAGS_STANDARD,
    SOCKETS_PER_OBJECT_MAX,
    AutoResponse,
    Close,
    Disconnect,
    Failure,
    check_tags,
    close_event,
)
from emulator.core.values import error
from emulator.runtime.errors import copy_error
from emulator.runtime.instance import EAGER_DEPTH_MAX
from emulator.runtime.websocket import Holder, WebSocketEnd

if TYPE_CHECKING:
    import asyncio

    from emulator.runtime.actor import ActorContainer
    from emulator.runtime.delivery import UserObject
    from emulator.runtime.instance import Instance
    from emulator.runtime.wire import Incoming

__all__ = ["SocketRegistry"]

MESSAGES_AT_ONCE_MAX: Final = 64  # of one socket, before the loop serves others


class SocketRegistry:
    """What `acceptWebSocket` put in the object's keeping."""

    __slots__ = (
        "_by_age",
        "_unanswered",
        "_unsent",
        "auto_reply",
        "auto_response",
        "container",
        "event_timeout_ms",
    )

    def __init__(self, container: ActorContainer) -> None:
        self.container = container
        self._by_age: dict[WebSocketEnd, None] = {}
        self._unanswered: dict[WebSocketEnd, None] = {}  # ended by the peer, not by the object
        self._unsent: dict[WebSocketEnd, None] = {}  # whose clients do not read
        self.auto_response: AutoResponse | None = None
        self.auto_reply = container.namespace.worker.config.dev.auto_reply_to_close
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
        host = self.container.host
        if host.chronicle is not None:
            host.chronicle.accepted(self.container, checked, end)
        if end.inbox:
            host.soon(end.pump)

    def sockets(self, tag: str | None = None) -> list[WebSocketEnd]:
        """All sockets, newest first; with a tag, those that bear it, oldest first (sic)."""
        if tag is None:
            return list(reversed(self._by_age))
        return [end for end in self._by_age if tag in end.tags]

    def tags(self, end: WebSocketEnd) -> tuple[str, ...]:
        """The tags of a socket.

        Raises:
            JsException: Error, if it is not in the object's keeping, or was and is closed.
        """
        if end.holder is Holder.CODE:
            raise error(NO_TAGS_STANDARD)
        is_closed = end.close_sent and end.close_received and end not in self._by_age
        if end.holder is not Holder.OBJECT or is_closed:
            raise error(NO_TAGS_BEFORE_ACCEPT)
        return end.tags

    # --- events ----------------------------------------------------------------------------

    def take(self, end: WebSocketEnd, item: Incoming) -> None:
        """Take what waits on a socket."""
        if type(item) is str or type(item) is bytes:
            self._take_message(end, item)
        else:
            end.is_receiver_busy = True
            self.container.deliver(_event(self, end, item))

    def take_message(self, end: WebSocketEnd, message: str | bytes) -> None:
        """Take a message that has just arrived on a socket on which nothing waits."""
        self._take_message(end, message)
        if end.inbox or end.is_reading_paused:
            end.pump()

    def _take_message(self, end: WebSocketEnd, message: str | bytes) -> None:
        if self.auto_response is not None and self._answer(end, message, self.auto_response):
            return
        end.is_receiver_busy = True
        instance = self.container.instance
        if instance is None or self.event_timeout_ms is not None or not _is_free(instance):
            self.container.deliver(_SocketEvent(self, end, message))
            return
        # From here on what `Instance.start` does, for a message that has to wait for nothing. The
        # event is only made if the handler goes on after its synchronous part, or if anything is
        # out of the ordinary: this is the hot path of every server.
        task: asyncio.Task[Any] | None = None
        failure: BaseException | None = None
        context = instance.context.copy()
        host = instance.host
        host.eager_depth += 1
        instance.running += 1
        try:
            outcome = context.run(instance.user.web_socket_message, end, message)
            if outcome is not None and hasattr(outcome, "__await__"):
                task = instance.task(outcome, context)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            failure = exc
        finally:
            instance.running -= 1
            host.eager_depth -= 1
            self.end_turn_of(end, message, instance, task, failure)

    def end_turn_of(
        self,
        end: WebSocketEnd,
        message: str | bytes,
        instance: Instance,
        task: asyncio.Task[Any] | None,
        failure: BaseException | None,
    ) -> None:
        """The synchronous part of a message's handler has run: end the turn, and the event."""
        event: _SocketEvent | None = None
        if task is not None and not task.done():
            event = self._underway(end, message, task)
            instance.in_flight[event] = None
        instance.end_turn()
        end.is_receiver_busy = False
        is_over = event is None and (task is None or not (task.cancelled() or task.exception()))
        if is_over and failure is None and not _is_held(instance):
            self.container.last_request_s = instance.last_active_s
        else:
            event = event or self._late(instance, end, message)
            event.started_s = instance.last_active_s
            instance.conclude(event, task, None, failure)

    def free_instance(self) -> Instance | None:
        """The instance, if it would start a message at once, with nobody watching."""
        instance = self.container.instance
        if instance is None or self.event_timeout_ms is not None or not _is_free(instance):
            return None
        return None if self.container.namespace.worker.stacks is not None else instance

    def _late(self, instance: Instance, end: WebSocketEnd, message: str | bytes) -> _SocketEvent:
        """The event of a message whose handler is over and has failed, or has to be kept."""
        event = self._underway(end, message, None)
        if instance.broken is not None:
            event.fail(copy_error(instance.broken))  # as everything that was in flight
        elif not instance.is_dead:
            instance.in_flight[event] = None
        return event

    def _underway(
        self, end: WebSocketEnd, message: str | bytes, task: asyncio.Task[Any] | None
    ) -> _SocketEvent:
        """The event of a message whose handler's synchronous part has run."""
        event = _SocketEvent(self, end, message)
        event.is_dispatched = True
        event.task = task
        return event

    def pump(self, end: WebSocketEnd) -> None:
        """Dispatch what waits on `end`, up to the first event that has to wait itself."""
        for _ in range(MESSAGES_AT_ONCE_MAX):
            if not end.inbox or end.is_receiver_busy:
                break
            self.take(end, end.inbox.popleft())
        else:
            self.container.host.soon(end.pump)
        if not end.inbox:
            end.resume_reading()

    def _answer(self, end: WebSocketEnd, message: str | bytes, pair: AutoResponse) -> bool:
        if message != pair.request:
            return False
        end.auto_response_ms = self.container.host.clock.now_ms()
        if not end.close_sent:
            end.peer.receive(pair.response)
        return True

    # --- ends of life ----------------------------------------------------------------------

    def release(self, end: WebSocketEnd) -> None:
        """The socket has had its last event.

        Without a Close of its own it hangs until the instance goes (spec §2.4).
        """
        self._by_age.pop(end, None)
        if end.close_received and not end.close_sent:
            self._unanswered[end] = None

    def note_unsent(self, end: WebSocketEnd, *, is_unsent: bool) -> None:
        """A client does not read what was sent to it, or has read on (spec §4.1)."""
        instance = self.container.instance
        if is_unsent:
            self._unsent[end] = None
            if instance is not None:
                _keep_awake(instance, end)
        elif self._unsent.pop(end, self) is None and instance is not None:
            instance.unpin(end)

    def woken(self, instance: Instance) -> None:
        """A new instance is there: it is kept awake by what is unsent, and hears of the lost."""
        for end in self._unsent:
            _keep_awake(instance, end)
        for end in self._by_age:
            if end.inbox:
                self.container.host.soon(end.pump)

    def hibernate(self) -> None:
        """The instance goes, the sockets stay; what it never answered ends now."""
        for end in self._by_age:
            end.expandos = None
            peer = end.peer
            is_kept = peer.holder is not Holder.NOBODY or peer.is_underway
            if not (is_kept or end.is_over):
                # The other end was in nobody's hands but the instance's. The next one is told.
                end.is_over = end.is_gone = True
                end.can_send = False
                end.inbox = end.inbox or deque()
                end.inbox.append(Disconnect())
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


def _keep_awake(instance: Instance, end: WebSocketEnd) -> None:
    instance.pin(end, "unsent message", "a message that a client does not read")


class _SocketEvent:
    """An event of a socket on its way to its handler."""

    __slots__ = ("end", "is_dispatched", "item", "registry", "started_s", "task", "timeout")

    kind = "websocket"
    detail = "webSocketMessage"

    def __init__(self, registry: SocketRegistry, end: WebSocketEnd, item: Any) -> None:
        self.registry = registry
        self.end = end
        self.item = item
        self.started_s = 0.0
        self.task: asyncio.Task[Any] | None = None
        self.timeout: asyncio.TimerHandle | None = None
        self.is_dispatched = False

    def run(self, user: UserObject) -> Any:
        return user.web_socket_message(self.end, self.item)

    def dispatched(self) -> None:
        """The synchronous part of the handler has run: the socket's next frame may come."""
        self.is_dispatched = True
        end = self.end
        end.is_receiver_busy = False
        registry = self.registry
        if registry.event_timeout_ms is not None and self.task is not None:
            self.timeout = registry.container.host.later(
                registry.event_timeout_ms / 1000, self._timed_out
            )
        if end.inbox or end.is_reading_paused:
            end.pump()

    def _timed_out(self) -> None:
        # Handlers stop dead; the sockets stay, as when the object sleeps (spec §2.3).
        self.registry.container.hibernate(force=True, reason=EVENT_TIMED_OUT)

    def succeed(self, value: Any) -> None:
        del value
        if self.timeout is not None:
            self.timeout.cancel()

    def fail(self, error: BaseException) -> None:
        if self.timeout is not None:
            self.timeout.cancel()
        container = self.registry.container
        if not self.is_dispatched:
            # It waited in an instance that is gone. Later: the container is being torn down now.
            container.host.soon(self.dispatched)
        container.report(error)


class _CloseEvent(_SocketEvent):
    __slots__ = ()
    detail = "webSocketClose"

    def run(self, user: UserObject) -> Any:
        end, item = self.end, self.item
        if self.registry.auto_reply and isinstance(item, Close) and not end.close_sent:
            end.close(item)
        if user.has("webSocketClose"):
            return user.web_socket_close(end, *close_event(item))
        return None

    def dispatched(self) -> None:
        self.registry.release(self.end)
        super().dispatched()


class _ErrorEvent(_SocketEvent):
    __slots__ = ()
    detail = "webSocketError"

    def run(self, user: UserObject) -> Any:
        if user.has("webSocketError"):
            return user.web_socket_error(self.end, self.item)
        return None

    def dispatched(self) -> None:
        self.registry.release(self.end)
        super().dispatched()


def _is_free(instance: Instance) -> bool:
    """Whether an event would start at once, with nobody watching."""
    if instance.running or instance.queue or instance.is_breathing or instance.is_leaving:
        return False
    host = instance.host
    gate = instance.gate
    root = gate.root
    return (
        host.recorder is None
        and host.eager_depth < EAGER_DEPTH_MAX
        and gate.innermost is root
        and not (root.parked or root.waiting_sections)
    )


def _is_held(instance: Instance) -> bool:
    """Whether what is over must wait for a commit, or must not be told at all."""
    return bool(instance.is_output_held or instance.outbox or instance.is_dead)


def _event(registry: SocketRegistry, end: WebSocketEnd, item: Incoming) -> _SocketEvent:
    if isinstance(item, Failure):
        return _ErrorEvent(registry, end, item)
    return _CloseEvent(registry, end, item)
