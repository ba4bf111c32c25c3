"""Namespaces, ids, stubs and `ctx`, as JavaScript objects.

Only argument rules live here: what they do is in the runtime.

Source: spec lifecycle §1, §3, §7; websockets §1, §2.3, §3.
"""

from __future__ import annotations

import functools
import math
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from emulator.core.compat import SECTION_FAILED, WAIT_UNTIL, warn, warn_of_failure
from emulator.core.sockets import AutoResponse
from emulator.core.values import (
    JsArray,
    JsDate,
    JsException,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    error,
    illegal_parameter,
    js_value,
    jsnull,
    range_error,
    to_string,
    type_error,
)
from emulator.core.values.coercion import coerce_key, to_number
from emulator.runtime.errors import as_js_error
from emulator.runtime.namespace import TextId
from emulator.runtime.stub import Stub
from emulator.worker.javascript.facets import DurableObjectFacets
from emulator.worker.javascript.services import Fetcher
from emulator.worker.javascript.storage import DurableObjectStorage
from emulator.worker.javascript.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.runtime import state
    from emulator.runtime.namespace import Namespace, ObjectId

__all__ = [
    "DurableObjectId",
    "DurableObjectNamespace",
    "DurableObjectState",
    "DurableObjectStub",
    "WebSocketRequestResponsePair",
]

JURISDICTIONS: Final = "Jurisdiction restrictions are not implemented in workerd."
NAMESPACE: Final = "DurableObjectNamespace"
STATE: Final = "DurableObjectState"
_MISSING: Final[Any] = object()


class DurableObjectId(JsProxy, js_name="DurableObjectId"):
    """An id. Two ids of one name are two objects: compare with `equals`."""

    __slots__ = ("__weakref__", "_id", "_namespace")

    def __init__(self, object_id: ObjectId) -> None:
        self._id = object_id

    @property
    def jurisdiction(self) -> None:
        return None

    @jurisdiction.setter
    def jurisdiction(self, value: Any) -> None:
        raise _read_only("jurisdiction", "DurableObjectId")

    @property
    def name(self) -> str | None:
        return self._id.name

    @name.setter
    def name(self, value: Any) -> None:
        raise _read_only("name", "DurableObjectId")

    def toString(self) -> str:
        return self._id.hex

    def equals(self, other: Any = None) -> bool:
        if not isinstance(other, DurableObjectId):
            raise illegal_parameter("equals", "DurableObjectId", 1, "DurableObjectId")
        return self._id.hex == other._id.hex

    def _own(self) -> dict[str, JsValue]:
        return {"jurisdiction": None, "name": self._id.name}


class DurableObjectNamespace(JsProxy, js_name=NAMESPACE):
    """`env.BINDING`: ids and stubs of one class."""

    __slots__ = ("__weakref__", "_namespace")

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def idFromName(self, name: Any = _MISSING) -> DurableObjectId:
        return DurableObjectId(self._namespace.id_from_name(_name("idFromName", name)))

    def idFromString(self, text: Any = _MISSING) -> DurableObjectId:
        return DurableObjectId(self._namespace.id_from_string(_name("idFromString", text)))

    def newUniqueId(self, options: Any = None, **kwargs: Any) -> DurableObjectId:
        given = _options("newUniqueId", 1, "NewUniqueIdOptions", options, kwargs)
        if given.get("jurisdiction") not in (None, jsnull):
            raise error(JURISDICTIONS)
        return DurableObjectId(self._namespace.new_unique_id())

    def jurisdiction(self, name: Any = None) -> DurableObjectNamespace:
        if name is not None and name is not jsnull:
            raise error(JURISDICTIONS)
        return DurableObjectNamespace(self._namespace)

    def get(self, object_id: Any = None, options: Any = None, **kwargs: Any) -> DurableObjectStub:
        if not isinstance(object_id, DurableObjectId):
            raise illegal_parameter("get", NAMESPACE, 1, "DurableObjectId")
        return self._stub("get", object_id, options, kwargs)

    def getByName(
        self, name: Any = _MISSING, options: Any = None, **kwargs: Any
    ) -> DurableObjectStub:
        object_id = DurableObjectId(self._namespace.id_from_name(_name("getByName", name)))
        if options is None and not kwargs:
            return DurableObjectStub(self._namespace, object_id)
        return self._stub("getByName", object_id, options, kwargs)

    def _stub(
        self, method: str, object_id: DurableObjectId, options: Any, kwargs: dict[str, Any]
    ) -> DurableObjectStub:
        given = _options(method, 2, "GetDurableObjectOptions", options, kwargs)
        _check_get_options(given)
        return DurableObjectStub(self._namespace, object_id)


