"""The events of a socket that code accepted: its listeners, and how its messages reach them.

Each event is a callback of the code that accepted the socket: it passes that object's gate, and is
a turn of its own.

Source: spec websockets §1.6, §1.8, §2.2, §2.5.
"""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Final

from emulator.core.sockets import Close, Failure, close_event
from emulator.core.values import (
    ArrayBuffer,
    JsException,
    JsValue,
    PyProxy,
)
from emulator.runtime.errors import as_js_error
from emulator.runtime.gates import current_gate
from emulator.runtime.worker import current_request, current_worker
from emulator.web.blob import Blob
from emulator.web.events import CloseEvent, ErrorEvent, Event, EventTarget, MessageEvent
from emulator.web.webidl import invoke, invoke_now, is_callable, member, options_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime.instance import Instance
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.runtime.wire import Incoming

__all__ = [
    "BINARY_TYPES",
    "SocketEvents",
    "default_binary_type",
    "has_flag",
    "replies_automatically",
]

BINARY_TYPES: Final = ("blob", "arraybuffer")
# flag, its opposite, the date it holds from (spec websockets §1.6, §1.7, §2.5)
_FLAGS: Final = {
    "binary type": (
        "websocket_standard_binary_type",
        "no_websocket_standard_binary_type",
        "2026-03-17",
    ),
    "reason limit": (
        "websocket_close_reason_byte_limit",
        "no_websocket_close_reason_byte_limit",
        "2026-03-03",
    ),
    "auto reply": (
        "web_socket_auto_reply_to_close",
        "web_socket_manual_reply_to_close",
        "2026-04-07",
    ),
}


def has_flag(name: str) -> bool:
    """Whether the worker whose code runs has a compatibility flag; outside of workers, yes."""
    worker = current_worker()
    if worker is None:
        return True
    flag, opposite, since = _FLAGS[name]
    return worker.config.is_enabled(flag, opposite, since=since)


def default_binary_type() -> str:
    return "blob" if has_flag("binary type") else "arraybuffer"


def replies_automatically(options: Any, keywords: dict[str, Any]) -> bool:
    """Whether the runtime answers a peer's Close; `allowHalfOpen` wins over the date (§2.5)."""
    half_open = member(options_of(options, keywords), "allowHalfOpen")
    return has_flag("auto reply") if half_open is None else not half_open


class SocketEvents(EventTarget, js_name="WebSocket"):
    """The listeners of one end."""

    def __init__(self, end: WebSocketEnd, face: Callable[[WebSocketEnd], JsValue]) -> None:
        """Args: face makes the object that user code knows the socket by."""
        super().__init__()
        self._end = end
        self._face = face
        self.binary_type: str | None = None
        self._replies = False
        self._context = Context()
        self._loop: asyncio.AbstractEventLoop
        self._default_type = "blob"

    @property
    def keeper(self) -> Instance | None:
        """The instance whose code listens; None outside of objects."""
        gate = self._context.get(current_gate)
        return None if gate is None else gate.owner

    def listen(self, *, replies: bool) -> None:
        """Handle events as callbacks of the code that runs now.

        Args:
            replies: a peer's Close is answered before the listeners hear of it.
        """
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._replies = replies
        self._default_type = default_binary_type()

    def receive(self, item: Incoming) -> None:
        """Take what the end has received."""
        self._loop.call_soon(self._handle, item, context=self._context.copy())

    def tell(self, event: Event) -> None:
        """Have an event delivered that is none of the end's own."""
        self._loop.call_soon(self._dispatch, event, context=self._context.copy())

    def _handle(self, item: Incoming) -> None:
        end = self._end
        if end.is_told:
            return  # the connection was cut after an error
        try:
            self._tell_of(item)
        except Exception as exc:
            self._fail(exc, is_close=isinstance(item, Close))
        finally:
            if not isinstance(item, (str, bytes)):
                end.told()

    def _tell_of(self, item: Incoming) -> None:
        if isinstance(item, str):
            self._dispatch(MessageEvent._of("message", data=item))
        elif isinstance(item, bytes):
            self._dispatch(MessageEvent._of("message", data=self._binary(item)))
        elif isinstance(item, Failure):
            self._dispatch(_error_event(JsException("Error", item.message)))
        else:
            if isinstance(item, Close) and self._replies and not self._end.close_sent:
                self._end.close(item)
            code, reason, was_clean = close_event(item)
            self._dispatch(CloseEvent._of("close", code=code, reason=reason, wasClean=was_clean))

    def _binary(self, data: bytes) -> JsValue:
        if (self.binary_type or self._default_type) == "blob":
            return Blob._of(data)
        return ArrayBuffer(bytearray(data))

    def _fail(self, exc: Exception, *, is_close: bool) -> None:
        """A listener threw: the connection ends, unless its Close was answered (§2.2)."""
        self._report(exc)
        if is_close:
            if not self._end.close_sent:
                self._end.drop()
            return
        self._end.is_failed = True
        self._end.drop()
        try:
            self._dispatch(_error_event(as_js_error(exc)))
        except Exception as second:
            self._report(second)

    def _report(self, exc: BaseException) -> None:
        keeper = self.keeper
        invocation = self._context.get(current_request)
        if keeper is not None:
            keeper.container.report(exc)
        elif invocation is not None:
            invocation.worker.report(exc)

    def _attribute_handler(self, kind: str) -> JsValue:
        return (self._end.expandos or {}).get(f"on{kind}")

    def _dispatch(self, event: Event) -> None:
        """Deliver `event`, the `on…` attribute first; coroutines of listeners run as tasks."""
        event.target = event.currentTarget = self._face(self._end)
        event.eventPhase, event._is_dispatched = event.AT_TARGET, True
        try:
            assigned = self._attribute_handler(event.type)
            if is_callable(assigned):
                self._run(invoke_now(assigned, event))
            for listener in list(self._listeners.get(event.type, ())):
                if event._is_stopped:
                    break
                self._deliver(listener, event)
        finally:
            event.eventPhase, event._is_dispatched = event.NONE, False

    def _deliver(self, listener: Any, event: Event) -> None:
        listeners = self._listeners[event.type]
        if listener not in listeners:
            return
        if listener.is_once:
            listeners.remove(listener)
        if is_callable(listener.handler):
            self._run(invoke(listener.handler, event))
        else:
            listener.call(event)

    def _run(self, result: JsValue) -> None:
        target = result.unwrap() if isinstance(result, PyProxy) else result
        if asyncio.iscoroutine(target):
            _ = self._loop.create_task(target)


def _error_event(failure: JsException) -> ErrorEvent:
    return ErrorEvent._of("error", message=f"Uncaught {failure}", error=failure)
