"""User classes as the runtime drives them: handlers, RPC, and the stateless entrypoint.

Arguments come as JavaScript values and are converted by the SDK's own `python_from_rpc`, results
by `python_to_rpc`; scalars pass as they are. Handlers are called relaxed (surplus arguments are
dropped), RPC methods strictly.

Source: spec python-surface §1, §2.3; websockets §2.1.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from emulator.core.rpc import RESERVED, check_method
from emulator.core.values import (
    ArrayBuffer,
    JsException,
    JsObject,
    js_value,
    jsnull,
    type_error,
)
from emulator.runtime.errors import as_js_error
from emulator.runtime.namespace import TextId
from emulator.runtime.rpc import remote_error, transfer
from emulator.worker.calls import positional_count, relaxed
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
# Each with how many arguments each is called
_HANDLERS: Final = {
    "fetch": 1,
    "alarm": 1,
    "webSocketMessage": 2,
    "webSocketClose": 4,
    "webSocketError": 2,
}
NO_FETCH: Final = "Handler does not export a fetch() function."
NOT_A_RESPONSE: Final = "Incorrect type for Promise: the Promise did not resolve to 'Response'."


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
        object_id = None if isinstance(state.id, TextId) else state.id.hex
        return PythonObject(instance, self._sdk, self._worker, self._prefix, object_id)


class PythonObject:
    """One instance of a user's class."""

    def __init__(
        self, instance: Any, sdk: Sdk, worker: Worker, prefix: str, object_id: str | None
    ) -> None:
        self.instance = instance
        self._worker = worker
        self._id = object_id
        self._sdk = sdk
        # Handlers are looked up once, when the instance is built (spec websockets §2.1).
        self._handlers = {
            name: relaxed(method, given)
            for name, given in _HANDLERS.items()
            if callable(method := getattr(instance, prefix + name, None))
        }
        self._message_handler = self._handlers.get("webSocketMessage")

    def has(self, handler: str) -> bool:
        return handler in self._handlers

    def fetch(self, request: JsValue) -> Any:
        handler = self._handlers.get("fetch")
        if handler is None:
            raise type_error(NO_FETCH, remote=True)
        return _convert(self._worker, handler, (self._sdk.Request(request),), self._response)

    def _response(self, value: Any) -> JsValue:
        return response_of(self._sdk, value)

    def call(self, method: str, args: list[JsValue]) -> Any:
        try:
            result = self.begin(method, args)
            if type(result) is CoroutineType:
                return self._answer(result)
            return self.result(result)
        except Exception as exc:
            raise self.failure(exc) from exc

    async def _answer(self, coroutine: Awaitable[Any]) -> JsValue:
        try:
            return self.result(await coroutine)
        except Exception as exc:
            raise self.failure(exc) from exc

    def begin(self, method: str, args: list[JsValue]) -> Any:
        target = getattr(self.instance, method, None)
        if method in RESERVED or not callable(target):
            raise Uncallable(method)
        if args:
            from_rpc = self._sdk.python_from_rpc
            args = [a if type(a) in _SCALARS else from_rpc(a) for a in args]
        stacks = self._worker.stacks
        result = target(*args) if stacks is None else stacks.run(target, *args)
        if type(result) is not CoroutineType and hasattr(result, "__await__"):
            return _awaited(result)
        return result

    def result(self, value: Any) -> JsValue:
        if type(value) in _SCALARS:
            return js_value(value)
        return transfer(self._sdk.python_to_rpc(value))

    def failure(self, exc: BaseException) -> BaseException:
        if isinstance(exc, Uncallable):
            return refusal(exc.method)
        return remote_error(exc, self._id) if isinstance(exc, Exception) else exc

    def alarm(self, info: AlarmInfo) -> Any:
        face = JsObject(
            {
                "scheduledTime": info.scheduled_time_ms,
                "retryCount": info.retry_count,
                "isRetry": info.is_retry,
            }
        )
        return _convert(self._worker, self._handlers["alarm"], (face,), _nothing)

    def web_socket_message(self, socket: WebSocketEnd, message: str | bytes) -> Any:
        handler = self._message_handler
        if handler is None:
            return None
        data = message if isinstance(message, str) else ArrayBuffer(bytearray(message))
        if self._worker.stacks is None:
            # The hot path: there is no result to convert, and a failure is reported as it is.
            return handler(WebSocket(socket), data)
        return _convert(self._worker, handler, (WebSocket(socket), data), _nothing)

    def web_socket_close(
        self, socket: WebSocketEnd, code: int, reason: str, was_clean: bool
    ) -> Any:
        args = (WebSocket(socket), code, reason, was_clean)
        return _convert(self._worker, self._handlers["webSocketClose"], args, _nothing)

    def web_socket_error(self, socket: WebSocketEnd, failure: Failure) -> Any:
        args = (WebSocket(socket), JsException("Error", failure.message))
        return _convert(self._worker, self._handlers["webSocketError"], args, _nothing)


