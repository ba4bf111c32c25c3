"""setTimeout, setInterval, queueMicrotask and scheduler: time, as JavaScript asks for it.

Source: spec lifecycle §8, §4.2; python-surface §2.2 (ContextVar), §2.5.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.core.compat import LISTENER, warn
from emulator.core.values import (
    JsException,
    JsProxy,
    JsValue,
    PyProxy,
    js_value,
    jsnull,
    to_number,
    to_string,
    type_error,
)
from emulator.core.values.callbacks import is_function
from emulator.runtime.gates import current_gate
from emulator.runtime.worker import fresh_context
from emulator.web.abort import AbortSignal
from emulator.web.promises import Promise
from emulator.web.webidl import member, options_of, to_exception
from emulator.worker.javascript.builders import HostFunction
from emulator.worker.javascript.inspect import inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

__all__ = ["after_ms", "timer_globals"]

_INTERVAL_MIN_S = 0.001  # an interval of 0 would never let the loop's clock move on


class Timeout(JsProxy, js_name="Timeout"):
    """What setTimeout gives back."""

    def __init__(self, callback: Callable[[], None], delay_s: float, *, repeats: bool) -> None:
        self._callback = callback
        self._delay_s = delay_s
        self._repeats = repeats
        self._loop = asyncio.get_running_loop()
        self._context: Context = fresh_context()
        self._handle: asyncio.TimerHandle | None = None
        self._place: Any = None
        self._wait()

    def toString(self) -> str:
        return "[object Object]"

    def _wait(self) -> None:
        self._handle = self._loop.call_later(self._delay_s, self._strike, context=self._context)
        if self._repeats:
            self._keep_place(self._handle)

    def _keep_place(self, handle: asyncio.TimerHandle) -> None:
        """An interval that strikes again was still made where setInterval() was called."""
        gate = self._context.get(current_gate)
        pending = {} if gate is None else gate.owner.residency.timers
        if handle in pending:
            since_s, place = pending[handle]
            self._place = self._place if place is None else place
            pending[handle] = (since_s, self._place)

    def _strike(self) -> None:
        if self._repeats:
            self._wait()
        self._callback()

    def _cancel(self) -> None:
        self._repeats = False
        if self._handle is not None:
            self._handle.cancel()


def _callback(owner: str, function: Any, args: tuple[Any, ...] = ()) -> Callable[[], None]:
    """What calls `function` later.

    A plain function is borrowed: it is dead when its time comes (spec §2.5).

    Raises:
        JsException: TypeError, if it is no function.
    """
    found = js_value(function)
    if not is_function(found):
        raise _refused(owner, found)
    if isinstance(found, PyProxy) and found.is_borrowed:
        warn(LISTENER, f"A plain function given to {owner}() is never called.")

    def call() -> None:
        if isinstance(found, PyProxy) and found.is_borrowed:
            return
        result = found(*args)
        if asyncio.iscoroutine(result):
            _ = asyncio.get_running_loop().create_task(result)

    return call


def _refused(owner: str, value: JsValue) -> JsException:
    """The timers' words are Node's."""
    if owner == "queueMicrotask":
        return type_error(
            "Failed to execute 'queueMicrotask' on 'ServiceWorkerGlobalScope': "
            "parameter 1 is not of type 'function'."
        )
    what = to_string(value)
    if value is not None and value is not jsnull:
        what = f"{_type_of(value)} ({inspect(value)})"
    return type_error(
        f'The "callback" argument must be of type function. Received {what}',
        code="ERR_INVALID_ARG_TYPE",
    )


def _type_of(value: JsValue) -> str:
    if isinstance(value, JsProxy):
        return f"an instance of {value.js_name}"
    return {str: "type string", bool: "type boolean"}.get(type(value), "type number")


def _delay_s(delay: Any) -> float:
    number = to_number(js_value(delay)) if delay is not None else 0.0
    return max(0.0, number) / 1000 if number == number else 0.0


def _set_timeout(function: Any = None, delay: Any = None, *args: Any) -> Timeout:
    return Timeout(_callback("setTimeout", function, args), _delay_s(delay), repeats=False)


def _set_interval(function: Any = None, delay: Any = None, *args: Any) -> Timeout:
    delay_s = max(_delay_s(delay), _INTERVAL_MIN_S)
    return Timeout(_callback("setInterval", function, args), delay_s, repeats=True)


def _set_immediate(function: Any = None, *args: Any) -> Timeout:
    return Timeout(_callback("setImmediate", function, args), 0.0, repeats=False)


def _clear(timeout: Any = None) -> None:
    if isinstance(timeout, Timeout):
        timeout._cancel()


def after_ms(delay_ms: float, callback: Callable[[], None]) -> Timeout:
    """Run host code after `delay_ms`, on behalf of the code that asks."""
    return Timeout(callback, delay_ms / 1000, repeats=False)


def _queue_microtask(function: Any = None) -> None:
    """Run `function` at the end of the turn, before anything else of the object runs."""
    callback = _callback("queueMicrotask", function)
    gate = current_gate.get()
    if gate is not None:
        gate.owner.microtasks.append(callback)
    else:
        asyncio.get_running_loop().call_soon(callback, context=fresh_context())


def _wait(delay: Any = None, options: Any = None, **keywords: Any) -> Promise:
    """`scheduler.wait(ms, {signal})`."""
    promise = Promise(loop=asyncio.get_running_loop())

    def settle(failure: JsValue = None) -> None:
        if promise.done():
            return
        if failure is None:
            promise.set_result(None)
        else:
            promise.set_exception(to_exception(failure))
            promise._log_traceback = False

    timeout = after_ms(_delay_s(delay) * 1000, settle)
    signal = member(options_of(options, keywords), "signal")
    if isinstance(signal, AbortSignal):
        if signal.aborted:
            settle(signal._reason)

        def abort() -> None:
            timeout._cancel()
            settle(signal._reason)

        signal._on_abort(abort)
    return promise


class Scheduler(JsProxy, js_name="Scheduler"):
    """`scheduler`."""

    def wait(self, delay: Any = None, options: Any = None, **keywords: Any) -> Promise:
        return _wait(delay, options, **keywords)


def timer_globals() -> dict[str, Any]:
    """The functions of this module, under JavaScript's names."""
    names: dict[str, Callable[..., Any]] = {
        "setTimeout": _set_timeout,
        "setInterval": _set_interval,
        "setImmediate": _set_immediate,
        "clearTimeout": _clear,
        "clearInterval": _clear,
        "clearImmediate": _clear,
        "queueMicrotask": _queue_microtask,
    }
    # They take Python values as they are: they need to see what is borrowed.
    globals_: dict[str, Any] = {name: HostFunction(name, fn) for name, fn in names.items()}
    globals_["scheduler"] = Scheduler()
    return globals_
