"""WebSocket and WebSocketPair, as JavaScript objects.

A `WebSocket` is a handle on an end: each time one is handed to user code it is a new one, equal
to the others of the same end but not identical, as proxies are on the platform.

Source: spec websockets §1.1, §1.2, §1.7, §1.8, §3.3; python-surface §2.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from emulator.core.compat import SEND_BYTES, warn
from emulator.core.sockets import (
    NO_ACCEPT_OF_OUTGOING,
    ReadyState,
    check_attachment,
    check_close,
)
from emulator.core.values import (
    JsArray,
    JsProxy,
    JsSymbol,
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
from emulator.runtime.websocket import Holder, WebSocketEnd, web_socket_pair
from emulator.runtime.worker import has_native_errors
from emulator.web.host_codec import WEB_HOST
from emulator.worker.javascript.socket_events import (
    BINARY_TYPES,
    SocketEvents,
    default_binary_type,
    has_flag,
    replies_automatically,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    __hash__ = None  # as of every proxy (values/proxies.py, V3)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocket) and self._end is other._end

    def __ne__(self, other: object) -> bool:
        return not (isinstance(other, WebSocket) and self._end is other._end)

    @property
    def js_id(self) -> int:
        return id(self._end)

    def __getattr__(self, name: str) -> Any:
        expandos = self._end.expandos
        if expandos is None or name not in expandos:
            raise AttributeError(name)
        return from_js(expandos[name])

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "binaryType":
            self._set_binary_type(value)
            return
        # A callable that is assigned is kept, unlike one that is passed (spec §2.5).
        inside = js_value(value)
        if self._end.expandos is None:
            self._end.expandos = {}
        self._end.expandos[name] = PyProxy(value) if isinstance(inside, PyProxy) else inside

    # --- state -----------------------------------------------------------------------------

    @property
    def readyState(self) -> int:
        end = self._end
        if end.is_plainly_open:
            return 1
        return int(end.ready_state)

    @property
    def bufferedAmount(self) -> int:
        return self._end.unsent_bytes

    @property
    def url(self) -> Any:
        opening = self._end.opening
        return jsnull if opening is None else opening.url

    @property
    def protocol(self) -> Any:
        opening = self._end.opening
        return "" if opening is None else from_js(opening.protocol)

    @property
    def extensions(self) -> str:
        opening = self._end.opening
        return "" if opening is None else opening.extensions

    @property
    def binaryType(self) -> str:
        events = self._end.events
        chosen = None if events is None else events.binary_type
        return chosen or default_binary_type()

    def _set_binary_type(self, value: Any) -> None:
        text = to_string(js_value(value))
        if text in BINARY_TYPES:  # anything else is ignored (spec §1.6)
            self._events().binary_type = text

    # --- sending ---------------------------------------------------------------------------

    def send(self, message: Any = _MISSING) -> None:
        if type(message) is not str:
            message = _message(message)
        self._end.send(message)

    def close(self, code: Any = None, reason: Any = None) -> None:
        number = None if code is None else _close_code(js_value(code))
        text = None if reason is None else to_string(js_value(reason))
        close = check_close(number, text, reason_is_limited=has_flag("reason limit"))
        opening = self._end.opening
        if opening is not None and opening.ready_state is ReadyState.CONNECTING:
            opening.cancel()
        else:
            self._end.close(close)

    # --- attachment ------------------------------------------------------------------------

    def serializeAttachment(self, value: Any = _MISSING) -> None:
        if value is _MISSING:
            raise type_error(ATTACH_NOTHING)
        blob = dumps(js_value(value), native_errors=has_native_errors(), host=WEB_HOST)
        self._end.attachment = check_attachment(blob)

    def deserializeAttachment(self) -> Any:
        blob = self._end.attachment
        return jsnull if blob is None else from_js(loads(blob, host=WEB_HOST))

    # --- events (only of a socket that was accepted with accept()) ---------------------------

    def accept(self, options: Any = None, **keywords: Any) -> None:
        end = self._end
        if end.opening is not None:
            if end.ready_state is ReadyState.CONNECTING:
                raise type_error(NO_ACCEPT_OF_OUTGOING)
            return
        if end.holder is not Holder.CODE:
            events = self._events()
            events.listen(replies=replies_automatically(options, keywords))
            end.accept(events.keeper, events.receive)
            end.pump()

    def addEventListener(self, *args: Any, **options: Any) -> None:
        self._events().addEventListener(*args, **options)

    def removeEventListener(self, *args: Any, **options: Any) -> None:
        self._events().removeEventListener(*args, **options)

    def dispatchEvent(self, *args: Any) -> bool:
        return self._events().dispatchEvent(*args)

    def _events(self) -> SocketEvents:
        end = self._end
        if end.events is None:
            end.events = SocketEvents(end, WebSocket)
        return end.events


_set_end: Final = WebSocket.__dict__["_end"].__set__


def _message(value: Any) -> str | bytes:
    """What `send(value)` sends: buffers as bytes, anything else as the text of `String(value)`."""
    if value is _MISSING:
        raise type_error(SEND_NOTHING)
    inside = js_value(value)
    data = buffer_bytes(inside)
    if data is not None:
        return data
    if isinstance(value, (bytes, bytearray, memoryview)):
        warn(SEND_BYTES, "ws.send() makes text of Python bytes.")
    if isinstance(inside, JsSymbol):
        raise type_error("Cannot convert a Symbol value to a string")
    return to_string(inside)


def _close_code(value: JsValue) -> int:
    number = to_number(value)
    return int(number) if math.isfinite(number) else 0  # as WebIDL converts to a short


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