class PythonEntrypoint:
    """The worker's default export: a class `Default`, or module functions `on_fetch`."""

    def __init__(self, module: Any, sdk: Sdk, worker: Worker, name: str = "Default") -> None:
        self._module = module
        self._sdk = sdk
        self._worker = worker
        self._class = getattr(module, name, None)
        self._execution_context = sdk.execution_context
        # An entrypoint is made anew for every request; its handler's signature is not.
        handler = getattr(self._class, "fetch", None)
        count = None if handler is None else positional_count(handler)
        self._takes_only_request = count == 2  # and self

    def fetch(self, request: JsValue, invocation: Invocation) -> Any:
        context = self._execution_context(invocation)
        if self._class is None:
            return self._legacy(request, context)
        instance = self._class(context, self._worker.env)
        handler = getattr(instance, "fetch", None)
        if not callable(handler):
            raise type_error(NO_FETCH)
        call = handler if self._takes_only_request else relaxed(handler)
        return _convert(self._worker, call, (self._sdk.Request(request),), self._response)

    def call(self, method: str, args: list[JsValue], invocation: Invocation) -> Any:
        """Call a method. Raises: JsException."""
        check_method(method)
        context = self._execution_context(invocation)
        instance = None if self._class is None else self._class(context, self._worker.env)
        target = getattr(instance, method, None)
        if not callable(target):
            raise type_error(f"Method {method} does not exist", remote=True)
        converted = [a if type(a) in _SCALARS else self._sdk.python_from_rpc(a) for a in args]
        return _convert(self._worker, target, converted, self._result)

    def _result(self, value: Any) -> JsValue:
        return transfer(self._sdk.python_to_rpc(value))

    def _legacy(self, request: JsValue, context: Any) -> Any:
        handler = getattr(self._module, "on_fetch", None)
        if not callable(handler):
            raise type_error(NO_FETCH)
        return _convert(
            self._worker, relaxed(handler), (request, self._worker.env, context), self._response
        )

    def _response(self, value: Any) -> JsValue:
        return response_of(self._sdk, value)


def response_of(sdk: Sdk, value: Any) -> JsValue:
    """The JavaScript Response that a fetch handler returned.

    Raises:
        JsException: TypeError, if it returned something else.
    """
    if type(value) is sdk.Response:
        return value.js_object  # what `python_to_rpc` would give, after asking what else it is
    found = sdk.python_to_rpc(value) if value is not None else jsnull
    if getattr(getattr(found, "constructor", None), "name", None) != "Response":
        raise type_error(NOT_A_RESPONSE, remote=True)
    return found


def _convert(
    worker: Worker,
    function: Callable[..., Any],
    args: Any,
    convert: Callable[[Any], JsValue],
    object_id: str | None = None,
) -> Any:
    """Call user code and convert what it gives, now or when it has waited.

    Raises:
        JsException: for any Exception of user code.
    """
    stacks = worker.stacks
    try:
        result = function(*args) if stacks is None else stacks.run(function, *args)
        if hasattr(result, "__await__"):
            return _converted(result, convert, object_id)
        return convert(result)
    except Exception as exc:
        raise remote_error(exc, object_id) from exc


class Uncallable(Exception):  # noqa: N818  # it never leaves this module
    """There is no such method, or none that can be called."""

    def __init__(self, method: str) -> None:
        self.method = method


def refusal(method: str) -> JsException:
    """What the caller of such a method gets; user code did not raise it."""
    try:
        check_method(method)
    except JsException as exc:
        return exc
    return type_error(f"Method {method} does not exist", remote=True)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _converted(
    awaitable: Awaitable[Any], convert: Callable[[Any], JsValue], object_id: str | None
) -> JsValue:
    try:
        return convert(await awaitable)
    except Exception as exc:
        raise remote_error(exc, object_id) from exc


def _nothing(value: Any) -> None:
    del value