def _read_only(name: str, owner: str) -> JsException:
    return type_error(f"Cannot assign to read only property '{name}' of object '#<{owner}>'")


def _name(method: str, value: Any) -> str:
    if value is _MISSING:
        raise illegal_parameter(method, NAMESPACE, 1, "string")
    return value if type(value) is str else coerce_key(js_value(value))


def _options(
    method: str, position: int, kind: str, options: Any, kwargs: dict[str, Any]
) -> dict[str, Any]:
    given = js_value(options)
    if isinstance(given, PyProxy) and isinstance(given._object, dict):
        return {**given._object, **kwargs}
    if isinstance(given, JsProxy):
        return {**given._own(), **kwargs}
    if given is not None and given is not jsnull:
        raise illegal_parameter(method, NAMESPACE, position, kind)
    return kwargs


def _check_get_options(given: dict[str, Any]) -> None:
    mode = given.get("routingMode")
    if mode not in (None, "primary-only"):
        raise range_error(f"unknown routingMode: {to_string(js_value(mode))}")
    retry = given.get("retry")
    if retry is None:
        return
    if not isinstance(retry, (dict, JsObject)):
        raise type_error(
            "Incorrect type for the 'retry' field on 'GetDurableObjectOptions': "
            "the provided value is not of type 'RetryOptions'."
        )
    bounds = retry if isinstance(retry, dict) else retry._members
    _check_bound(bounds.get("maxRetries"), "retry.maxRetries", 0, 10)
    _check_bound(bounds.get("timeoutMs"), "retry.timeoutMs", 500, 60_000)


def _check_bound(value: Any, name: str, low: int, high: int) -> None:
    if value is None:
        return
    number = to_number(js_value(value))
    if not (number.is_integer() and low <= number <= high):
        raise range_error(f"{name} must be an integer between {low} and {high}")


class DurableObjectStub(Fetcher, js_name="DurableObject"):
    """A stub. Whatever is not its own is a method of the object."""

    def __init__(self, namespace: Namespace, object_id: DurableObjectId) -> None:
        attributes = self.__dict__
        attributes["_stub"] = Stub(namespace, object_id._id)
        attributes["id"] = object_id
        attributes["name"] = object_id.name

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("id", "name"):
            raise _read_only(name, "DurableObject")
        self.__dict__[name] = value


class WebSocketRequestResponsePair(JsProxy, js_name="WebSocketRequestResponsePair"):
    """What `setWebSocketAutoResponse` takes."""

    __slots__ = ("__weakref__", "_pair")

    def __init__(self, request: Any = _MISSING, response: Any = _MISSING) -> None:
        for position, value in enumerate((request, response), 1):
            if value is _MISSING:
                raise type_error(
                    "Failed to construct 'WebSocketRequestResponsePair': constructor parameter "
                    f"{position} is not of type 'string'."
                )
        self._pair = AutoResponse(coerce_key(request), coerce_key(response))

    @property
    def request(self) -> str:
        return self._pair.request

    @property
    def response(self) -> str:
        return self._pair.response


