"""WebSocket and WebSocketPair, as JavaScript objects.

A `WebSocket` is a handle on an end: each time one is handed to user code it is a new one, equal
to the others of the same end but not identical, as proxies are on the platform.

Source: spec websockets §1.1, §1.7, §1.8, §2.5, §3.3; python-surface §2.2.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from emulator.core.sockets import Close, Disconnect, Failure, check_attachment, check_close
from emulator.core.values import (
    ArrayBuffer,
    JsArray,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    buffer_bytes,
    from_js,
    js_value,
    jsnull,
    to_string,
    type_error,
)
from emulator.core.values.codec import dumps, loads
from emulator.core.values.coercion import to_number
from emulator.runtime.gates import current_gate
from emulator.runtime.websocket import Holder, Incoming, WebSocketEnd, close_event, web_socket_pair
from emulator.runtime.worker import current_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.runtime.websocket import Emitter

__all__ = ["WebSocket", "WebSocketPair"]

SEND_NOTHING: Final = (
    "Failed to execute 'send' on 'WebSocket': parameter 1 is not of type "
    "'ArrayBuffer or ArrayBufferView or string'."
)
ATTACH_NOTHING: Final = (
    "Failed to execute 'serializeAttachment' on 'WebSocket': parameter 1 is not of type 'Value'."
)
_MISSING: Final[Any] = object()


class WebSocket(JsProxy, js_name="WebSocket"):
    """A handle on one end of a WebSocket."""

    __slots__ = ("__weakref__", "_end")

    _end: WebSocketEnd

    CONNECTING = READY_STATE_CONNECTING = 0
    OPEN = READY_STATE_OPEN = 1
    CLOSING = READY_STATE_CLOSING = 2
    CLOSED = READY_STATE_CLOSED = 3

    def __init__(self, end: WebSocketEnd) -> None:
        _set_end(self, end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocket) and self._end is other._end

    @property
    def js_id(self) -> int:
        return id(self._end)

    def __getattr__(self, name: str) -> Any:
        try:
            return from_js(self._end.expandos[name])
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        # A callable that is assigned is kept, unlike one that is passed (spec §2.5).
        inside = js_value(value)
        self._end.expandos[name] = PyProxy(value) if isinstance(inside, PyProxy) else inside

    # --- state -----------------------------------------------------------------------------

    @property
    def readyState(self) -> int:
        return int(self._end.ready_state)

    @property
    def bufferedAmount(self) -> int:
        return self._end.unsent_bytes

    url = jsnull
    protocol = ""
    extensions = ""

    # --- sending ---------------------------------------------------------------------------

    def send(self, message: Any = _MISSING) -> None:
        if type(message) is not str:
            message = _message(message)
        self._end.send(message)

    def close(self, code: Any = None, reason: Any = None) -> None:
        number = None if code is None else int(to_number(js_value(code)))
        text = None if reason is None else to_string(js_value(reason))
        self._end.close(check_close(number, text, reason_is_limited=True))

    # --- attachment ------------------------------------------------------------------------

    def serializeAttachment(self, value: Any = _MISSING) -> None:
        if value is _MISSING:
            raise type_error(ATTACH_NOTHING)
        self._end.attachment = check_attachment(dumps(js_value(value)))

    def deserializeAttachment(self) -> Any:
        blob = self._end.attachment
        return jsnull if blob is None else from_js(loads(blob))

    # --- events (only of a socket that was accepted with accept()) ---------------------------

    def accept(self, options: Any = None, **kwargs: Any) -> None:
        del options, kwargs
        if self._end.holder is Holder.CODE:
            return
        listener = _Listener(self._end)
        self._end.accept(_emitter(), listener)
        self._end.pump()

    def addEventListener(self, kind: str, callback: Any = None, options: Any = None) -> None:
        del options
        found = js_value(callback)
        if isinstance(found, PyProxy) and found.is_borrowed:
            return  # the borrowed proxy is dead before any event comes (spec §2.5)
        self._listeners().setdefault(kind, []).append(found)

    def removeEventListener(self, kind: str, callback: Any = None, options: Any = None) -> None:
        del options
        found = js_value(callback)
        listeners = self._listeners().get(kind, [])
        if found in listeners:
            listeners.remove(found)

    def _listeners(self) -> dict[str, list[Any]]:
        listeners: dict[str, list[Any]] = self._end.listeners
        return listeners


_set_end: Final = WebSocket.__dict__["_end"].__set__


def _message(value: Any) -> str | bytes:
    """What `send(value)` sends: buffers as bytes, anything else as the text of `String(value)`."""
    if value is _MISSING:
        raise type_error(SEND_NOTHING)
    inside = js_value(value)
    data = buffer_bytes(inside)
    return to_string(inside) if data is None else data


def _emitter() -> Emitter:
    gate = current_gate.get()
    if gate is not None:
        owner: Emitter = gate.owner
        return owner
    invocation = current_request.get()
    return invocation if invocation is not None else _Ungated()


class _Ungated:
    """The output gate of code that runs in no object and for no request: a test's client."""

    def emit(self, release: Callable[..., None], *args: Any) -> None:
        release(*args)


class _Listener:
    """Takes an accepted end's events to the listeners, as callbacks of the code that accepted."""

    def __init__(self, end: WebSocketEnd) -> None:
        self._end = end
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()

    def __call__(self, item: Incoming) -> None:
        self._loop.call_soon(self._dispatch, item, context=self._context.copy())

    def _dispatch(self, item: Incoming) -> None:
        end = self._end
        if isinstance(item, str | bytes):
            data = item if isinstance(item, str) else ArrayBuffer(bytearray(item))
            self._tell("message", {"data": data})
        elif isinstance(item, Failure):
            self._tell("error", {"message": item.message})
        else:
            if isinstance(item, Close) and not end.close_sent:
                end.close(item)  # since 2026-04-07 the runtime answers by itself (spec §2.5)
            code, reason, was_clean = close_event(item)
            members = {"code": code, "reason": reason, "wasClean": was_clean}
            self._tell("close", members)
            if isinstance(item, Disconnect):
                end.is_gone = True

    def _tell(self, kind: str, members: dict[str, JsValue]) -> None:
        event = JsObject({"type": kind, **members, "target": WebSocket(self._end)})
        handlers = [*self._end.listeners.get(kind, [])]
        assigned = self._end.expandos.get(f"on{kind}")
        if assigned is not None:
            handlers.insert(0, assigned)
        for handler in handlers:
            function = handler._object if isinstance(handler, PyProxy) else handler
            result = function(event)
            if asyncio.iscoroutine(result):
                self._loop.create_task(result)


class WebSocketPair(JsProxy, js_name="WebSocketPair"):
    """Two joined sockets: properties "0" and "1", and an iterator over both."""

    def __init__(self) -> None:
        one, other = web_socket_pair()
        self.__dict__["0"] = WebSocket(one)
        self.__dict__["1"] = WebSocket(other)

    def __iter__(self) -> Iterator[WebSocket]:
        return iter((self.__dict__["0"], self.__dict__["1"]))

    def _own(self) -> dict[str, JsValue]:
        return {"0": self.__dict__["0"], "1": self.__dict__["1"]}

    def object_values(self) -> JsArray:
        return JsArray(list(self))

    def object_keys(self) -> JsArray:
        return JsArray(["0", "1"])

    def object_entries(self) -> JsArray:
        return JsArray([JsArray([k, v]) for k, v in self._own().items()])
