"""User classes as the runtime drives them: handlers, RPC, and the stateless entrypoint.

Arguments come as JavaScript values and are converted by the SDK's own `python_from_rpc`, results
by `python_to_rpc`; scalars pass as they are. Handlers are called relaxed (surplus arguments are
dropped), RPC methods strictly.

Source: spec python-surface §1, §2.3; websockets §2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    ArrayBuffer,
    JsException,
    JsObject,
    js_value,
    jsnull,
    type_error,
)
from emulator.core.values.clone import structured_clone
from emulator.runtime.errors import as_js_error
from emulator.worker.calls import relaxed
from emulator.worker.javascript.durable_objects import DurableObjectState as StateFace
from emulator.worker.javascript.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.core.alarms import AlarmInfo
    from emulator.core.sockets import Failure
    from emulator.core.values import JsValue
    from emulator.runtime.state import DurableObjectState
    from emulator.runtime.websocket import WebSocketEnd
    from emulator.runtime.worker import Invocation, Worker
    from emulator.worker.sdk import Sdk

__all__ = ["PythonEntrypoint", "PythonObject", "PythonObjectClass"]

_SCALARS: Final = frozenset({str, int, bool})
_RESERVED: Final = frozenset(
    {"alarm", "webSocketMessage", "webSocketClose", "webSocketError", "dup", "constructor"}
)
_HANDLERS: Final = (
    "fetch",
    "alarm",
    "webSocketMessage",
    "webSocketClose",
    "webSocketError",
)
NO_FETCH: Final = "Handler does not export a fetch() function."
NOT_A_RESPONSE: Final = (
    "Incorrect type for Promise: the Promise did not resolve to 'Response'."
)


class PythonObjectClass:
    """A Durable Object class of the worker's main module."""

    def __init__(self, name: str, cls: type, sdk: Sdk, worker: Worker, prefix: str) -> None:
        self.name = name
        self._class = cls
        self._sdk = sdk
        self._worker = worker
        self._prefix = prefix

    def construct(self, state: DurableObjectState) -> PythonObject:
        """Call the constructor. Raises: JsException for whatever it raises."""
        try:
            instance = self._class(StateFace(state), self._worker.env)
        except Exception as exc:
            raise as_js_error(exc) from exc
        return PythonObject(instance, self._sdk, self._prefix)


class PythonObject:
    """One instance of a user's class."""

    def __init__(self, instance: Any, sdk: Sdk, prefix: str) -> None:
        self.instance = instance
        self._sdk = sdk
        # Handlers are looked up once, when the instance is built (spec websockets §2.1).
        self._handlers = {
            name: relaxed(method)
            for name in _HANDLERS
            if callable(method := getattr(instance, prefix + name, None))
        }

    def has(self, handler: str) -> bool:
        return handler in self._handlers

    def fetch(self, request: JsValue) -> Any:
        handler = self._handlers.get("fetch")
        if handler is None:
            raise type_error(NO_FETCH, remote=True)
        return _convert(handler, (self._sdk.Request(request),), self._response)

    def _response(self, value: Any) -> JsValue:
        return response_of(self._sdk, value)

    def call(self, method: str, args: list[JsValue]) -> Any:
        if method in _RESERVED:
            raise type_error(
                f"'{method}' is a reserved method and cannot be called over RPC.", remote=True
            )
        target = getattr(self.instance, method, None)
        if not callable(target):
            raise type_error(f"Method {method} does not exist", remote=True)
        from_rpc = self._sdk.python_from_rpc
        converted = [a if type(a) in _SCALARS else from_rpc(a) for a in args]
        return _convert(target, converted, self._result)

    def _result(self, value: Any) -> JsValue:
        if type(value) in _SCALARS:
            return js_value(value)
        return structured_clone(self._sdk.python_to_rpc(value))

    def alarm(self, info: AlarmInfo) -> Any:
        face = JsObject(
            {
                "scheduledTime": info.scheduled_time_ms,
                "retryCount": info.retry_count,
                "isRetry": info.is_retry,
            }
        )
        return _convert(self._handlers["alarm"], (face,), _nothing)

    def web_socket_message(self, socket: WebSocketEnd, message: str | bytes) -> Any:
        data = message if isinstance(message, str) else ArrayBuffer(bytearray(message))
        return _convert(self._handlers["webSocketMessage"], (WebSocket(socket), data), _nothing)

    def web_socket_close(
        self, socket: WebSocketEnd, code: int, reason: str, was_clean: bool
    ) -> Any:
        args = (WebSocket(socket), code, reason, was_clean)
        return _convert(self._handlers["webSocketClose"], args, _nothing)

    def web_socket_error(self, socket: WebSocketEnd, failure: Failure) -> Any:
        args = (WebSocket(socket), JsException("Error", failure.message))
        return _convert(self._handlers["webSocketError"], args, _nothing)


class PythonEntrypoint:
    """The worker's default export: a class `Default`, or module functions `on_fetch`."""

    def __init__(self, module: Any, sdk: Sdk, worker: Worker) -> None:
        self._module = module
        self._sdk = sdk
        self._worker = worker
        self._class = getattr(module, "Default", None)
        self._execution_context = sdk.execution_context
        self._handler: Callable[..., Any] | None = None

    def fetch(self, request: JsValue, invocation: Invocation) -> Any:
        context = self._execution_context(invocation)
        if self._class is None:
            return self._legacy(request, context)
        instance = self._class(context, self._worker.env)
        handler = getattr(instance, "fetch", None)
        if not callable(handler):
            raise type_error(NO_FETCH)
        args = (self._sdk.Request(request),)
        return _convert(relaxed(handler), args, self._response)

    def _legacy(self, request: JsValue, context: Any) -> Any:
        handler = getattr(self._module, "on_fetch", None)
        if not callable(handler):
            raise type_error(NO_FETCH)
        return _convert(relaxed(handler), (request, self._worker.env, context), self._response)

    def _response(self, value: Any) -> JsValue:
        return response_of(self._sdk, value)


def response_of(sdk: Sdk, value: Any) -> JsValue:
    """The JavaScript Response that a fetch handler returned.

    Raises:
        JsException: TypeError, if it returned something else.
    """
    found = sdk.python_to_rpc(value) if value is not None else jsnull
    if getattr(getattr(found, "constructor", None), "name", None) != "Response":
        raise type_error(NOT_A_RESPONSE, remote=True)
    return found


def _convert(
    function: Callable[..., Any], args: Any, convert: Callable[[Any], JsValue]
) -> Any:
    """Call user code and convert what it gives, now or when it has waited.

    Raises:
        JsException: for any Exception of user code.
    """
    try:
        result = function(*args)
        if hasattr(result, "__await__"):
            return _converted(result, convert)
        return convert(result)
    except Exception as exc:
        raise _remote(exc) from exc


async def _converted(awaitable: Awaitable[Any], convert: Callable[[Any], JsValue]) -> JsValue:
    try:
        return convert(await awaitable)
    except Exception as exc:
        raise _remote(exc) from exc


def _remote(exc: Exception) -> JsException:
    error = as_js_error(exc)
    if error.name == "PythonError":
        error.__dict__.setdefault("remote", True)
    return error


def _nothing(value: Any) -> None:
    del value