class DurableObjectState(JsProxy, js_name=STATE):
    """The raw `ctx` of an object."""

    def __init__(self, state: state.DurableObjectState) -> None:
        self._state = state
        own = state.id
        self.id = own.hex if isinstance(own, TextId) else DurableObjectId(own)
        self.storage = DurableObjectStorage(state.storage)
        self.props = JsObject() if state.props is None else state.props
        self.exports = state.namespace.worker.exports
        self.facets = DurableObjectFacets(state)
        self.container = None

    def waitUntil(self, promise: Any = _MISSING) -> None:
        if promise is _MISSING:
            raise illegal_parameter("waitUntil", STATE, 1, "Promise")
        inside = js_value(promise)
        if isinstance(inside, PyProxy) and inside.is_borrowed and iscoroutine(inside.unwrap()):
            warn(WAIT_UNTIL, "ctx.waitUntil() of an object never runs a coroutine.")
        self._state.wait_until_settled(inside)

    def blockConcurrencyWhile(self, callback: Any = None) -> Any:
        function = _function(callback, "blockConcurrencyWhile", STATE, 1)
        stacks = self._state.namespace.worker.stacks
        if stacks is not None:
            function = functools.partial(stacks.run, function)
        return self._state.block_concurrency_while(_guarded(function))

    def abort(self, reason: Any = None, options: Any = None, **kwargs: Any) -> None:
        given = js_value(options)
        if given is not None and given is not jsnull and not isinstance(given, JsProxy):
            raise illegal_parameter("abort", STATE, 2, "AbortOptions")
        chosen = {**(given._own() if isinstance(given, JsProxy) else {}), **kwargs}
        text = None if reason is None else to_string(js_value(reason))
        self._state.abort(text, retries_alarm=chosen.get("retryAlarm") is not False)

    def acceptWebSocket(self, socket: Any = None, tags: Any = None) -> None:
        if not isinstance(socket, WebSocket):
            raise illegal_parameter("acceptWebSocket", STATE, 1, "WebSocket")
        if tags is not None and not isinstance(tags, JsArray):
            raise illegal_parameter("acceptWebSocket", STATE, 2, "Array")
        names = [] if tags is None else [coerce_key(tag) for tag in tags._items]
        self._state.accept_web_socket(socket._end, names)

    def getWebSockets(self, tag: Any = None) -> JsArray:
        wanted = None if tag is None else coerce_key(js_value(tag))
        return JsArray([WebSocket(end) for end in self._state.get_web_sockets(wanted)])

    def getTags(self, socket: Any = None) -> JsArray:
        if not isinstance(socket, WebSocket):
            raise illegal_parameter("getTags", STATE, 1, "WebSocket")
        return JsArray(list(self._state.get_tags(socket._end)))

    def setWebSocketAutoResponse(self, pair: Any = None) -> None:
        if pair is not None and not isinstance(pair, WebSocketRequestResponsePair):
            raise illegal_parameter(
                "setWebSocketAutoResponse", STATE, 1, "WebSocketRequestResponsePair"
            )
        self._state.set_web_socket_auto_response(None if pair is None else pair._pair)

    def getWebSocketAutoResponse(self) -> Any:
        pair = self._state.get_web_socket_auto_response()
        if pair is None:
            return jsnull
        return WebSocketRequestResponsePair(pair.request, pair.response)

    def getWebSocketAutoResponseTimestamp(self, socket: Any = None) -> Any:
        if not isinstance(socket, WebSocket):
            raise illegal_parameter("getWebSocketAutoResponseTimestamp", STATE, 1, "WebSocket")
        answered_ms = socket._end.auto_response_ms
        return jsnull if answered_ms is None else JsDate(answered_ms)

    def setHibernatableWebSocketEventTimeout(self, timeout_ms: Any = None) -> None:
        self._state.set_event_timeout_ms(_timeout_ms(js_value(timeout_ms)))

    def getHibernatableWebSocketEventTimeout(self) -> Any:
        timeout_ms = self._state.get_event_timeout_ms()
        return jsnull if timeout_ms is None else timeout_ms


def _timeout_ms(value: JsValue) -> int | None:
    if value is None or value is jsnull:
        return None
    number = to_number(value)
    if not math.isfinite(number):
        raise type_error("The value cannot be converted because it is not an integer.")
    if number < 0:
        raise type_error(
            "The value cannot be converted because it is negative and this API expects a "
            "positive number."
        )
    if number > 4_294_967_295:
        raise type_error("Value out of range. Must be less than or equal to 4294967295.")
    return math.trunc(number)


def _function(value: Any, method: str, owner: str, position: int) -> Callable[..., Any]:
    target = value._object if isinstance(value, PyProxy) else value
    if not callable(target):
        raise illegal_parameter(method, owner, position, "function")
    found: Callable[..., Any] = target
    return found


def _guarded(function: Callable[[], Any]) -> Callable[[], Any]:
    """A critical section whose Python exceptions leave as JavaScript's, and are announced."""

    def failed(exc: Exception) -> JsException:
        warn_of_failure(
            SECTION_FAILED,
            "An exception in blockConcurrencyWhile() resets the object, whoever catches it.",
            exc.__traceback__,
        )
        return as_js_error(exc)

    async def wait(awaitable: Any) -> Any:
        try:
            return await awaitable
        except Exception as exc:
            raise failed(exc) from exc

    def call() -> Any:
        try:
            result = function()
        except Exception as exc:
            raise failed(exc) from exc
        return wait(result) if hasattr(result, "__await__") else result

    return call
